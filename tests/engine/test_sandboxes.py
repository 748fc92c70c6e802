"""What the containers of a pod share, with real containers."""

import os
import signal
import subprocess
from pathlib import Path

import pytest
from enginelab import command_lines, processes_in

from wherry.engine.interface import EngineError, Mount, Resources

pytestmark = pytest.mark.root


async def holder_of(lab, box) -> int:
    """A program's arguments show a moment after it has begun."""

    def found():
        return [int(line.split()[0]) for line in command_lines() if f"wherry-sandbox {box}" in line]

    await lab.until(found, "the holder shows")
    return found()[0]


async def test_hostname_and_ipc_are_the_sandbox_s(lab):
    box = await lab.sandbox(hostname="harbour")
    first = await lab.start("sleep", "1000", sandbox=box)
    second = await lab.start("sleep", "1000", sandbox=box)
    other = await lab.start("sleep", "1000")
    assert await lab.sh(first, "hostname") == "harbour\n"
    assert await lab.sh(first, "echo $HOSTNAME") == "harbour\n"
    same = [await lab.sh(name, "readlink /proc/self/ns/ipc") for name in (first, second, other)]
    assert same[0] == same[1] != same[2]
    assert same[0].strip() != os.readlink("/proc/self/ns/ipc")


async def test_shared_memory_is_shared_in_the_sandbox_only(lab):
    box = await lab.sandbox()
    first = await lab.start("sleep", "1000", sandbox=box)
    second = await lab.start("sleep", "1000", sandbox=box)
    other = await lab.start("sleep", "1000")
    await lab.sh(first, "echo note > /dev/shm/note")
    assert await lab.sh(second, "cat /dev/shm/note") == "note\n"
    assert await lab.sh(other, "ls /dev/shm") == ""
    assert "tmpfs" in await lab.sh(first, "grep /dev/shm /proc/mounts")


async def test_process_ids_are_each_container_s_own_unless_shared(lab):
    box = await lab.sandbox()
    alone = await lab.start("sleep", "1000", sandbox=box)
    assert (await lab.sh(alone, "cat /proc/1/comm")) == "sleep\n"
    shared = await lab.sandbox(share_pid=True)
    first = await lab.start("sleep", "1001", sandbox=shared)
    await lab.start("sleep", "1002", sandbox=shared)
    listing = await lab.sh(first, "ps -o args")
    assert "sleep 1001" in listing
    assert "sleep 1002" in listing
    assert "wherry-sandbox" in await lab.sh(first, "cat /proc/1/cmdline")


async def test_orphans_of_a_shared_pid_namespace_are_buried(lab):
    box = await lab.sandbox(share_pid=True)
    name = await lab.start("sleep", "1000", sandbox=box)
    await lab.sh(name, "(sleep 0.05 & ) ; sleep 0.2")
    assert "Z" not in await lab.sh(name, "ps -o stat")


async def test_a_container_s_children_end_with_it_in_a_shared_pid_namespace(lab):
    box = await lab.sandbox(share_pid=True)
    name = await lab.start("sh", "-c", f"sleep {lab.number} & sleep 1000", sandbox=box)
    await lab.engine.stop(name, 0)
    await lab.until(lambda: not any(f"sleep {lab.number}" in line for line in command_lines()), "the child is gone")


async def test_host_namespaces(lab):
    box = await lab.sandbox(host_pid=True, host_ipc=True)
    name = await lab.start("sleep", "1000", sandbox=box)
    assert await lab.sh(name, "readlink /proc/self/ns/pid") == os.readlink("/proc/self/ns/pid") + "\n"
    assert await lab.sh(name, "readlink /proc/self/ns/ipc") == os.readlink("/proc/self/ns/ipc") + "\n"


@pytest.fixture
def network(lab):
    """A network namespace with a name, as whoever makes pods' networks leaves it."""
    subprocess.run(["ip", "netns", "add", lab.prefix], check=True)
    yield f"/run/netns/{lab.prefix}"
    subprocess.run(["ip", "netns", "del", lab.prefix], check=True)


async def test_the_network_namespace_is_the_one_handed_in(lab, network):
    """It was mounted after the engine was opened, so the launcher's own namespace cannot see it."""
    box = await lab.sandbox(netns=network, sysctls={"net.ipv4.ip_unprivileged_port_start": "7"})
    name = await lab.start("sleep", "1000", sandbox=box)
    assert await lab.sh(name, "readlink /proc/self/ns/net") == f"net:[{os.stat(network).st_ino}]\n"
    assert await lab.sh(name, "cat /proc/sys/net/ipv4/ip_unprivileged_port_start") == "7\n"
    outside = await lab.start("sleep", "1000")
    assert await lab.sh(outside, "readlink /proc/self/ns/net") == os.readlink("/proc/self/ns/net") + "\n"


async def test_a_network_namespace_that_is_not_there(lab):
    with pytest.raises(EngineError, match="/run/netns/nowhere"):
        await lab.sandbox(netns="/run/netns/nowhere")


async def test_sysctls_are_the_sandbox_s(lab):
    box = await lab.sandbox(sysctls={"kernel.shm_rmid_forced": "1"})
    name = await lab.start("sleep", "1000", sandbox=box)
    assert await lab.sh(name, "cat /proc/sys/kernel/shm_rmid_forced") == "1\n"
    assert Path("/proc/sys/kernel/shm_rmid_forced").read_text() == "0\n"


