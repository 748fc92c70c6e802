"""Profiles as the kernel's programs, compiled once.

A compiled program saves crun some 20 ms a container. Programs lie in a folder under the hash of what they were made
from, so a change of profile or of capabilities makes a new one.
"""

import hashlib
import logging
import os
import tempfile
from pathlib import Path
from typing import Any

import orjson

log = logging.getLogger(__name__)

_UNKNOWN = -1  # what libseccomp says of a name that it does not have


class Compiler:
    """Compiles OCI seccomp objects; `folder` keeps the results."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._programs: dict[str, bytes | None] = {}

    def program(self, seccomp: dict[str, Any]) -> bytes | None:
        """The program, or None where libseccomp is missing or cannot express the profile: the runtime then compiles
        the JSON form itself, more slowly."""
        key = hashlib.sha256(orjson.dumps(seccomp)).hexdigest()
        if key not in self._programs:
            self._programs[key] = self._load(key) or self._make(key, seccomp)
        return self._programs[key]

    def _load(self, key: str) -> bytes | None:
        try:
            return (self._folder / key).read_bytes() or None
        except OSError:
            return None

    def _make(self, key: str, seccomp: dict[str, Any]) -> bytes | None:
        try:
            program = compile_bpf(seccomp)
        except (ImportError, RuntimeError, OSError, ValueError, AttributeError) as error:
            log.warning("this seccomp profile is left to the runtime: %s", error)
            return None
        self._folder.mkdir(parents=True, exist_ok=True)
        temporary = self._folder / f".{key}.{os.getpid()}"
        temporary.write_bytes(program)
        temporary.replace(self._folder / key)
        return program


def compile_bpf(seccomp: dict[str, Any]) -> bytes:
    """By libseccomp. System calls that it does not know are left out, as the runtimes do. Raises OSError, ValueError,
    AttributeError (an unknown architecture or comparison), RuntimeError (no libseccomp)."""
    import pyseccomp  # loads a C library; only a program that is not on disk yet needs it

    default = _action(pyseccomp, seccomp["defaultAction"], seccomp.get("defaultErrnoRet", 1))
    program = pyseccomp.SyscallFilter(defaction=default)
    for name in seccomp.get("architectures") or ():
        architecture = getattr(pyseccomp.Arch, name.removeprefix("SCMP_ARCH_"))
        if not program.exist_arch(architecture):
            program.add_arch(architecture)
    for rule in seccomp["syscalls"]:
        action = _action(pyseccomp, rule["action"], rule.get("errnoRet", 1))
        if action != default:
            _add(pyseccomp, program, action, rule)
    with tempfile.TemporaryFile() as file:
        program.export_bpf(file)
        file.seek(0)
        return file.read()


def _add(pyseccomp: Any, program: Any, action: int, rule: dict[str, Any]) -> None:
    arguments = [_argument(pyseccomp, argument) for argument in rule.get("args") or ()]
    for name in rule["names"]:
        number = pyseccomp.resolve_syscall(pyseccomp.Arch.NATIVE, name)
        if number != _UNKNOWN:
            program.add_rule(action, number, *arguments)


def _argument(pyseccomp: Any, argument: dict[str, Any]) -> Any:
    op = getattr(pyseccomp, argument["op"].removeprefix("SCMP_CMP_"))
    first, second = argument["value"], argument.get("valueTwo") or 0
    return pyseccomp.Arg(argument["index"], op, first, second)


def _action(pyseccomp: Any, name: str, errno: int) -> int:
    short = name.removeprefix("SCMP_ACT_")
    if short == "ERRNO":
        return int(pyseccomp.ERRNO(errno))
    if short not in ("ALLOW", "KILL", "KILL_PROCESS", "KILL_THREAD", "LOG", "TRAP"):
        raise ValueError(f"unknown seccomp action {name!r}")
    return int(getattr(pyseccomp, short))
