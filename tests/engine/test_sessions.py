"""exec and attach, with real containers."""

import asyncio

import pytest
from enginelab import PATIENCE, Lab, Terminal, command_lines

from wherry.engine.interface import ContainerNotFound
from wherry.engine.runtime import tools

pytestmark = pytest.mark.root


@pytest.fixture(params=["crun", "runc"])
async def lab(request, tmp_path, image_folder, busybox):
    """Both runtimes: their `exec` differ."""
    if not tools.installed(request.param):
        pytest.skip(f"there is no {request.param} here")
    async with Lab(tmp_path / "engine", image_folder, busybox, request.param) as laboratory:
        yield laboratory


async def test_exec_gives_output_and_exit_code(lab):
    name = await lab.start("sleep", "1000")
    visit = Terminal(stdin=False)
    code = await lab.engine.exec(name, ["sh", "-c", "echo out; echo err >&2; exit 5"], visit.streams)
    assert (code, bytes(visit.out), bytes(visit.err)) == (5, b"out\n", b"err\n")


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (["sh", "-c", "exit 255"], 255),
        (["/no/such/program"], 127),
        (["no-such-program"], 127),
        (["/etc/passwd"], 126),
        (["sh", "-c", "kill -9 $$"], 137),
    ],
)
async def test_exec_codes_are_a_shell_s(lab, command, code):
    name = await lab.start("sleep", "1000")
    assert (await lab.engine.exec_output(name, command, PATIENCE))[0] == code


async def test_a_command_that_cannot_run_does_not_keep_the_container_from_ending(lab):
    name = await lab.start("sleep", "1000")
    await lab.engine.exec_output(name, ["/no/such/program"], PATIENCE)
    await lab.engine.stop(name, 0)
    assert lab.engine.status(name).exit_code == 137


async def test_exec_has_the_container_s_user_environment_and_folder(lab):
    name = await lab.start("sleep", "1000", env=(("BOAT", "wherry"),), working_dir="/tmp")
    assert await lab.sh(name, "echo $BOAT; pwd; id -u") == "wherry\n/tmp\n0\n"


async def test_exec_passes_stdin_and_its_end(lab):
    name = await lab.start("sleep", "1000")
    visit = Terminal()
    visit.type("one\ntwo\n")
    visit.keyboard.feed_eof()
    assert await asyncio.wait_for(lab.engine.exec(name, ["cat"], visit.streams), PATIENCE) == 0
    assert visit.out == b"one\ntwo\n"


async def test_exec_passes_much(lab):
    name = await lab.start("sleep", "1000")
    visit = Terminal()
    data = "0123456789abcdef" * 65_536
    visit.type(data)
    visit.keyboard.feed_eof()
    assert await asyncio.wait_for(lab.engine.exec(name, ["cat"], visit.streams), PATIENCE) == 0
    assert visit.out == data.encode()


async def test_exec_with_a_terminal(lab):
    name = await lab.start("sleep", "1000")
    visit = Terminal(tty=True)
    visit.window.put_nowait((100, 40))
    session = asyncio.ensure_future(lab.engine.exec(name, ["sh"], visit.streams))
    await visit.sees("#")
    visit.type("stty size; tty\n")
    await visit.sees("40 100")
    await visit.sees("/dev/pts/0")
    visit.window.put_nowait((90, 30))
    await lab.until(visit.window.empty, "the new size is told")
    visit.type("stty size; exit 6\n")
    assert await asyncio.wait_for(session, PATIENCE) == 6
    assert b"30 90" in visit.out


async def test_exec_with_a_terminal_says_what_it_cannot_run(lab):
    name = await lab.start("sleep", "1000")
    visit = Terminal(tty=True)
    assert await asyncio.wait_for(lab.engine.exec(name, ["no-such-program"], visit.streams), PATIENCE) == 127
    assert b"no-such-program" in visit.out + visit.err


async def test_exec_ends_although_it_left_something_in_the_background(lab):
    name = await lab.start("sleep", "1000")
    code, output = await lab.engine.exec_output(name, ["sh", "-c", "sleep 500 & echo done"], PATIENCE)
    assert (code, output) == (0, b"done\n")


