"""Container logs as conmon writes them, in Kubernetes' CRI format.

    lines     pure: one line of a file <-> time, stream, text
    reader    tail, since, follow, also across rotations
    rotation  keep a log's size within bounds without losing a byte

The file at a container's `log_path` grows; rotated, it becomes `<log_path>.<YYYYmmdd-HHMMSS.nanoseconds>` and a new
one begins.
"""

from wherry.engine.logs.reader import LogOptions, read

__all__ = ["LogOptions", "read"]
