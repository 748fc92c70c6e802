"""From a pod to what the engine makes."""

from pathlib import Path

import pytest
from nodetest import container, pod

from wherry.engine.specs import Image, Mount
from wherry.node.config import NodeConfig
from wherry.node.network import HostPort
from wherry.node.spec import container as container_spec
from wherry.node.spec import files, resources, sandbox, security

CONFIG = NodeConfig("node-1", "192.0.2.1", Path("/state"), cluster_dns="10.96.0.10", memory=8 * 2**30)
IMAGE = Image("sha256:1", ("busybox:1",), (), 1)
GI = 2**30


def secure(pod_context, own_context, image_user=""):
    of = pod(container(securityContext=own_context), securityContext=pod_context)
    return security.build(of, of["spec"]["containers"][0], image_user, Path("/seccomp"))


@pytest.mark.parametrize(
    ("pod_context", "own", "image_user", "user"),
    [
        ({}, {}, "app", ""),
        ({"runAsUser": 1000}, {}, "", "1000"),
        ({"runAsUser": 1000}, {"runAsUser": 2000}, "", "2000"),
        ({"runAsUser": 1000, "runAsGroup": 3000}, {}, "", "1000:3000"),
        ({"runAsGroup": 3000}, {}, "app:app", "app:3000"),
        ({"runAsGroup": 3000}, {}, "", "0:3000"),
    ],
)
def test_users(pod_context, own, image_user, user):
    assert secure(pod_context, own, image_user).user == user


def test_groups_capabilities_and_privileges():
    result = secure(
        {"fsGroup": 7, "supplementalGroups": [8, 7]},
        {
            "capabilities": {"add": ["NET_ADMIN", "CAP_SYS_TIME"], "drop": ["ALL"]},
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
        },
    )
    assert result.supplemental_groups == (7, 8)
    assert (result.add_capabilities, result.drop_capabilities) == (("NET_ADMIN", "SYS_TIME"), ("ALL",))
    assert (result.no_new_privileges, result.read_only_root) == (True, True)


@pytest.mark.parametrize(
    ("pod_context", "own", "profile"),
    [
        ({}, {}, "unconfined"),
        ({"seccompProfile": {"type": "RuntimeDefault"}}, {}, "runtime/default"),
        ({"seccompProfile": {"type": "RuntimeDefault"}}, {"seccompProfile": {"type": "Unconfined"}}, "unconfined"),
        ({}, {"seccompProfile": {"type": "Localhost", "localhostProfile": "a/b.json"}}, "/seccomp/a/b.json"),
        ({"seccompProfile": {"type": "RuntimeDefault"}}, {"privileged": True}, "unconfined"),
    ],
)
def test_seccomp(pod_context, own, profile):
    assert secure(pod_context, own).seccomp == profile


@pytest.mark.parametrize(
    ("user", "image_user", "complaint"),
    [
        (None, "", "will run as root"),
        (None, "0:0", "will run as root"),
        (None, "app", "non-numeric user (app)"),
        (0, "1000", "breaks non-root policy"),
        (None, "1000", None),
        (5, "root", None),
    ],
)
def test_run_as_non_root(user, image_user, complaint):
    context = {"runAsNonRoot": True} | ({"runAsUser": user} if user is not None else {})
    if complaint is None:
        secure(context, {}, image_user)
    else:
        with pytest.raises(security.NotAllowed, match=complaint.replace("(", r"\(").replace(")", r"\)")):
            secure(context, {}, image_user)


def limited(cpu=None, memory=None, **requests):
    limits = {key: value for key, value in (("cpu", cpu), ("memory", memory)) if value}
    return {"resources": {"limits": limits, "requests": requests}}


@pytest.mark.parametrize(
    ("fields", "shares", "quota", "memory"),
    [
        ({}, 2, 0, 0),
        (limited(cpu="500m", memory="64Mi"), 512, 50_000, 64 * 2**20),
        (limited(cpu="1", memory="1Gi"), 1024, 100_000, GI),
        ({"resources": {"limits": {"cpu": "1"}, "requests": {"cpu": "100m"}}}, 102, 100_000, 0),
        ({"resources": {"limits": {"cpu": "1m"}}}, 2, 1_000, 0),
    ],
)
def test_cgroup_values(fields, shares, quota, memory):
    spec = container(**fields)
    result = resources.of_container(pod(spec), spec, 8 * GI)
    assert (result.cpu_shares, result.cpu_quota, result.memory_limit) == (shares, quota, memory)


def test_a_pods_cgroup_is_bounded_only_when_all_its_containers_are():
    a, b = container("a", **limited("500m", "64Mi")), container("b", **limited("500m", "64Mi"))
    both = resources.of_pod(pod(a, b))
    assert (both.cpu_quota, both.memory_limit, both.cpu_shares) == (100_000, 128 * 2**20, 1024)
    one = resources.of_pod(pod(a, container("b")))
    assert (one.cpu_quota, one.memory_limit) == (0, 0)
    init = resources.of_pod(pod(a, init=(container("i", **limited("2", "1Gi")),)))
    assert (init.cpu_quota, init.memory_limit) == (200_000, GI)