async def test_exec_output_is_bounded(lab):
    name = await lab.start("sleep", "1000")
    code, output = await lab.engine.exec_output(name, ["sh", "-c", "yes | head -c 100000"], PATIENCE)
    assert (code, len(output)) == (0, 10 * 1024)


async def test_a_late_exec_is_killed(lab):
    name = await lab.start("sleep", "1000")
    with pytest.raises(TimeoutError):
        await lab.engine.exec_output(name, ["sh", "-c", f"sleep 2468 & sleep {lab.number}"], 0.3)
    await lab.until(lambda: not any(f"sleep {lab.number}" in line for line in command_lines()), "it is gone")
    assert f"sleep {lab.number}" not in await lab.sh(name, "ps")


async def test_a_user_who_leaves_takes_the_command_along(lab):
    name = await lab.start("sleep", "1000")
    visit = Terminal(tty=True)
    session = asyncio.ensure_future(
        lab.engine.exec(name, ["sh", "-c", f"echo here; sleep {lab.number}"], visit.streams)
    )
    await visit.sees("here")
    session.cancel()
    await asyncio.gather(session, return_exceptions=True)
    await lab.until(lambda: not any(f"sleep {lab.number}" in line for line in command_lines()), "it is gone")


async def test_exec_needs_a_running_container(lab):
    name = await lab.start("true")
    await lab.end_of(name)
    with pytest.raises(ContainerNotFound):
        await lab.engine.exec_output(name, ["true"], PATIENCE)


async def test_many_execs_at_once(lab):
    name = await lab.start("sleep", "1000")
    answers = await asyncio.gather(
        *(lab.engine.exec_output(name, ["sh", "-c", f"echo {n}; exit {n}"], PATIENCE) for n in range(10))
    )
    assert answers == [(n, f"{n}\n".encode()) for n in range(10)]


async def test_attach_sees_what_is_said_from_now_on(lab):
    name = await lab.start("sh", "-c", "echo before; read go; echo after; echo wrong >&2; exit 3", stdin=True)
    await lab.until(lambda: "before" in (lab.logs / f"{name}.log").read_text(), "it runs")
    visit = Terminal()
    session = asyncio.ensure_future(lab.engine.attach(name, visit.streams))
    visit.type("go\n")
    await asyncio.wait_for(session, PATIENCE)
    assert (bytes(visit.out), bytes(visit.err)) == (b"after\n", b"wrong\n")
    assert (await lab.end_of(name)).exit_code == 3


async def test_attach_with_a_terminal(lab):
    name = await lab.start("sh", tty=True, stdin=True)
    visit = Terminal(tty=True)
    visit.window.put_nowait((99, 33))
    session = asyncio.ensure_future(lab.engine.attach(name, visit.streams))
    await lab.until(visit.window.empty, "the size is told")
    visit.type("stty size; exit 4\n")
    await asyncio.wait_for(session, PATIENCE)
    assert b"33 99" in visit.out
    assert (await lab.end_of(name)).exit_code == 4


@pytest.mark.parametrize("once", [True, False])
async def test_stdin_ends_with_its_only_visitor(lab, once):
    name = await lab.start("cat", stdin=True, stdin_once=once)
    visit = Terminal()
    session = asyncio.ensure_future(lab.engine.attach(name, visit.streams))
    visit.type("hello\n")
    await visit.sees("hello")
    visit.keyboard.feed_eof()
    if once:
        await asyncio.wait_for(session, PATIENCE)
        assert (await lab.end_of(name)).exit_code == 0
        return
    session.cancel()
    await asyncio.gather(session, return_exceptions=True)
    again = Terminal()
    session = asyncio.ensure_future(lab.engine.attach(name, again.streams))
    again.type("again\n")
    await again.sees("again")
    assert lab.engine.status(name).state == "running"
    session.cancel()


async def test_two_visitors_see_the_same(lab):
    name = await lab.start("cat", stdin=True)
    visits = [Terminal(), Terminal(stdin=False)]
    sessions = [asyncio.ensure_future(lab.engine.attach(name, visit.streams)) for visit in visits]
    await asyncio.sleep(0.05)
    visits[0].type("hello\n")
    for visit in visits:
        await visit.sees("hello")
    await lab.engine.stop(name, 0)
    await asyncio.wait_for(asyncio.gather(*sessions), PATIENCE)
