"""What is on disk about a sandbox and a container; with it a new engine finds everything again."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import msgspec

from wherry.engine.files import write_atomically
from wherry.engine.interface import ContainerStatus, State
from wherry.engine.specs import ContainerSpec, Image, SandboxSpec

Record = TypeVar("Record")


@dataclass(frozen=True, slots=True)
class SandboxRecord:
    """`holder` keeps the namespaces; 0: not made yet. `holder_started` tells it from a later owner of its pid."""

    spec: SandboxSpec
    created_at: float
    holder: int = 0
    holder_started: int = 0


@dataclass(frozen=True, slots=True)
class ContainerRecord:
    """`launching` is set while the runtime works: found so by a new engine, the start did not come to its end."""

    spec: ContainerSpec
    image: Image
    created_at: float
    state: State = "created"
    launching: bool = False
    pid: int = 0
    pid_started: int = 0
    monitor: int = 0
    monitor_started: int = 0
    started_at: float = 0
    finished_at: float = 0
    exit_code: int = 0
    oom_killed: bool = False
    message: str = ""
    reason: str = ""

    def status(self) -> ContainerStatus:
        return ContainerStatus(
            id=self.spec.id,
            spec=self.spec,
            state=self.state,
            pid=self.pid if self.state == "running" else 0,
            created_at=self.created_at,
            started_at=self.started_at,
            finished_at=self.finished_at,
            exit_code=self.exit_code,
            oom_killed=self.oom_killed,
            message=self.message,
        )

    def exited(self, exit_code: int, at: float, message: str = "", oom_killed: bool = False) -> "ContainerRecord":
        return replace(
            self,
            state="exited",
            launching=False,
            exit_code=exit_code,
            finished_at=at,
            message=message,
            oom_killed=oom_killed,
        )


def save(path: Path, record: SandboxRecord | ContainerRecord) -> None:
    write_atomically(path, msgspec.json.encode(record))


def load(path: Path, kind: type[Record]) -> Record | None:
    """None: there is no whole record, since its maker was interrupted before the first write ended."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (OSError, msgspec.MsgspecError):
        return None
