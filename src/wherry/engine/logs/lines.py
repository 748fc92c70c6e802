"""One line of a CRI log: `2026-01-02T03:04:05.678901234+00:00 stdout F text`.

The third word is F for a line that the program ended and P for a part of one that is longer than the writer's buffer
or has not been ended yet. Source: Kubernetes' design proposal "CRI: container stdout/stderr logs".
"""

from dataclasses import dataclass
from datetime import UTC, datetime

_NANOSECONDS = 9


@dataclass(frozen=True, slots=True)
class Line:
    """`time` as it stands in the file; `text` with its newline where the program ended the line."""

    time: bytes
    stream: str
    text: bytes
    whole: bool


def parse(raw: bytes) -> Line | None:
    """None: not a line of this format (a crash cut it off). `raw` comes without its newline."""
    fields = raw.split(b" ", 3)
    if len(fields) < 3 or fields[1] not in (b"stdout", b"stderr"):
        return None
    whole = not fields[2].startswith(b"P")
    text = fields[3] if len(fields) == 4 else b""
    return Line(fields[0], fields[1].decode(), text + b"\n" if whole else text, whole)


def seconds(time: bytes) -> float:
    """Since the epoch. Raises ValueError."""
    text = time.decode()
    whole, fraction, zone = _split(text)
    return datetime.fromisoformat(whole + zone).timestamp() + (float(f"0.{fraction}") if fraction else 0.0)


def in_utc(time: bytes) -> bytes:
    """With nine digits and `Z`, as Kubernetes shows it. What cannot be read stays as it is."""
    try:
        whole, fraction, zone = _split(time.decode())
        if zone not in ("+00:00", "Z"):
            whole = datetime.fromisoformat(whole + zone).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")
    except ValueError:
        return time
    return f"{whole}.{fraction[:_NANOSECONDS].ljust(_NANOSECONDS, '0')}Z".encode()


def _split(text: str) -> tuple[str, str, str]:
    """Whole seconds, digits of the fraction, zone."""
    whole, rest = text[:19], text[19:]
    fraction = rest[1:].split("Z")[0].split("+")[0].split("-")[0] if rest.startswith(".") else ""
    zone = rest[len(fraction) + 1 :] if fraction else rest
    return whole, fraction, zone.replace("Z", "+00:00")
