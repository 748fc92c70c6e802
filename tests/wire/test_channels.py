"""Channels over WebSocket, byte by byte."""

import pytest

from wherry.wire import channels
from wherry.wire.channels import ChannelError, Frame

FRAMES = [
    (channels.V5, Frame(1, b"hello"), b"\x01hello"),
    (channels.V4, Frame(0, b""), b"\x00"),
    (channels.V4, Frame(255, b"\x00"), b"\xff\x00"),
    (channels.V4_BASE64, Frame(2, b"hello"), "2aGVsbG8="),
    (channels.V1_BASE64, Frame(0, b""), "0"),
]


@pytest.mark.parametrize(("subprotocol", "frame", "message"), FRAMES)
def test_frames(subprotocol, frame, message):
    assert channels.encode(frame, subprotocol) == message
    assert channels.decode(message, subprotocol) == frame


def test_version_5_closes_a_channel():
    assert channels.close(channels.STDIN) == b"\xff\x00"
    assert channels.decode(b"\xff\x00", channels.V5) == Frame(channels.STDIN, closes=True)


@pytest.mark.parametrize(
    ("subprotocol", "message"),
    [(channels.V5, b""), (channels.V5, b"\xff"), (channels.V4_BASE64, "x"), (channels.V4_BASE64, "1!")],
)
def test_messages_that_make_no_sense(subprotocol, message):
    with pytest.raises(ChannelError):
        channels.decode(message, subprotocol)


def test_terminal_sizes():
    assert channels.resize(b'{"Width":80,"Height":24}') == (80, 24)
    for bad in (b"", b"[]", b'{"Width":1}'):
        with pytest.raises(ChannelError):
            channels.resize(bad)


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (channels.success(), 0),
        (channels.exit_status(0), 0),
        (channels.exit_status(3), 3),
        (channels.failure("no such container"), None),
    ],
)
def test_how_a_command_ended(status, code):
    assert channels.exit_code(status) == code
