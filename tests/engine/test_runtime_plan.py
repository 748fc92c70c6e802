"""From a specification to config.json: tables."""

from dataclasses import replace

import pytest

from wherry.engine.cgroups.plan import Setting, cpu_weight, oci_resources, settings
from wherry.engine.runtime.plan import Device, Machine, Staged, config
from wherry.engine.runtime.plan.process import capabilities, command_line, environment
from wherry.engine.runtime.users import UnknownUser, User, resolve
from wherry.engine.specs import ContainerSpec, Image, Mount, Resources, SandboxSpec, Security

IMAGE = Image("sha256:0", (), (), 0, entrypoint=("entry",), command=("cmd",), env=("PATH=/img", "A=image", "EMPTY"))
SPEC = ContainerSpec("c1", "s1", "main", "sha256:0")
SANDBOX = SandboxSpec("s1", "box", "/run/netns/x", "wherry/pod")
MACHINE = Machine(
    "crun", 1, True, "amd64", frozenset({"CHOWN", "KILL", "NET_RAW", "SYS_ADMIN", "NET_ADMIN"}), 20_000, -10,
    (Device("/dev/fuse", "c", 10, 229, 0o666),),
)  # fmt: skip
STAGED = Staged("/root", "/shm", 77, "/proc/1/fd/9", User(5, 6, (7,), "/home"))


@pytest.mark.parametrize(
    ("command", "args", "expected"),
    [
        ((), (), ["entry", "cmd"]),
        (("c",), (), ["c"]),
        ((), ("a",), ["entry", "a"]),
        (("c",), ("a",), ["c", "a"]),
    ],
)
def test_kubernetes_table_of_command_and_args(command, args, expected):
    assert command_line(replace(SPEC, command=command, args=args), IMAGE) == expected


def test_environment_is_the_image_s_then_the_specification_s():
    spec = replace(SPEC, env=(("A", "spec"), ("B", "x=y"), ("HOSTNAME", "mine")), tty=True)
    assert environment(spec, IMAGE, "box") == [
        "PATH=/img",
        "HOSTNAME=mine",
        "TERM=xterm",
        "A=spec",
        "EMPTY=",
        "B=x=y",
    ]


@pytest.mark.parametrize(
    ("security", "expected"),
    [
        (Security(), ["CHOWN", "KILL", "NET_RAW"]),
        (Security(drop_capabilities=("ALL",)), []),
        (Security(drop_capabilities=("CAP_CHOWN", "kill")), ["NET_RAW"]),
        (Security(add_capabilities=("NET_ADMIN", "SYS_TIME")), ["CHOWN", "KILL", "NET_ADMIN", "NET_RAW"]),
        (Security(add_capabilities=("ALL",)), ["CHOWN", "KILL", "NET_ADMIN", "NET_RAW", "SYS_ADMIN"]),
        (
            Security(add_capabilities=("ALL",), drop_capabilities=("KILL",)),
            ["CHOWN", "NET_ADMIN", "NET_RAW", "SYS_ADMIN"],
        ),
        (Security(add_capabilities=("NET_RAW",), drop_capabilities=("ALL",)), ["NET_RAW"]),
        (Security(privileged=True, drop_capabilities=("ALL",)), sorted(MACHINE.capabilities)),
    ],
)
def test_capabilities_never_exceed_the_machine_s(security, expected):
    assert capabilities(security, MACHINE) == expected


def make(spec=SPEC, sandbox=SANDBOX, machine=MACHINE, staged=STAGED, image=IMAGE):
    return config(spec, image, sandbox, machine, staged)


def namespaces(document):
    return {entry["type"]: entry.get("path") for entry in document["linux"]["namespaces"]}


@pytest.mark.parametrize(
    ("fields", "version", "expected"),
    [
        ({}, 1, {"mount", "uts", "ipc", "pid", "network"}),
        ({}, 2, {"mount", "uts", "ipc", "pid", "network", "cgroup"}),
        ({"host_ipc": True}, 1, {"mount", "uts", "pid", "network"}),
        ({"host_pid": True}, 1, {"mount", "uts", "ipc", "network"}),
    ],
)
def test_namespaces(fields, version, expected):
    document = make(sandbox=replace(SANDBOX, **fields), machine=replace(MACHINE, cgroup_version=version))
    assert set(namespaces(document)) == expected