@pytest.mark.parametrize(
    ("fields", "parent", "score"),
    [
        ({}, "besteffort/podu-1", 1000),
        ({"resources": {"requests": {"memory": "2Gi"}}}, "burstable/podu-1", 750),
        ({"resources": {"requests": {"memory": "1"}}}, "burstable/podu-1", 999),
        (
            {"resources": {"requests": {"cpu": 1, "memory": "1Gi"}, "limits": {"cpu": 1, "memory": "1Gi"}}},
            "podu-1",
            -997,
        ),
    ],
)
def test_quality_of_service_decides_cgroup_and_oom_score(fields, parent, score):
    spec = container(**fields)
    assert resources.cgroup_parent("wherry/w/n", pod(spec)) == f"wherry/w/n/kubepods/{parent}"
    assert resources.oom_score(pod(spec), spec, 8 * GI) == score


def test_hosts_file():
    of = pod(hostname="h", subdomain="sub", hostAliases=[{"ip": "1.2.3.4", "hostnames": ["a", "b"]}])
    text = files.hosts(of, ["10.244.0.5"], "cluster.local", "")
    assert text.startswith("# Kubernetes-managed hosts file.\n127.0.0.1\tlocalhost\n")
    assert "10.244.0.5\th.sub.default.svc.cluster.local\th\n" in text
    assert text.endswith("# Entries added by HostAliases.\n1.2.3.4\ta\tb\n")
    shared = files.hosts(pod(hostNetwork=True), [], "cluster.local", "127.0.0.1 box\n")
    assert shared == "# Kubernetes-managed hosts file (host network).\n127.0.0.1 box\n"


HOST = files.parse_resolver("# c\nnameserver 9.9.9.9\nsearch corp.example\noptions timeout:1\n")


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        (
            {},
            "search default.svc.cluster.local svc.cluster.local cluster.local corp.example\n"
            "nameserver 10.96.0.10\noptions ndots:5\n",
        ),
        ({"dnsPolicy": "Default"}, "search corp.example\nnameserver 9.9.9.9\noptions timeout:1\n"),
        ({"hostNetwork": True}, "search corp.example\nnameserver 9.9.9.9\noptions timeout:1\n"),
        (
            {
                "dnsPolicy": "None",
                "dnsConfig": {
                    "nameservers": ["1.1.1.1"],
                    "searches": ["x.y"],
                    "options": [{"name": "ndots", "value": "2"}, {"name": "edns0"}],
                },
            },
            "search x.y\nnameserver 1.1.1.1\noptions ndots:2 edns0\n",
        ),
        (
            {
                "dnsPolicy": "ClusterFirstWithHostNet",
                "hostNetwork": True,
                "dnsConfig": {"searches": ["corp.example"]},
            },
            "search default.svc.cluster.local svc.cluster.local cluster.local corp.example\n"
            "nameserver 10.96.0.10\noptions ndots:5\n",
        ),
    ],
)
def test_resolv_conf(spec, expected):
    assert files.resolver(pod(**spec), HOST, "10.96.0.10", "cluster.local").text() == expected


def test_long_names_are_shortened_for_the_kernel():
    assert files.hostname(pod(metadata={"name": "x" * 62 + "-yz"}), "cluster.local")[0] == "x" * 62


def test_a_container_together():
    spec = container(
        command=["sh", "-c", "$(GREETING)"],
        args=["$(UNKNOWN)"],
        workingDir="/srv",
        tty=True,
    )
    prepared = container_spec.Prepared(
        IMAGE,
        {"GREETING": "hello"},
        [Mount("/v/b", "/data/inner"), Mount("/v/a", "/data"), Mount("/v/h", "/etc/hosts")],
        {"/etc/hosts": "/pod/hosts", "/dev/termination-log": "/pod/message"},
    )
    attempt = container_spec.Attempt("c1", "s1", 2, 20)
    result = container_spec.build(pod(spec), spec, attempt, prepared, CONFIG)
    assert result.command == ("sh", "-c", "hello")
    assert result.args == ("$(UNKNOWN)",)
    assert [mount.target for mount in result.mounts] == ["/data", "/data/inner", "/etc/hosts", "/dev/termination-log"]
    assert result.log_path == "/state/logs/pods/default_web_u-1/main/2.log"
    assert result.labels[container_spec.ATTEMPT] == "2"


def test_a_sandbox():
    ports = [{"containerPort": 80, "hostPort": 8080}, {"containerPort": 81}]
    of = pod(
        container(ports=ports),
        shareProcessNamespace=True,
        securityContext={"sysctls": [{"name": "net/ipv4/ip_unprivileged_port_start", "value": "0"}]},
    )
    result = sandbox.build(of, "s1", "/run/netns/x", CONFIG, "machine")
    assert result.cgroup_parent == "wherry/wherry/node-1/kubepods/besteffort/podu-1"
    assert result.sysctls == {"net.ipv4.ip_unprivileged_port_start": "0"}
    assert (result.hostname, result.share_pid) == ("web", True)
    assert sandbox.host_ports(of) == (HostPort(8080, 80, "TCP", ""),)
    assert sandbox.build(pod(hostNetwork=True), "s1", None, CONFIG, "machine").hostname == "machine"
