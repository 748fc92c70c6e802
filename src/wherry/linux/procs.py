"""Processes: pidfds, namespaces of a thread, capabilities, limits.

Every call is thin: errors of the kernel come as `OSError` with the call's own errno.
"""

import ctypes
import os
import resource
import signal
from collections.abc import Collection
from pathlib import Path

CLONE_NEWNS = 0x00020000
CLONE_FS = 0x00000200
CLONE_NEWCGROUP = 0x02000000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000

_PR_SET_CHILD_SUBREAPER = 36
_PR_CAPBSET_READ = 23

# fmt: off
CAPABILITIES = (
    "CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP",
    "LINUX_IMMUTABLE", "NET_BIND_SERVICE", "NET_BROADCAST", "NET_ADMIN", "NET_RAW", "IPC_LOCK", "IPC_OWNER",
    "SYS_MODULE", "SYS_RAWIO", "SYS_CHROOT", "SYS_PTRACE", "SYS_PACCT", "SYS_ADMIN", "SYS_BOOT", "SYS_NICE",
    "SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "MKNOD", "LEASE", "AUDIT_WRITE", "AUDIT_CONTROL", "SETFCAP",
    "MAC_OVERRIDE", "MAC_ADMIN", "SYSLOG", "WAKE_ALARM", "BLOCK_SUSPEND", "AUDIT_READ", "PERFMON", "BPF",
    "CHECKPOINT_RESTORE",
)
# fmt: on
"""Names in the order of their numbers (linux/capability.h), without CAP_."""

libc = ctypes.CDLL(None, use_errno=True)


def check(result: int, what: str) -> int:
    """The result of a C call, or OSError with errno and `what` it was about."""
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), what)
    return result


def unshare(flags: int) -> None:
    """Leave namespaces (CLONE_NEW...) in the calling thread only."""
    check(libc.unshare(flags), "unshare")


def setns(fd: int, kind: int = 0) -> None:
    """Move the calling thread into the namespace that `fd` is open on; with a pidfd, `kind` says which of them."""
    check(libc.setns(fd, kind), "setns")


def set_hostname(name: str) -> None:
    """Of the calling thread's UTS namespace."""
    raw = name.encode()
    check(libc.sethostname(raw, len(raw)), "sethostname")


def become_subreaper() -> None:
    """Orphaned descendants become children of this process instead of init's."""
    check(libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), "prctl")


def bounding_set() -> frozenset[str]:
    """The capabilities this process may ever pass on; a set with another one makes an OCI runtime fail."""
    return frozenset(
        name for number, name in enumerate(CAPABILITIES) if libc.prctl(_PR_CAPBSET_READ, number, 0, 0, 0) == 1
    )


def hard_limit(name: str) -> int:
    """The hard limit of `RLIMIT_<name>`; -1 is unlimited."""
    return resource.getrlimit(getattr(resource, f"RLIMIT_{name}"))[1]


def raise_soft_limit(name: str) -> None:
    """Let this process use `RLIMIT_<name>` up to its hard limit."""
    kind = getattr(resource, f"RLIMIT_{name}")
    hard = resource.getrlimit(kind)[1]
    resource.setrlimit(kind, (hard, hard))


def oom_score_adj() -> int:
    return int(Path("/proc/self/oom_score_adj").read_text())


def start_time(pid: int) -> int:
    """When `pid` was started, in clock ticks after boot; 0 if there is no such process. With the pid it names a
    process for good, since pids are used again."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return 0
    return int(stat[stat.rindex(b")") + 2 :].split()[19])


def state(pid: int) -> str:
    """The state letter of /proc/<pid>/stat (`R`, `S`, `Z`, ...), "" if there is no such process."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return ""
    return chr(stat[stat.rindex(b")") + 2])


def open_pidfd(pid: int, started: int = 0) -> int | None:
    """A pidfd, or None if the process is gone (or, with `started`, if the pid is another process's now)."""
    if pid <= 0:
        return None
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return None
    if started and start_time(pid) != started:
        os.close(fd)
        return None
    return fd


def send_signal(pidfd: int, number: int) -> bool:
    """False: the process has ended."""
    try:
        signal.pidfd_send_signal(pidfd, number)
    except ProcessLookupError:
        return False
    return True


def reap(pidfd: int) -> int | None:
    """Collect an ended child. Its exit code (128 + signal if one killed it), None if it is no child or still runs."""
    try:
        result = os.waitid(os.P_PIDFD, pidfd, os.WEXITED | os.WNOHANG)
    except ChildProcessError:
        return None
    if result is None:
        return None
    return result.si_status if result.si_code == os.CLD_EXITED else 128 + result.si_status


def descendants(pid: int) -> list[int]:
    """Children and their children, those nearest to `pid` first."""
    found: list[int] = []
    level = [pid]
    while level:
        level = [child for parent in level for child in _children(parent)]
        found += level
    return found


def _children(pid: int | str) -> list[int]:
    return [int(child) for task in Path(f"/proc/{pid}/task").glob("*/children") for child in _text(task).split()]


def reap_strays(spare: Collection[int] = ()) -> int:
    """Bury ended children that live in PID namespaces below ours; how many there were.

    A subreaper inherits what enters a container's PID namespace from outside and loses its parent; until such a
    zombie is buried the namespace's own first process cannot end. Other children, and those to `spare`, are their
    makers' to wait for.
    """
    buried = 0
    for pid in _children("self"):
        if pid not in spare and state(pid) == "Z" and _depth(pid) > 1:
            try:
                buried += os.waitpid(pid, os.WNOHANG)[0] == pid
            except ChildProcessError:  # another thread was faster
                pass
    return buried


def _depth(pid: int) -> int:
    """In how many PID namespaces a process has a number, as far as they can be seen from here."""
    lines = _text(Path(f"/proc/{pid}/status")).splitlines()
    return next((len(line.split()) - 1 for line in lines if line.startswith("NSpid:")), 0)


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


def signal_number(name: str) -> int:
    """`SIGTERM`, `TERM`, `15`, `RTMIN+3` -> 15, ... Raises ValueError."""
    text = name.upper().removeprefix("SIG")
    if text.isdigit():
        return int(text)
    base, plus, offset = text.partition("+")
    try:
        number = signal.Signals[f"SIG{base}"].value + (int(offset) if plus else 0)
    except (KeyError, ValueError):
        raise ValueError(f"unknown signal {name!r}") from None
    return number
