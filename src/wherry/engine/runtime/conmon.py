"""conmon: the small monitor that is a container's parent, keeps its output and writes down its exit code.

One for each container, so that none of it depends on this process staying alive.
"""

import json
import os
import re
import subprocess
from pathlib import Path

from wherry.engine.interface import ContainerSpec, StartFailed
from wherry.engine.runtime.layout import ContainerPaths
from wherry.engine.runtime.tools import Tools

_LOG_LINE = re.compile(r'level=error msg="((?:[^"\\]|\\.)*)"')


def command(tools: Tools, spec: ContainerSpec, paths: ContainerPaths, runtime_root: Path) -> list[str]:
    log = f"k8s-file:{spec.log_path}" if spec.log_path else "none"
    arguments = [tools.conmon, "--api-version", "1", "-c", spec.id, "-u", spec.id, "-n", spec.name or spec.id]
    arguments += ["-r", tools.runtime, "-b", str(paths.folder), "--runtime-arg", f"--root={runtime_root}"]
    arguments += ["-p", str(paths.pid_file), "-P", str(paths.monitor_pid_file), "--exit-dir", str(paths.exits)]
    arguments += ["-l", log, "--log-level", "error", "--full-attach", "--no-sync-log"]
    if spec.tty:
        arguments.append("-t")
    if spec.stdin:
        arguments.append("-i")
        if not spec.stdin_once:
            arguments.append("--leave-stdin-open")
    return arguments


def create(arguments: list[str], paths: ContainerPaths) -> int:
    """Run conmon, which runs the OCI runtime's `create`; the container's first process, waiting to be started.
    Blocks. Raises StartFailed in the runtime's words."""
    ours, theirs = os.pipe()
    try:
        with open(paths.complaints, "wb") as complaints:
            process = subprocess.Popen(
                arguments,
                env={"PATH": os.environ.get("PATH", os.defpath), "_OCI_SYNCPIPE": str(theirs)},
                pass_fds=[theirs],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=complaints,
                cwd="/",
            )
    finally:
        os.close(theirs)
    with os.fdopen(ours, "rb") as pipe:
        answer = pipe.readline()
    process.wait()  # the first of conmon's two forks; the monitor itself goes on
    try:
        pid, message = _answer(answer)
    except ValueError:
        raise StartFailed(said(paths.complaints.read_text()) or "conmon ended without an answer") from None
    if pid <= 0:
        raise StartFailed(message or "the container runtime failed without a message")
    return pid


def _answer(line: bytes) -> tuple[int, str]:
    document = json.loads(line)
    return int(document.get("data", document.get("pid", -1))), said(str(document.get("message", "")))


def said(complaint: str) -> str:
    """A runtime's own words, without the frame of a log line that runc puts around them."""
    text = complaint.strip()
    logged = _LOG_LINE.search(text)
    return re.sub(r'\\(["\\])', r"\1", logged[1]) if logged else text


def resize(paths: ContainerPaths, columns: int, rows: int) -> None:
    """Of a container with a terminal."""
    _control(paths, f"1 {rows} {columns}\n")


def reopen_log(paths: ContainerPaths) -> None:
    """The log file was moved away: write to a new one of the old name."""
    _control(paths, "2 0 0\n")


def _control(paths: ContainerPaths, line: str) -> None:
    """Raises OSError (ENXIO: the monitor is gone)."""
    fd = os.open(paths.control, os.O_WRONLY | os.O_NONBLOCK)
    try:
        os.write(fd, line.encode())
    finally:
        os.close(fd)


def exit_code(paths: ContainerPaths) -> tuple[int, float] | None:
    """What the monitor wrote down, and when (seconds since the epoch); None: nothing."""
    try:
        return int(paths.exit_file.read_text()), paths.exit_file.stat().st_mtime
    except (OSError, ValueError):
        return None
