"""Kubernetes' channels over WebSocket: exec, attach and port-forward.

A message is the number of a channel and bytes. The subprotocol says what a number means and whether a channel can be
closed: `v5.channel.k8s.io` (a message on channel 255 names the channel that ends), `v4.channel.k8s.io`, and their
forms in base64 text where the number is a digit.

Source: Kubernetes v1.36, k8s.io/streaming and the kubelet's remote-command server.
"""

import base64
import binascii
import json
from dataclasses import dataclass
from typing import Any

STDIN, STDOUT, STDERR, ERROR, RESIZE = range(5)
CLOSE = 255

V5, V4, V1 = "v5.channel.k8s.io", "v4.channel.k8s.io", "channel.k8s.io"
V4_BASE64, V1_BASE64 = "v4.base64.channel.k8s.io", "base64.channel.k8s.io"
REMOTE_COMMAND = (V5, V4, V4_BASE64, V1, V1_BASE64, "")
PORT_FORWARD = (V4, V4_BASE64)

_NON_ZERO = "NonZeroExitCode"


class ChannelError(ValueError):
    """A message that no channel can carry."""


@dataclass(frozen=True, slots=True)
class Frame:
    """Bytes for a channel. `closes`: the channel ends (and `data` is empty)."""

    channel: int
    data: bytes = b""
    closes: bool = False


def is_base64(subprotocol: str) -> bool:
    return subprotocol in (V4_BASE64, V1_BASE64)


def encode(frame: Frame, subprotocol: str = V5) -> bytes | str:
    """One WebSocket message."""
    if is_base64(subprotocol):
        return str(frame.channel) + base64.b64encode(frame.data).decode()
    return bytes([frame.channel]) + frame.data


def decode(message: bytes | str, subprotocol: str = V5) -> Frame:
    """Raises ChannelError."""
    if is_base64(subprotocol):
        return _decode_text(message if isinstance(message, str) else message.decode("latin-1"))
    raw = message.encode() if isinstance(message, str) else message
    if not raw:
        raise ChannelError("a message without a channel")
    if raw[0] == CLOSE and subprotocol == V5:
        if len(raw) != 2:
            raise ChannelError("a close names one channel")
        return Frame(raw[1], closes=True)
    return Frame(raw[0], bytes(raw[1:]))


def _decode_text(text: str) -> Frame:
    if not text or not text[0].isdigit():
        raise ChannelError("a message without a channel")
    try:
        return Frame(int(text[0]), base64.b64decode(text[1:], validate=True))
    except binascii.Error as error:
        raise ChannelError("a message that is not base64") from error


def close(channel: int) -> bytes:
    """The message that ends a channel (v5 only)."""
    return bytes([CLOSE, channel])


def resize(data: bytes) -> tuple[int, int]:
    """Columns and rows from a message on the resize channel. Raises ChannelError."""
    try:
        size = json.loads(data)
        return int(size["Width"]), int(size["Height"])
    except (ValueError, KeyError, TypeError) as error:
        raise ChannelError("not a terminal size") from error


def success() -> dict[str, Any]:
    """The Status that ends a command that went well."""
    return {"metadata": {}, "status": "Success"}


def exit_status(code: int) -> dict[str, Any]:
    """The Status of a command that ended with `code`."""
    if code == 0:
        return success()
    return {
        "metadata": {},
        "status": "Failure",
        "message": f"command terminated with non-zero exit code: exit status {code}",
        "reason": _NON_ZERO,
        "details": {"causes": [{"reason": "ExitCode", "message": str(code)}]},
    }


def failure(message: str) -> dict[str, Any]:
    """The Status of a command that could not be run."""
    return {"metadata": {}, "status": "Failure", "message": message, "reason": "InternalError", "code": 500}


def exit_code(status: dict[str, Any]) -> int | None:
    """What a Status on the error channel says of the exit code; None: the command could not be run."""
    if status.get("status") == "Success":
        return 0
    for cause in (status.get("details") or {}).get("causes") or []:
        if status.get("reason") == _NON_ZERO and cause.get("reason") == "ExitCode":
            return int(cause["message"])
    return None
