"""An engine over a directory of its own, in cgroups of its own, and the check that it leaves nothing behind."""

import asyncio
import contextlib
import os
import secrets
from dataclasses import replace
from pathlib import Path
from typing import Any

from wherry import engine as engines
from wherry.engine.cgroups.groups import Groups
from wherry.engine.interface import ContainerSpec, ContainerStatus, SandboxSpec, Streams
from wherry.engine.logs import LogOptions, read
from wherry.linux import cgroupfs, mounts, procs

PATIENCE = 15.0


class Lab:
    """`async with Lab(root, images, archive) as lab`: `lab.engine` with the archive's image loaded as `lab.image`."""

    def __init__(self, root: Path, images: Path, archive: Path, runtime: str | None = None) -> None:
        self.runtime = runtime
        self.root, self.images, self.archive = root, images, archive
        self.logs = root.parent / "logs"
        self.prefix = f"wherrytest-{secrets.token_hex(4)}"
        self.number = 100_000 + secrets.randbelow(900_000)  # to recognise a process by, among others' tests
        self.groups = Groups()
        self._numbers = iter(range(1_000_000))

    async def __aenter__(self) -> "Lab":
        self.logs.mkdir(parents=True, exist_ok=True)
        await self.open()
        self.image = self.engine.images.find("busybox") or (await self.engine.images.load(self.archive))[0]
        return self

    async def open(self) -> None:
        self.engine = await engines.open(self.root, self.images, runtime=self.runtime)

    async def reopen(self) -> None:
        """As after a clean restart of the engine's process."""
        await self.engine.close()
        await self.open()

    async def __aexit__(self, *_: object) -> None:
        try:
            for sandbox in self.engine.sandboxes():
                await self.engine.remove_sandbox(sandbox.id)
            await self.engine.close()
        finally:  # also after a test that broke its engine
            self.groups.remove(self.prefix)
        left = self.left_behind()
        assert left == [], left

    def mounted(self) -> list[str]:
        """What the engine's work has put into the host's mount table: nothing, ever."""
        where = str(self.root)
        return [point.target for point in mounts.all_mounts() if where in point.target or where in point.data]

    def left_behind(self) -> list[str]:
        """Mounts, processes, cgroups and folders that should be gone."""
        found = [f"mount {target}" for target in self.mounted()]
        found += [f"process {line}" for line in command_lines() if str(self.root) in line or self.prefix in line]
        folders = self.groups.hierarchies.folders(self.prefix)
        found += [f"cgroup {folder}" for folder in folders if folder.exists()]
        for name in ("containers", "sandboxes", "runtime", "trash"):
            found += [str(path) for path in (self.root / name).iterdir()]
        return found

    async def sandbox(self, **fields: Any) -> str:
        name = f"{self.prefix}-s{next(self._numbers)}"
        spec = SandboxSpec(name, "box", None, f"{self.prefix}/{name}")
        await self.engine.create_sandbox(replace(spec, **fields))
        return name

    async def create(self, *command: str, sandbox: str = "", **fields: Any) -> str:
        """A container of busybox that logs; its id."""
        name = f"{self.prefix}-c{next(self._numbers)}"
        box = sandbox or await self.sandbox()
        log = str(self.logs / f"{name}.log")
        spec = ContainerSpec(name, box, "main", self.image.id, command=command, log_path=log)
        await self.engine.create(replace(spec, **fields))
        return name

    async def start(self, *command: str, sandbox: str = "", **fields: Any) -> str:
        name = await self.create(*command, sandbox=sandbox, **fields)
        await self.engine.start(name)
        return name

    async def end_of(self, container: str) -> ContainerStatus:
        return await asyncio.wait_for(self.engine.wait(container), PATIENCE)

    async def log(self, container: str, **options: Any) -> str:
        path = Path(self.engine.status(container).spec.log_path)
        return b"".join([piece async for piece in read(path, LogOptions(**options))]).decode()

    async def run(self, *command: str, sandbox: str = "", **fields: Any) -> str:
        """What a command prints, having ended well."""
        name = await self.start(*command, sandbox=sandbox, **fields)
        status = await self.end_of(name)
        output = await self.log(name)
        assert status.exit_code == 0, output
        return output

    async def sh(self, container: str, script: str) -> str:
        """What a script prints in a running container, having ended well."""
        code, output = await self.engine.exec_output(container, ["sh", "-c", script], PATIENCE)
        assert code == 0, output
        return output.decode()

    async def until(self, condition: Any, what: str) -> None:
        async with asyncio.timeout(PATIENCE):
            while not condition():  # noqa: ASYNC110 -- what is waited for happens outside of this process
                await asyncio.sleep(0.01)
        assert condition(), what


class Terminal:
    """One side of a session: what it wrote, what is typed."""

    def __init__(self, tty: bool = False, stdin: bool = True) -> None:
        self.out, self.err = bytearray(), bytearray()
        self.keyboard = asyncio.StreamReader()
        self.window: asyncio.Queue[tuple[int, int]] = asyncio.Queue()
        self.streams = Streams(
            self.keyboard if stdin else None, self._write, self._complain, tty, self.window if tty else None
        )
        self._changed = asyncio.Event()

    async def _write(self, data: bytes) -> None:
        self.out += data
        self._changed.set()

    async def _complain(self, data: bytes) -> None:
        self.err += data
        self._changed.set()

    def type(self, text: str) -> None:
        self.keyboard.feed_data(text.encode())

    async def sees(self, text: str) -> None:
        async with asyncio.timeout(PATIENCE):
            while text.encode() not in self.out + self.err:
                self._changed.clear()
                await self._changed.wait()


def command_lines() -> list[str]:
    lines = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and procs.state(int(entry.name)) not in ("", "Z"):
            try:
                lines.append(f"{entry.name} {(entry / 'cmdline').read_text().replace(chr(0), ' ')}")
            except OSError:
                continue
    return lines


def processes_in(lab: Lab, group: str) -> set[int]:
    return cgroupfs.processes(lab.groups.hierarchies, group)


def bury(child: int) -> None:
    """An ended process, if it is our child."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(child, os.WNOHANG)
