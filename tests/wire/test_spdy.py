"""SPDY/3.1 frames."""

import struct
import zlib

import pytest

from wherry.wire import spdy
from wherry.wire.spdy import Frame, Session, SpdyError

FRAMES = [
    Frame(spdy.SYN_STREAM, 1, (("streamtype", "stdout"), ("port", "80"))),
    Frame(spdy.SYN_REPLY, 1),
    Frame(0, 1, data=b"hello"),
    Frame(0, 1, data=b"", fin=True),
    Frame(spdy.SYN_STREAM, 3, (("streamtype", "error"), ("port", "80"), ("port", "81")), fin=True),
    Frame(spdy.RST_STREAM, 3, status=spdy.CANCEL),
    Frame(spdy.PING, status=7),
    Frame(spdy.GOAWAY, 3, status=0),
]


def test_the_dictionary_is_that_of_the_protocol():
    assert zlib.adler32(spdy.DICTIONARY) == 0xE3C6A7C2


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_frames_survive_any_cut(size):
    sender, receiver = Session(), Session()
    raw = b"".join(sender.send(frame) for frame in FRAMES)
    found = [frame for start in range(0, len(raw), size) for frame in receiver.feed(raw[start : start + size])]
    assert found == FRAMES


def test_bytes_of_frames():
    session = Session()
    assert session.send(Frame(0, 5, data=b"ab", fin=True)) == b"\x00\x00\x00\x05\x01\x00\x00\x02ab"
    assert session.send(Frame(spdy.PING, status=2)) == b"\x80\x03\x00\x06\x00\x00\x00\x04\x00\x00\x00\x02"
    opened = session.send(Frame(spdy.SYN_STREAM, 1, (("a", "b"),)))
    assert opened[:4] == b"\x80\x03\x00\x01"
    assert opened[8:18] == b"\x00\x00\x00\x01" + bytes(6)
    assert opened[18:20] == b"\x78\xbb"
    assert opened[20:24] == b"\xe3\xc6\xa7\xc2"


def test_settings_and_window_updates_are_ignored():
    raw = b"".join(struct.pack(">HHI", 0x8003, kind, 4) + bytes(4) for kind in (spdy.SETTINGS, spdy.WINDOW_UPDATE))
    assert Session().feed(raw) == []


@pytest.mark.parametrize(
    "raw",
    [
        b"\x80\x02\x00\x06\x00\x00\x00\x04\x00\x00\x00\x02",
        b"\x80\x03\x00\x01\x00\x00\x00\x0c" + bytes(12),
        b"\x80\x03\x00\x03\x00\x00\x00\x02\x00\x00",
    ],
)
def test_what_is_no_spdy(raw):
    with pytest.raises(SpdyError):
        Session().feed(raw)
