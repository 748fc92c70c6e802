"""Logs: the format, reading, following, rotating."""

import asyncio

import pytest
from enginelab import PATIENCE

from wherry.engine.logs import LogOptions, lines, read
from wherry.engine.logs.reader import files
from wherry.engine.logs.rotation import remove, rotate


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"T stdout F hello", ("stdout", b"hello\n", True)),
        (b"T stderr P part", ("stderr", b"part", False)),
        (b"T stdout F ", ("stdout", b"\n", True)),
        (b"T stdout F", ("stdout", b"\n", True)),
        (b"T stdout F:tag a b ", ("stdout", b"a b \n", True)),
        (b"T stdin F x", None),
        (b"half a li", None),
        (b"", None),
    ],
)
def test_lines(raw, expected):
    line = lines.parse(raw)
    assert (line and (line.stream, line.text, line.whole)) == expected


@pytest.mark.parametrize(
    ("time", "utc", "seconds"),
    [
        (b"2026-01-02T03:04:05.123456789+00:00", b"2026-01-02T03:04:05.123456789Z", 1767323045.123456789),
        (b"2026-01-02T03:04:05.5Z", b"2026-01-02T03:04:05.500000000Z", 1767323045.5),
        (b"2026-01-02T03:04:05+02:00", b"2026-01-02T01:04:05.000000000Z", 1767315845.0),
        (b"2026-01-02T03:04:05.25-07:00", b"2026-01-02T10:04:05.250000000Z", 1767348245.25),
    ],
)
def test_times(time, utc, seconds):
    assert lines.in_utc(time) == utc
    assert lines.seconds(time) == pytest.approx(seconds, abs=1e-6)


def entry(number: int, text: str, stream: str = "stdout", tag: str = "F") -> str:
    return f"2026-01-02T03:04:{number % 60:02}.{number:09}+00:00 {stream} {tag} {text}\n"


async def everything(path, ended=None, **options) -> str:
    return b"".join([piece async for piece in read(path, LogOptions(**options), ended)]).decode()


@pytest.fixture
def log(tmp_path):
    path = tmp_path / "0.log"
    path.write_text("".join(entry(n, f"line {n}", "stderr" if n % 2 else "stdout") for n in range(10)))
    return path


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, [f"line {n}" for n in range(10)]),
        ({"tail": 3}, ["line 7", "line 8", "line 9"]),
        ({"tail": 0}, []),
        ({"tail": 100}, [f"line {n}" for n in range(10)]),
        ({"stream": "stderr"}, ["line 1", "line 3", "line 5", "line 7", "line 9"]),
        ({"since": 1767323040 + 8}, ["line 8", "line 9"]),
        ({"timestamps": True, "tail": 1}, ["2026-01-02T03:04:09.000000009Z line 9"]),
        ({"limit": 13}, ["line 0", "line 1"]),
    ],
)
async def test_reading(log, options, expected):
    assert (await everything(log, **options)).splitlines() == expected


async def test_parts_of_a_line_are_joined(tmp_path):
    path = tmp_path / "log"
    path.write_text(
        entry(1, "one ", tag="P") + entry(2, "aside", "stderr") + entry(3, "line", tag="F") + entry(4, "end")
    )
    assert await everything(path, stream="stdout") == "one line\nend\n"
    assert await everything(path, tail=1) == "end\n"
    shown = await everything(path, timestamps=True, stream="stdout")
    assert shown.splitlines()[0] == "2026-01-02T03:04:01.000000001Z one line"


async def test_long_logs_have_the_right_tail(tmp_path):
    path = tmp_path / "log"
    path.write_text("".join(entry(n, f"{n} " + "x" * (n * 37 % 3000)) for n in range(600)))
    for tail in (1, 50, 599, 600):
        shown = (await everything(path, tail=tail)).splitlines()
        assert [int(line.split()[0]) for line in shown] == list(range(600 - tail, 600))


