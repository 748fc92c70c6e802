"""What a node is told at its start, and where its files are."""

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class NodeConfig:
    """`address`: the node's own. `capacity`: what the machine has, as resource quantities; `memory`: bytes of it.
    `cgroup_root` is relative to each hierarchy."""

    name: str
    address: str
    state_dir: Path
    profile: str = "wherry"
    pod_cidr: str = ""
    cluster_dns: str = ""
    cluster_domain: str = "cluster.local"
    netns: str = ""
    boot_id: str = ""
    capacity: dict[str, str] = field(default_factory=dict)
    memory: int = 0
    port: int = 10250

    @property
    def cgroup_root(self) -> str:
        return f"wherry/{self.profile}/{self.name}"

    @property
    def pods_dir(self) -> Path:
        return self.state_dir / "pods"

    @property
    def memory_dir(self) -> Path:
        """A tmpfs: secrets and tokens never reach a disk."""
        return self.state_dir / "memory"

    @property
    def logs_dir(self) -> Path:
        return self.state_dir / "logs" / "pods"

    @property
    def seccomp_dir(self) -> Path:
        return self.state_dir / "seccomp"

    def pod_dir(self, uid: str) -> Path:
        return self.pods_dir / uid

    def volume_dir(self, uid: str, type: str, name: str) -> Path:
        """Where a volume of a pod is on disk."""
        return self.pods_dir / uid / "volumes" / type / name

    def memory_volume_dir(self, uid: str, type: str, name: str) -> Path:
        """The same for one that must stay in memory."""
        return self.memory_dir / uid / type / name

    def log_dir(self, namespace: str, name: str, uid: str) -> Path:
        return self.logs_dir / f"{namespace}_{name}_{uid}"

    def log_path(self, pod: tuple[str, str, str], container: str, attempt: int) -> Path:
        """`pod`: namespace, name, uid."""
        return self.log_dir(*pod) / container / f"{attempt}.log"

    def termination_path(self, uid: str, container: str, attempt: int) -> Path:
        """The file behind a container's terminationMessagePath."""
        return self.pods_dir / uid / "containers" / container / f"{attempt}.message"
