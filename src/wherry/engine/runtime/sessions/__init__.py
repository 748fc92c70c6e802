"""People and probes in a running container.

execution   another process beside the container's own, by the OCI runtime's `exec`
attachment  the container's own streams, through its monitor's socket
pumps       bytes between file descriptors and callbacks, with back-pressure
"""
