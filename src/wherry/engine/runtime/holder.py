"""The process that keeps a sandbox's namespaces, and the program that it runs.

A namespace lives as long as a process is in it (or a mount in the host's table, which must stay clean). The program
is some 200 bytes of machine code and costs 50 KB of kernel memory; it

    ignores SIGCHLD, so that the kernel buries the orphans of a shared PID namespace whose first process it is,
    reads one byte from standard input: at the end of the file instead (its maker died before the sandbox was on
    disk) it ends, so that none is ever left over,
    then sleeps for good.

Where the processor is another one, the same is done by /bin/sh and sleep.
"""

import os
import platform
import struct
import subprocess
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from wherry.engine.files import write_atomically
from wherry.engine.interface import SandboxSpec
from wherry.linux import mounts, procs

_BASE = 0x400000
_ELF_HEADER, _PROGRAM_HEADER = 64, 56

# rt_sigaction(SIGCHLD, {SIG_IGN}, NULL, 8); if read(0, sp, 1) != 1: exit(0); for (;;) pause();
_X86_64 = bytes.fromhex(
    "b80d000000 bf11000000 488d352f000000 31d2 41ba08000000 0f05"
    "31c0 31ff 4889e6 ba01000000 0f05 83f801 7509 b822000000 0f05 ebf7 b83c000000 31ff 0f05".replace(" ", "")
)
_AARCH64 = struct.pack(
    "<22I",
    0xD28010C8,  # mov x8, 134 (rt_sigaction)
    0xD2800220,  # mov x0, 17 (SIGCHLD)
    0x10000281,  # adr x1, data (20 instructions ahead)
    0xD2800002,  # mov x2, 0
    0xD2800103,  # mov x3, 8
    0xD4000001,  # svc 0
    0xD28007E8,  # mov x8, 63 (read)
    0xD2800000,  # mov x0, 0
    0x910003E1,  # mov x1, sp
    0xD2800022,  # mov x2, 1
    0xD4000001,  # svc 0
    0xF100041F,  # cmp x0, 1
    0x54000101,  # b.ne exit (8 ahead)
    0xD2800928,  # mov x8, 73 (ppoll)
    0xD2800000,  # mov x0, 0
    0xD2800001,  # mov x1, 0
    0xD2800002,  # mov x2, 0
    0xD2800003,  # mov x3, 0
    0xD4000001,  # svc 0
    0x17FFFFFA,  # b -6
    0xD2800BA8,  # mov x8, 93 (exit)
    0xD4000001,  # svc 0
)
_SIGACTION = struct.pack("<4Q", 1, 0, 0, 0)  # SIG_IGN
_CODE = {"x86_64": (62, _X86_64), "aarch64": (183, _AARCH64)}
_SHELL = ("/bin/sh", "-c", "trap '' CHLD; read -r go && while :; do sleep 2147483647; done")


def program(processor: str) -> bytes | None:
    """A whole ELF file for `processor` (as `uname -m` says), None if there is no code for it."""
    if processor not in _CODE:
        return None
    machine, code = _CODE[processor]
    body = code + _SIGACTION
    start = _ELF_HEADER + _PROGRAM_HEADER
    size = start + len(body)
    header = b"\x7fELF\x02\x01\x01" + bytes(9)
    header += struct.pack("<HHIQQQIHHHHHH", 2, machine, 1, _BASE + start, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    loadable = struct.pack("<IIQQQQQQ", 1, 5, 0, _BASE, _BASE, size, size, 0x1000)
    return header + loadable + body


@dataclass(frozen=True, slots=True)
class Held:
    """A holder that waits for its byte. `commit` after the sandbox is on disk; without it the holder ends."""

    pid: int
    commit: Callable[[], None]
    abandon: Callable[[], None]


def install(path: Path) -> None:
    """Write the program where it can be run from."""
    image = program(platform.machine())
    if image is not None and not (path.exists() and path.read_bytes() == image):
        write_atomically(path, image)
        path.chmod(0o755)


def hold(spec: SandboxSpec, executable: Path, shm: Path, netns: int | None) -> Held:
    """On a launcher's thread: make the sandbox's namespaces with a holder inside. `shm`: a folder; the sandbox's
    shared memory is mounted there in the holder's mount namespace. `netns`: open network namespace, for sysctls.
    Raises OSError."""
    result: list[Held | BaseException] = []

    def body() -> None:  # a thread of its own: what it leaves never needs to be entered again
        try:
            result.append(_hold(spec, executable, shm, netns))
        except BaseException as error:
            result.append(error)

    thread = threading.Thread(target=body, name="holder")
    thread.start()
    thread.join()
    if isinstance(result[0], BaseException):
        raise result[0]
    return result[0]


def _hold(spec: SandboxSpec, executable: Path, shm: Path, netns: int | None) -> Held:
    procs.unshare(procs.CLONE_FS | procs.CLONE_NEWNS)
    _mount_shm(spec, shm)
    flags = procs.CLONE_NEWUTS
    flags |= 0 if spec.host_ipc else procs.CLONE_NEWIPC
    flags |= procs.CLONE_NEWPID if spec.share_pid else 0
    procs.unshare(flags)
    procs.set_hostname(spec.hostname[:64])
    if netns is not None:
        procs.setns(netns, procs.CLONE_NEWNET)
    for name, value in spec.sysctls.items():
        Path("/proc/sys", *name.replace("/", ".").split(".")).write_text(value)
    return _spawn(spec, executable)


def _mount_shm(spec: SandboxSpec, shm: Path) -> None:
    if spec.host_ipc:
        mounts.bind("/dev/shm", shm)
        return
    flags = mounts.MS_NOSUID | mounts.MS_NODEV | mounts.MS_NOEXEC
    mounts.mount("shm", shm, "tmpfs", flags, "mode=1777,size=65536k")


def _spawn(spec: SandboxSpec, executable: Path) -> Held:
    arguments = [f"wherry-sandbox {spec.id}"] if executable.exists() else list(_SHELL)
    process = subprocess.Popen(
        arguments,
        executable=str(executable) if executable.exists() else None,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
        env={"PATH": os.defpath},
        start_new_session=True,
    )
    pipe = cast(BinaryIO, process.stdin)
    process.returncode = 0  # its end is watched by a pidfd; keep Popen from waiting or warning

    def commit() -> None:
        pipe.write(b"\n")
        pipe.close()

    return Held(process.pid, commit, pipe.close)