async def test_a_line_larger_than_any_block(tmp_path):
    path = tmp_path / "log"
    path.write_text(entry(1, "first") + entry(2, "y" * 300_000) + entry(3, "last"))
    assert [len(line) for line in (await everything(path, tail=2)).splitlines()] == [300_000, 4]


async def test_a_log_that_is_not_there_is_empty(tmp_path):
    assert await everything(tmp_path / "none.log") == ""
    assert await everything(tmp_path / "nowhere" / "none.log") == ""


async def test_rotated_files_are_read_with_it(log):
    assert rotate(log, 10, 5, lambda: log.write_text(entry(10, "line 10")))
    assert (await everything(log)).splitlines() == [f"line {n}" for n in range(11)]
    assert (await everything(log, tail=2)).splitlines() == ["line 9", "line 10"]
    assert not rotate(log, 1000, 5, lambda: None)


async def test_other_files_beside_a_log_are_not_its(log):
    for name in ("0.log.tmp", "0.log.gz", "0.log.20260102-030405", "10.log.20260102-030405.000000001", "1.log"):
        (log.parent / name).write_text(entry(99, "not mine"))
    assert "not mine" not in await everything(log)


async def test_rotation_keeps_so_many_files(log):
    for number in range(6):
        rotate(log, 0, 3, lambda number=number: log.write_text(entry(number, f"file {number}")))
    assert len(files(log)) == 3
    assert (await everything(log)).splitlines() == ["file 3", "file 4", "file 5"]
    remove(log)
    assert list(log.parent.iterdir()) == []


async def test_a_writer_that_is_gone_keeps_its_log(log):
    def gone():
        raise OSError("no reader")

    with pytest.raises(OSError, match="no reader"):
        rotate(log, 0, 3, gone)
    assert files(log) == [log]


async def test_following_sees_what_comes_also_across_rotations(log):
    loop = asyncio.get_running_loop()
    ended = loop.create_future()
    seen = bytearray()

    async def follow():
        async for piece in read(log, LogOptions(follow=True, tail=1), ended):
            seen.extend(piece)

    async def sees(text):
        async with asyncio.timeout(PATIENCE):
            while text.encode() not in seen:  # noqa: ASYNC110 -- the reader tells nobody else
                await asyncio.sleep(0.005)

    reader = asyncio.ensure_future(follow())
    await sees("line 9")
    with log.open("a") as old:
        old.write(entry(10, "line 10"))
        old.flush()
        await sees("line 10")
        for number in (11, 12, 13):  # twice before the reader looks again
            rotate(log, 0, 9, lambda number=number: log.write_text(entry(number, f"line {number}")))
        await sees("line 13")
    with log.open("a") as new:
        new.write(entry(14, "line 14"))
    ended.set_result(None)
    await asyncio.wait_for(reader, PATIENCE)
    assert seen.decode().splitlines() == [f"line {n}" for n in range(9, 15)]


async def test_following_begins_before_the_log_is_there(tmp_path):
    path = tmp_path / "0.log"
    ended = asyncio.get_running_loop().create_future()
    reading = asyncio.ensure_future(everything(path, ended, follow=True))
    await asyncio.sleep(0.01)
    path.write_text(entry(1, "at last"))
    ended.set_result(None)
    assert await asyncio.wait_for(reading, PATIENCE) == "at last\n"


@pytest.mark.root
async def test_a_real_container_s_log_loses_nothing_in_rotation(lab):
    script = "i=0; while [ $i -lt 5000 ]; do echo line $i; i=$((i+1)); done"
    name = await lab.create("sh", "-c", script)
    await lab.engine.start(name)
    path = lab.logs / f"{name}.log"
    following = asyncio.ensure_future(everything(path, asyncio.ensure_future(lab.engine.wait(name)), follow=True))
    rotations = 0
    while lab.engine.status(name).state == "running":
        rotations += lab.engine.rotate_log(name, 10_000, 1000)
        await asyncio.sleep(0.005)
    expected = "".join(f"line {n}\n" for n in range(5000))
    assert await asyncio.wait_for(following, PATIENCE) == expected
    assert await everything(path) == expected
    assert rotations > 0