async def test_a_sysctl_that_does_not_exist_leaves_nothing(lab):
    with pytest.raises(EngineError, match="sandbox"):
        await lab.sandbox(sysctls={"kernel.no_such_thing": "1"})
    assert lab.engine.sandboxes() == []


async def test_the_holder_costs_next_to_nothing(lab):
    box = await lab.sandbox()
    lines = Path(f"/proc/{await holder_of(lab, box)}/status").read_text().splitlines()
    resident = next(line.split()[1] for line in lines if line.startswith("VmRSS"))
    assert int(resident) < 100  # KB


async def test_a_killed_holder_does_not_stop_the_sandbox_from_starting_more(lab):
    box = await lab.sandbox()
    first = await lab.start("sleep", "1000", sandbox=box)
    holder = await holder_of(lab, box)
    os.kill(holder, signal.SIGKILL)
    await lab.until(lambda: not any(f"wherry-sandbox {box}" in line for line in command_lines()), "it is gone")
    second = await lab.start("sleep", "1000", sandbox=box)
    assert await lab.sh(second, "hostname") == await lab.sh(first, "hostname")


async def test_removal_takes_everything_along(lab):
    box = await lab.sandbox(resources=Resources(memory_limit=64 << 20))
    await lab.start("sh", "-c", "sleep 1001 & sleep 1000", sandbox=box)
    await lab.create("true", sandbox=box)
    group = f"{lab.prefix}/{box}"
    await lab.until(lambda: len(processes_in(lab, group)) >= 3, "holder, shell and its children")
    await lab.engine.remove_sandbox(box)
    await lab.engine.remove_sandbox(box)
    assert not any(folder.exists() for folder in lab.groups.hierarchies.folders(group))
    assert not any(box in line for line in command_lines())


async def test_mounts_of_the_host_and_in_memory(lab, tmp_path):
    folder, file = tmp_path / "folder", tmp_path / "file"
    folder.mkdir()
    file.write_text("content")
    mounts = (
        Mount(str(folder), "/data"),
        Mount(str(folder), "/frozen", read_only=True),
        Mount(str(file), "/etc/deep/er/file"),
        Mount("tmpfs", "/scratch", options=("size=1m",)),
    )
    name = await lab.start("sleep", "1000", mounts=mounts)
    await lab.sh(name, "echo hello > /data/note; ! echo x > /frozen/x; touch /scratch/x")
    assert (folder / "note").read_text() == "hello\n"
    assert await lab.sh(name, "cat /etc/deep/er/file") == "content"
    code, _ = await lab.engine.exec_output(name, ["dd", "if=/dev/zero", "of=/scratch/big", "bs=1M", "count=2"], 5)
    assert code != 0


async def test_what_is_mounted_on_the_host_later_can_be_used(lab, tmp_path):
    """The launcher's threads have a mount namespace of their own; sources come from the host's as it is now."""
    from wherry.linux import mounts as kernel

    await lab.run("true")
    volume = tmp_path / "volume"
    volume.mkdir()
    kernel.mount("tmpfs", volume, "tmpfs")
    try:
        (volume / "note").write_text("late")
        assert await lab.run("cat", "/data/note", mounts=(Mount(str(volume), "/data"),)) == "late"
    finally:
        kernel.unmount(volume)


async def test_propagation_into_the_container(lab, tmp_path):
    from wherry.linux import mounts as kernel

    shared = tmp_path / "shared"
    shared.mkdir()
    kernel.mount("tmpfs", shared, "tmpfs")
    kernel.mount("none", shared, flags=kernel.MS_SHARED)
    try:
        name = await lab.start("sleep", "1000", mounts=(Mount(str(shared), "/data", propagation="rslave"),))
        private = await lab.start("sleep", "1000", mounts=(Mount(str(shared), "/data"),))
        (shared / "inner").mkdir()
        kernel.mount("tmpfs", shared / "inner", "tmpfs")
        (shared / "inner" / "note").write_text("seen")
        assert await lab.sh(name, "cat /data/inner/note") == "seen"
        assert await lab.sh(private, "ls /data/inner") == ""
        kernel.unmount(shared / "inner")
        assert await lab.sh(name, "ls /data/inner") == ""
    finally:
        kernel.unmount(shared)


async def test_propagation_out_of_the_container(lab, tmp_path):
    from wherry.engine.interface import Security
    from wherry.linux import mounts as kernel

    shared = tmp_path / "shared"
    shared.mkdir()
    kernel.mount("tmpfs", shared, "tmpfs")
    kernel.mount("none", shared, flags=kernel.MS_SHARED)
    try:
        name = await lab.start(
            "sleep",
            "1000",
            mounts=(Mount(str(shared), "/data", propagation="rshared"),),
            security=Security(privileged=True),
        )
        await lab.sh(name, "mkdir /data/inner && mount -t tmpfs none /data/inner && echo seen > /data/inner/note")
        assert (shared / "inner" / "note").read_text() == "seen\n"
        await lab.sh(name, "umount /data/inner")
        assert not (shared / "inner" / "note").exists()
    finally:
        kernel.unmount(shared)