def test_shared_namespaces_are_the_holder_s():
    found = namespaces(make(sandbox=replace(SANDBOX, share_pid=True)))
    assert found["pid"] == "/proc/77/ns/pid"
    assert found["uts"] == "/proc/77/ns/uts"
    assert found["network"] == "/proc/1/fd/9"
    assert "network" not in namespaces(make(staged=replace(STAGED, netns="")))


def mount_at(document, target):
    return next((entry for entry in document["mounts"] if entry["destination"] == target), None)


def test_mounts_of_the_specification():
    spec = replace(
        SPEC,
        mounts=(
            Mount("/src", "/data", read_only=True),
            Mount("/shared", "/shared", propagation="rshared"),
            Mount("tmpfs", "/mem", options=("size=1m",)),
            Mount("/mine", "/dev/shm"),
        ),
    )
    document = make(spec, staged=replace(STAGED, mounts={0: "/staged/0", 1: "/staged/1", 3: "/staged/3"}))
    assert mount_at(document, "/data")["source"] == "/staged/0"
    assert mount_at(document, "/data")["options"] == ["rbind", "rprivate", "ro"]
    assert mount_at(document, "/shared")["options"] == ["rbind", "rshared", "rw"]
    assert mount_at(document, "/mem")["type"] == "tmpfs"
    assert "size=1m" in mount_at(document, "/mem")["options"]
    assert document["linux"]["rootfsPropagation"] == "rshared"
    assert [entry["source"] for entry in document["mounts"] if entry["destination"] == "/dev/shm"] == ["/staged/3"]


def test_the_kernel_s_filesystems_are_read_only_unless_privileged():
    plain, privileged = make(), make(replace(SPEC, security=Security(privileged=True)))
    assert "ro" in mount_at(plain, "/sys")["options"]
    assert "ro" in mount_at(plain, "/sys/fs/cgroup")["options"]
    assert "rw" in mount_at(privileged, "/sys")["options"]
    assert "/proc/kcore" in plain["linux"]["maskedPaths"]
    assert "/proc/sys" in plain["linux"]["readonlyPaths"]
    assert "maskedPaths" not in privileged["linux"]
    assert "maskedPaths" not in make(replace(SPEC, security=Security(unmasked_proc=True)))["linux"]


def test_devices():
    plain, privileged = make(), make(replace(SPEC, security=Security(privileged=True)))
    assert plain["linux"]["resources"]["devices"][0] == {"allow": False, "access": "rwm"}
    assert plain["linux"]["devices"] == []
    assert privileged["linux"]["resources"]["devices"] == [{"allow": True, "access": "rwm"}]
    assert [device["path"] for device in privileged["linux"]["devices"]] == ["/dev/fuse"]


def test_what_the_machine_cannot_give_is_cut():
    spec = replace(SPEC, resources=Resources(oom_score_adj=-998))
    process = make(spec)["process"]
    assert process["oomScoreAdj"] == -10
    assert process["rlimits"][0]["hard"] == 20_000
    assert make(spec, machine=replace(MACHINE, oom_floor=-1000))["process"]["oomScoreAdj"] == -998


def test_user_and_groups():
    spec = replace(SPEC, security=Security(supplemental_groups=(9, 6)))
    assert make(spec)["process"]["user"] == {"uid": 5, "gid": 6, "additionalGids": [6, 7, 9]}


def test_seccomp_goes_as_a_program_to_crun_and_as_json_to_runc():
    staged = replace(STAGED, seccomp={"defaultAction": "SCMP_ACT_ALLOW"}, program=b"\x01\x02")
    crun = make(staged=staged)
    assert crun["annotations"] == {"run.oci.seccomp_bpf_data": "AQI="}
    assert "seccomp" not in crun["linux"]
    runc = make(staged=staged, machine=replace(MACHINE, runtime="runc"))
    assert runc["linux"]["seccomp"] == {"defaultAction": "SCMP_ACT_ALLOW"}
    assert "annotations" not in runc
    uncompiled = make(staged=replace(staged, program=None))
    assert uncompiled["linux"]["seccomp"] == {"defaultAction": "SCMP_ACT_ALLOW"}


