"""What a container finds inside: environment, volumes, users, limits, files of the platform."""

import base64

import pytest
from nodehost import IMAGE, SLEEPER, is_ready, phase, sh, soon, status_of

from wherry.api.kinds import CONFIG_MAP, POD, SECRET
from wherry.linux import mounts

pytestmark = pytest.mark.root


async def put(node, kind, name, **data):
    obj = {"metadata": {"name": name, "namespace": "default"}, "data": data}
    try:
        return await node.client.create(kind, obj)
    except Exception as error:
        if getattr(error, "code", 0) != 409:
            raise
    return await node.client.patch(kind, name, "default", {"data": data})


async def _says(node, name, path, text):
    return await node.output(name, "sh", "-c", f"cat {path} 2>/dev/null || true") == text


async def _happened(node, name, wanted):
    return wanted in [reason for reason, _ in await node.events(name)]


async def test_environment(node):
    await put(node, CONFIG_MAP, "settings", COLOR="red")
    env = [
        {"name": "NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
        {"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
        {"name": "CPU", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu", "divisor": "1m"}}},
        {"name": "GREETING", "value": "hello $(NAME)"},
    ]
    container = SLEEPER | {
        "env": env,
        "envFrom": [{"configMapRef": {"name": "settings"}}],
        "resources": {"limits": {"cpu": "250m", "memory": "32Mi"}},
    }
    await node.create("env", container)
    pod = await node.until("env", is_ready)
    found = dict(line.partition("=")[::2] for line in (await node.output("env", "env")).splitlines())
    assert found["GREETING"] == "hello env"
    assert found["IP"] == pod["status"]["podIP"]
    assert (found["CPU"], found["COLOR"]) == ("250", "red")
    assert pod["status"]["qosClass"] == "Guaranteed"


async def test_volumes_follow_the_api(node):
    await put(node, CONFIG_MAP, "page", **{"index.html": "one"})
    await put(node, SECRET, "key", token=base64.b64encode(b"s3cret").decode())
    volumes = [
        {"name": "page", "configMap": {"name": "page"}},
        {"name": "key", "secret": {"secretName": "key", "defaultMode": 0o400}},
        {"name": "me", "downwardAPI": {"items": [{"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}}]}},
    ]
    mounts = [{"name": name, "mountPath": f"/{name}"} for name in ("page", "key", "me")]
    await node.create("files", SLEEPER | {"volumeMounts": mounts}, volumes=volumes, metadata={"labels": {"a": "1"}})
    await node.until("files", is_ready)
    assert await node.output("files", "cat", "/page/index.html", "/key/token", "/me/labels") == 'ones3creta="1"'
    await put(node, CONFIG_MAP, "page", **{"index.html": "two"})
    await soon(lambda: _says(node, "files", "/page/index.html", "two"))


async def test_a_missing_volume_holds_the_pod_until_it_is_there(node):
    volumes = [{"name": "page", "configMap": {"name": "soon"}}]
    await node.create("waits", SLEEPER | {"volumeMounts": [{"name": "page", "mountPath": "/p"}]}, volumes=volumes)
    await soon(lambda: _happened(node, "waits", "FailedMount"))
    await put(node, CONFIG_MAP, "soon", a="1")
    await node.until("waits", is_ready)


async def test_shared_and_memory_volumes_and_sub_paths(node):
    volumes = [{"name": "v", "emptyDir": {}}, {"name": "m", "emptyDir": {"medium": "Memory", "sizeLimit": "1Mi"}}]
    writer = sh("echo shared > /v/sub/file; trap 'exit 0' TERM; sleep 3600 & wait", "writer") | {
        "volumeMounts": [{"name": "v", "mountPath": "/v/sub", "subPath": "deep/er"}, {"name": "m", "mountPath": "/m"}]
    }
    reader = SLEEPER | {"volumeMounts": [{"name": "v", "mountPath": "/all", "readOnly": True}]}
    await node.create("share", reader, writer, volumes=volumes)
    await node.until("share", is_ready)
    await soon(lambda: _says(node, "share", "/all/deep/er/file", "shared\n"))
    assert "tmpfs on /m " in await node.output("share", "mount", container="writer")
    code, _ = await node.engine.exec_output(node.container_id("share"), ["touch", "/all/x"], 5)
    assert code != 0


async def test_the_files_of_an_image(node):
    volumes = [{"name": "i", "image": {"reference": IMAGE, "pullPolicy": "IfNotPresent"}}]
    await node.create("img", SLEEPER | {"volumeMounts": [{"name": "i", "mountPath": "/i"}]}, volumes=volumes)
    await node.until("img", is_ready)
    assert "busybox" in await node.output("img", "sh", "-c", "find /i/")
    code, _ = await node.engine.exec_output(node.container_id("img"), ["touch", "/i/x"], 5)
    assert code != 0
    await node.stop()
    await node.start()
    await node.delete("img")
    assert not any(str(node.state) in mount.target for mount in mounts.all_mounts())


async def test_users_groups_and_capabilities(node):
    own = {
        "runAsUser": 1000,
        "runAsGroup": 3000,
        "capabilities": {"drop": ["ALL"]},
        "allowPrivilegeEscalation": False,
    }
    await node.create(
        "user",
        SLEEPER | {"securityContext": own | {"readOnlyRootFilesystem": True}},
        securityContext={"fsGroup": 2000, "supplementalGroups": [4000]},
    )
    await node.until("user", is_ready)
    assert (await node.output("user", "id")).strip() == "uid=1000 gid=3000 groups=2000,3000,4000"
    status = await node.output("user", "cat", "/proc/self/status")
    assert "CapEff:\t0000000000000000" in status
    assert "NoNewPrivs:\t1" in status
    code, _ = await node.engine.exec_output(node.container_id("user"), ["touch", "/x"], 5)
    assert code != 0


async def test_root_where_it_is_not_allowed(node):
    await node.create("root", SLEEPER, securityContext={"runAsNonRoot": True})
    pod = await node.until("root", lambda pod: "waiting" in status_of(pod).get("state", {}) and _why(pod) != "")
    assert _why(pod) == "container has runAsNonRoot and image will run as root"


def _why(pod):
    return status_of(pod)["state"]["waiting"].get("message", "")


async def test_names_and_resolver(node):
    aliases = [{"ip": "192.0.2.7", "hostnames": ["db", "db.example"]}]
    await node.create("names", SLEEPER, hostname="host", subdomain="sub", hostAliases=aliases)
    pod = await node.until("names", is_ready)
    assert (await node.output("names", "hostname")).strip() == "host"
    hosts = await node.output("names", "cat", "/etc/hosts")
    assert f"{pod['status']['podIP']}\thost.sub.default.svc.cluster.local\thost\n" in hosts
    assert "192.0.2.7\tdb\tdb.example\n" in hosts
    resolver = await node.output("names", "cat", "/etc/resolv.conf")
    assert "nameserver 10.96.0.10\n" in resolver
    assert "search default.svc.cluster.local svc.cluster.local cluster.local" in resolver


async def test_a_pod_in_the_nodes_network(node):
    await node.create("host", SLEEPER, hostNetwork=True)
    pod = await node.until("host", is_ready)
    assert pod["status"]["podIP"] == "192.0.2.1"
    assert "192.0.2.1/32" in await node.output("host", "ip", "addr")


async def test_a_container_that_takes_too_much_memory_is_killed(node):
    eat = sh("x=$(dd if=/dev/zero bs=1M count=64 2>/dev/null | tr '\\0' 'a'); echo ${#x}")
    limits = {"resources": {"limits": {"memory": "16Mi"}}}
    await node.create("eater", eat | limits, restartPolicy="Never")
    pod = await node.until("eater", phase("Failed"))
    assert status_of(pod)["state"]["terminated"]["reason"] == "OOMKilled"


async def test_the_service_account_token_is_there(node):
    sources = [{"serviceAccountToken": {"path": "token", "expirationSeconds": 600}}]
    volumes = [{"name": "t", "projected": {"sources": sources}}]
    await node.create("token", SLEEPER | {"volumeMounts": [{"name": "t", "mountPath": "/t"}]}, volumes=volumes)
    await node.until("token", is_ready)
    assert (await node.output("token", "cat", "/t/token")).count(".") == 2


async def test_limits_change_while_the_container_runs(node):
    small, large = {"cpu": "100m", "memory": "32Mi"}, {"cpu": "300m", "memory": "64Mi"}
    await node.create("grow", SLEEPER | {"resources": {"limits": small, "requests": small}})
    before = await node.until("grow", is_ready)
    change = {"spec": {"containers": [{"name": "main", "resources": {"limits": large, "requests": large}}]}}
    await node.client.patch(POD, "grow", "default", change, type="strategic", subresource="resize")
    after = await node.until("grow", lambda pod: status_of(pod).get("allocatedResources") == large)
    assert status_of(after)["containerID"] == status_of(before)["containerID"]
    limits = node.engine.status(node.container_id("grow")).spec.resources
    assert (limits.memory_limit, limits.cpu_quota) == (64 * 2**20, 30_000)
    back = {"spec": {"containers": [{"name": "main", "resources": {"limits": small, "requests": small}}]}}
    await node.client.patch(POD, "grow", "default", back, type="strategic", subresource="resize")
    await node.until("grow", lambda pod: status_of(pod).get("allocatedResources") == small)


async def test_a_pod_that_writes_too_much_is_put_out(node):
    volumes = [{"name": "v", "emptyDir": {"sizeLimit": "1Mi"}}]
    await node.create("writer", SLEEPER | {"volumeMounts": [{"name": "v", "mountPath": "/v"}]}, volumes=volumes)
    await node.until("writer", is_ready)
    await node.evictions.look()
    assert is_ready(node.pods.store["default/writer"])
    await node.output("writer", "dd", "if=/dev/zero", "of=/v/big", "bs=1M", "count=2")
    await node.evictions.look()
    pod = await node.until("writer", phase("Failed"))
    assert pod["status"]["reason"] == "Evicted"
    assert 'EmptyDir volume "v" exceeds the limit "1Mi"' in pod["status"]["message"]
    disruption = next(each for each in pod["status"]["conditions"] if each["type"] == "DisruptionTarget")
    assert disruption["reason"] == "TerminationByKubelet"
