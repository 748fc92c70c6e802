"""wherry: Kubernetes and Docker, whole, in one `pip install`, on real containers.

Read `docs/architecture.md` first. The packages, from the top; each imports only what stands below it:

    testing      in-process cluster, fake clock, pytest plugin
    programs     one file a process: flags, build the real parts, run; no logic
    cli          the `wherry` command
    local        a cluster on this machine: its network, its processes, its state directory
    apiserver | scheduler | controllers | node | proxy | dns
    engine       containers: images, sandboxes, lifecycle, logs
    client | store
    linux | aio | pki
    wire         bytes <-> messages                        (pure)
    api          kinds, schema, defaults, validation       (pure)
    lib          quantities, selectors, names              (pure)
"""

__version__ = "0.1.0"