def test_working_folder_is_the_specification_s_or_the_image_s():
    assert make()["process"]["cwd"] == "/"
    assert make(image=replace(IMAGE, working_dir="/img"))["process"]["cwd"] == "/img"
    assert (
        make(replace(SPEC, working_dir="/spec"), image=replace(IMAGE, working_dir="/img"))["process"]["cwd"]
        == "/spec"
    )


PASSWD = (
    "root:x:0:0:root:/root:/bin/sh\n# comment\nweb:x:1000:1001::/home/web:/bin/sh\nbroken\nodd:x:notanumber:1::/:\n"
)
GROUP = "root:x:0:\nweb:x:1001:\ndocker:x:2000:web,other\nwheel:x:10:root\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", User(0, 0, (10,), "/root")),
        ("0", User(0, 0, (10,), "/root")),
        ("web", User(1000, 1001, (2000,), "/home/web")),
        ("1000", User(1000, 1001, (2000,), "/home/web")),
        ("web:docker", User(1000, 2000, (2000,), "/home/web")),
        ("web:50", User(1000, 50, (2000,), "/home/web")),
        ("4711", User(4711, 0, (), "/")),
        ("4711:4712", User(4711, 4712, (), "/")),
    ],
)
def test_users(text, expected):
    assert resolve(text, PASSWD, GROUP) == expected


@pytest.mark.parametrize("text", ["nobody", "web:nogroup", "4294967296", "odd", "-1"])
def test_unknown_users(text):
    with pytest.raises(UnknownUser):
        resolve(text, PASSWD, GROUP)


def test_settings_of_both_cgroup_versions():
    resources = Resources(memory_limit=1000, cpu_shares=512, cpu_quota=5000, pids_limit=7, cpuset_cpus="0-1")
    v1, v2 = settings(resources, 1), settings(resources, 2)
    assert Setting("memory", "memory.limit_in_bytes", "1000") in v1
    assert Setting("cpu", "cpu.cfs_quota_us", "5000") in v1
    assert Setting("memory", "memory.max", "1000") in v2
    assert Setting("memory", "memory.swap.max", "0") in v2
    assert Setting("cpu", "cpu.max", "5000 100000") in v2
    assert Setting("cpu", "cpu.weight", "20") in v2
    assert Setting("cpuset", "cpuset.cpus", "0-1") in v1
    assert Setting("cpuset", "cpuset.cpus", "0-1") in v2


def test_no_limits_are_told_as_such():
    values = {setting.file: setting.value for setting in settings(Resources(), 1)}
    assert values["memory.limit_in_bytes"] == values["cpu.cfs_quota_us"] == "-1"
    values = {setting.file: setting.value for setting in settings(Resources(), 2)}
    assert values["memory.max"] == values["pids.max"] == "max"
    assert values["cpu.max"] == "max 100000"


@pytest.mark.parametrize(("shares", "weight"), [(2, 1), (512, 20), (1024, 39), (262_144, 10_000), (0, 1)])
def test_shares_as_weight(shares, weight):
    assert cpu_weight(shares) == weight


def test_resources_for_the_runtime():
    resources = Resources(memory_limit=1000, cpu_quota=5, pids_limit=7)
    found = oci_resources(resources, 1, swap_accounting=True)
    assert found == {
        "memory": {"limit": 1000, "swap": 1000}, "cpu": {"quota": 5, "period": 100_000}, "pids": {"limit": 7},
    }  # fmt: skip
    assert "swap" not in oci_resources(resources, 1, swap_accounting=False)["memory"]
    assert oci_resources(Resources(), 2, swap_accounting=True) == {"unified": {"memory.oom.group": "1"}}
