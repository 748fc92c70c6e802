"""What a container may and may not do, tried from inside."""

import os

import pytest
from enginelab import PATIENCE

from wherry.engine.interface import Mount, Security, StartFailed
from wherry.engine.runtime.plan.process import DEFAULT_CAPABILITIES
from wherry.linux import procs

pytestmark = pytest.mark.root


async def fails(lab, name: str, script: str) -> str:
    code, output = await lab.engine.exec_output(name, ["sh", "-c", script], PATIENCE)
    assert code != 0, output
    return output.decode()


def capability_mask(names) -> int:
    return sum(1 << procs.CAPABILITIES.index(name) for name in names)


async def test_capabilities_are_docker_s_default(lab):
    name = await lab.start("sleep", "1000")
    lines = (await lab.sh(name, "grep Cap /proc/self/status")).splitlines()
    masks = {line.split()[0]: int(line.split()[1], 16) for line in lines}
    expected = capability_mask(set(DEFAULT_CAPABILITIES) & procs.bounding_set())
    assert masks["CapEff:"] == masks["CapBnd:"] == masks["CapPrm:"] == expected
    assert masks["CapInh:"] == masks["CapAmb:"] == 0


async def test_capabilities_as_asked(lab):
    some = await lab.start(
        "sleep", "1000", security=Security(drop_capabilities=("ALL",), add_capabilities=("NET_ADMIN", "CAP_CHOWN"))
    )
    mask = int((await lab.sh(some, "grep CapEff /proc/self/status")).split()[1], 16)
    assert mask == capability_mask(["NET_ADMIN", "CHOWN"])
    everything = await lab.start("sleep", "1000", security=Security(privileged=True))
    mask = int((await lab.sh(everything, "grep CapEff /proc/self/status")).split()[1], 16)
    assert mask == capability_mask(procs.bounding_set())


async def test_an_ordinary_user_has_none(lab):
    name = await lab.start("sleep", "1000", security=Security(user="1234:5678", supplemental_groups=(42,)))
    assert await lab.sh(name, "id -u; id -g; id -G") == "1234\n5678\n5678 42\n"
    assert int((await lab.sh(name, "grep CapEff /proc/self/status")).split()[1], 16) == 0


async def test_the_seccomp_filter_is_on(lab):
    name = await lab.start("sleep", "1000", security=Security(add_capabilities=("SYS_TIME",)))
    assert (await lab.sh(name, "grep Seccomp: /proc/self/status")).split()[1] == "2"
    await fails(lab, name, "unshare -m true")  # CAP_SYS_ADMIN is missing too
    open_one = await lab.start("sleep", "1000", security=Security(seccomp="unconfined"))
    assert (await lab.sh(open_one, "grep Seccomp: /proc/self/status")).split()[1] == "0"


async def test_a_local_profile_forbids_what_it_says(lab, tmp_path):
    profile = tmp_path / "profile.json"
    profile.write_text(
        '{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["mkdir","mkdirat"],"action":"SCMP_ACT_ERRNO"}]}'
    )
    name = await lab.start("sleep", "1000", security=Security(seccomp=str(profile)))
    assert "not permitted" in await fails(lab, name, "mkdir /tmp/x")
    await lab.sh(name, "touch /tmp/y")


@pytest.mark.parametrize(
    "script",
    [
        "mount -t tmpfs none /mnt",
        "echo 1 > /proc/sys/kernel/panic",
        "echo b > /proc/sysrq-trigger",
        "mkdir /sys/fs/cgroup/memory/x /sys/fs/cgroup/x",
        "head -c1 /proc/kcore | grep .",
        "ls /sys/firmware/* ",
        "mknod /dev/sda b 8 0 && head -c1 /dev/sda",
        "mknod /tmp/mem c 1 1 && head -c1 /tmp/mem",
        "hostname other",
    ],
)
async def test_what_is_refused(lab, script):
    name = await lab.start("sleep", "1000")
    await fails(lab, name, script)


async def test_no_new_privileges(lab):
    name = await lab.start("sleep", "1000", security=Security(no_new_privileges=True))
    assert (await lab.sh(name, "grep NoNewPrivs /proc/self/status")).split()[1] == "1"


async def test_privileged_may_nearly_everything(lab):
    name = await lab.start("sleep", "1000", security=Security(privileged=True))
    await lab.sh(name, "mount -t tmpfs none /tmp && umount /tmp && test -w /proc/sys/kernel/hostname")
    devices = set((await lab.sh(name, "ls /dev")).split())
    host = {entry.name for entry in os.scandir("/dev") if not entry.is_dir() and not entry.is_symlink()}
    assert host - {"console", "ptmx"} <= devices


async def test_mount_targets_cannot_lead_out_of_the_root(lab, tmp_path):
    """A symlink in the image's way is resolved inside the container."""
    outside = tmp_path / "outside"
    outside.mkdir()
    source = tmp_path / "source"
    source.mkdir()
    (source / "note").write_text("inside")
    links = tmp_path / "links"
    links.mkdir()
    (links / "escape").symlink_to(outside)
    mounts = (Mount(str(links), "/links"), Mount(str(source), "/links/escape/place"))
    name = await lab.create("sleep", "1000", mounts=mounts)
    try:
        await lab.engine.start(name)
    except StartFailed:  # crun makes no folders behind a symlink, runc does
        pass
    assert list(outside.iterdir()) == []


async def test_the_runtime_s_own_program_cannot_be_overwritten(lab):
    """CVE-2019-5736: a container that runs /proc/self/exe must not reach the host's runtime."""
    before = os.stat(lab.engine._host.tools.runtime)
    name = await lab.start("sleep", "1000", security=Security(privileged=True))
    await lab.engine.exec_output(name, ["/proc/self/exe", "--version"], PATIENCE)
    await lab.engine.exec_output(name, ["sh", "-c", "for p in /proc/[0-9]*/exe; do echo x > $p; done"], PATIENCE)
    after = os.stat(lab.engine._host.tools.runtime)
    assert (before.st_size, before.st_mtime_ns) == (after.st_size, after.st_mtime_ns)


async def test_environments_are_nobody_else_s_to_read(lab):
    name = await lab.start("sleep", "1000", env=(("TOKEN", "secret"),))
    for path in (lab.root / "containers" / name, lab.root / "containers", lab.images):
        assert path.stat().st_mode & 0o077 == 0


async def test_users_are_looked_up_in_the_image(lab):
    assert (await lab.run("id", "-un", security=Security(user="nobody"))) == "nobody\n"
