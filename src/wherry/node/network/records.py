"""What pods were given, one small file a pod: the memory across restarts of the agent.

A file is written whole and renamed into place, so a killed agent leaves the old or the new one. It is not synced to
the disk: after a power cut there are no pods whose addresses could matter, and a damaged file counts as none.
"""

import logging
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

import orjson

from wherry.node.network.plan import HostPort, Record

log = logging.getLogger(__name__)


class Records:
    """The records in a directory, held in memory by pod uid. `last` is the address given most recently."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._records: dict[str, Record] = {}
        self.last: str | None = None

    def load(self) -> None:
        """Read what is on disk; what cannot be understood is thrown away."""
        self._directory.mkdir(parents=True, exist_ok=True)
        self._records.clear()
        for path in self._directory.iterdir():
            record = _read(path)
            if record is None or path.name != record.uid:
                path.unlink()
            else:
                self._records[record.uid] = record

    def get(self, uid: str) -> Record | None:
        return self._records.get(uid)

    def all(self) -> list[Record]:
        return list(self._records.values())

    def put(self, record: Record) -> None:
        """Durable against the end of this process when it returns."""
        path = self._directory / record.uid
        temporary = self._directory / f".{record.uid}"
        temporary.write_bytes(orjson.dumps(asdict(record)))
        os.replace(temporary, path)
        self._records[record.uid] = record
        self.last = record.ip

    def remove(self, uid: str) -> None:
        (self._directory / uid).unlink(missing_ok=True)
        self._records.pop(uid, None)


def _read(path: Path) -> Record | None:
    try:
        data: dict[str, Any] = orjson.loads(path.read_bytes())
        ports = tuple(HostPort(**port) for port in data.pop("host_ports"))
        return Record(**data, host_ports=ports)
    except (ValueError, TypeError, KeyError, AttributeError):
        log.warning("%s is damaged and is ignored", path)
        return None
