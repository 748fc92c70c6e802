"""Every command, in the order of `wherry --help`.

The help line is here and not read from the command's own module, so that `--help` imports nothing.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Entry:
    """A command: its module below `wherry.cli`, the attribute there, its section and line in the help."""

    name: str
    module: str
    section: str
    help: str

    @property
    def attribute(self) -> str:
        return self.name.replace("-", "_")


CLUSTER, USE, IMAGES, PARTS = "The cluster", "Working with it", "This installation", "Processes of a cluster"

COMMANDS: tuple[Entry, ...] = (
    Entry("start", "cluster", CLUSTER, "Start a cluster, or add nodes to it."),
    Entry("status", "cluster", CLUSTER, "Show what runs."),
    Entry("stop", "cluster", CLUSTER, "Stop everything; the state stays."),
    Entry("delete", "cluster", CLUSTER, "Delete the cluster; nothing of it is left."),
    Entry("profile", "profile", CLUSTER, "List the clusters on this machine."),
    Entry("apply", "apply", USE, "Create or change objects from manifests."),
    Entry("kubectl", "kubectl", USE, "Run kubectl against the cluster."),
    Entry("kubeconfig", "kubeconfig", USE, "Print the administrator's kubeconfig."),
    Entry("image", "image", USE, "Make, load, pull, list and remove images."),
    Entry("ip", "machine", USE, "Print a node's address."),
    Entry("ssh", "machine", USE, "Open a shell, or run a command, on a node."),
    Entry("logs", "logs", USE, "Show the logs of the cluster's own processes."),
    Entry("doctor", "doctor", IMAGES, "Check what this machine has and lacks."),
    Entry("version", "version", IMAGES, "Print versions."),
    Entry("apiserver", "processes", PARTS, "Run an API server and its store."),
    Entry("controllers", "processes", PARTS, "Run the scheduler and the controllers."),
    Entry("node", "processes", PARTS, "Run a node: agent, engine, service proxy, DNS."),
    Entry("supervisor", "processes", PARTS, "Keep the processes of a profile running."),
)
