"""Resource limits, enforced and measured, with real containers."""

import asyncio

import pytest

from wherry.engine.interface import EngineError, Resources, Security

pytestmark = pytest.mark.root

# Fills a tmpfs, which counts as the container's memory.
_EAT = "mount -t tmpfs none /tmp && dd if=/dev/zero of=/tmp/x bs=1M count=200"
_PRIVILEGED = Security(privileged=True)


def setting(lab, container, v1, v2):
    """The container's cgroup file on either version."""
    status = lab.engine.status(container)
    box = next(s for s in lab.engine.sandboxes() if s.id == status.spec.sandbox)
    controller, name = (
        v1.split(".")[0] if lab.groups.version == 1 else v2.split(".")[0],
        (v1, v2)[lab.groups.version - 1],
    )
    folder = lab.groups.hierarchies.folder(controller, f"{box.spec.cgroup_parent}/{container}")
    return (folder / name).read_text().strip()


async def test_limits_reach_the_kernel(lab):
    resources = Resources(memory_limit=32 << 20, cpu_shares=512, cpu_quota=25_000, pids_limit=40)
    name = await lab.start("sleep", "1000", resources=resources)
    assert setting(lab, name, "memory.limit_in_bytes", "memory.max") == str(32 << 20)
    assert setting(lab, name, "cpu.shares", "cpu.weight") == ("512" if lab.groups.version == 1 else "20")
    assert setting(lab, name, "pids.max", "pids.max") == "40"


async def test_limits_change_while_it_runs(lab):
    name = await lab.start("sleep", "1000", resources=Resources(memory_limit=32 << 20))
    await lab.engine.update_resources(name, Resources(memory_limit=64 << 20, cpu_shares=300))
    assert setting(lab, name, "memory.limit_in_bytes", "memory.max") == str(64 << 20)
    await lab.engine.update_resources(name, Resources(memory_limit=16 << 20))
    assert setting(lab, name, "memory.limit_in_bytes", "memory.max") == str(16 << 20)
    assert lab.engine.status(name).spec.resources.memory_limit == 16 << 20
    with pytest.raises(EngineError, match="cannot set"):
        await lab.engine.update_resources(name, Resources(cpuset_cpus="100000"))


async def test_memory_beyond_the_limit_kills_and_is_reported(lab):
    name = await lab.start(
        "sh", "-c", f"exec sh -c '{_EAT}'", resources=Resources(memory_limit=24 << 20), security=_PRIVILEGED
    )
    status = await lab.end_of(name)
    assert status.oom_killed
    assert status.exit_code != 0


async def test_a_child_killed_for_memory_is_reported_too(lab):
    script = f"{_EAT} & wait $!; umount /tmp; exit 0"
    name = await lab.start("sh", "-c", script, resources=Resources(memory_limit=24 << 20), security=_PRIVILEGED)
    status = await lab.end_of(name)
    assert status.oom_killed


async def test_an_ordinary_end_is_not_an_oom_kill(lab):
    name = await lab.start("sh", "-c", "exit 137", resources=Resources(memory_limit=24 << 20))
    status = await lab.end_of(name)
    assert (status.exit_code, status.oom_killed) == (137, False)


async def test_the_sandbox_s_limit_holds_for_its_containers(lab):
    box = await lab.sandbox(resources=Resources(memory_limit=24 << 20))
    name = await lab.start("sh", "-c", _EAT, sandbox=box, security=_PRIVILEGED)
    assert (await lab.end_of(name)).oom_killed


async def test_a_sandbox_s_limit_changes(lab):
    box = await lab.sandbox(resources=Resources(memory_limit=32 << 20))
    await lab.engine.update_sandbox(box, Resources(memory_limit=24 << 20))
    (sandbox,) = lab.engine.sandboxes()
    assert sandbox.spec.resources == Resources(memory_limit=24 << 20)
    await lab.reopen()
    assert lab.engine.sandboxes() == [sandbox]
    name = await lab.start("sh", "-c", _EAT, sandbox=box, security=_PRIVILEGED)
    assert (await lab.end_of(name)).oom_killed


async def test_processes_are_limited(lab):
    name = await lab.start(
        "sh", "-c", "for i in 1 2 3 4 5 6 7 8; do sleep 1 & done; wait", resources=Resources(pids_limit=5)
    )
    await lab.end_of(name)
    assert "fork" in (await lab.log(name)).lower()


async def test_usage_grows_and_ends(lab):
    name = await lab.start("sh", "-c", "while :; do :; done")
    first = lab.engine.usage(name)
    await asyncio.sleep(0.2)
    second = lab.engine.usage(name)
    assert second.cpu_ns > first.cpu_ns
    assert second.at > first.at
    assert 0 < second.working_set <= second.memory
    assert second.pids >= 1
    await lab.engine.stop(name, 0)
    assert lab.engine.usage(name) is None
