"""Probes of real containers."""

import pytest
from nodehost import SLEEPER, is_ready, sh, status_of

pytestmark = pytest.mark.root

SERVE = "mkdir -p /www; echo ok > /www/index.html; httpd -f -p 8080 -h /www & trap 'exit 0' TERM; wait"


async def test_readiness_by_http_tcp_and_command(node):
    probes = [
        {"httpGet": {"path": "/index.html", "port": "web"}},
        {"tcpSocket": {"port": 8080}},
        {"exec": {"command": ["cat", "/www/index.html"]}},
    ]
    for number, probe in enumerate(probes):
        ports = [{"name": "web", "containerPort": 8080}]
        await node.create(f"ready{number}", sh(SERVE, ports=ports, readinessProbe=probe))
    for number in range(len(probes)):
        await node.until(f"ready{number}", is_ready)


async def test_a_pod_that_is_not_ready_runs_all_the_same(node):
    probe = {"exec": {"command": ["test", "-e", "/ready"]}, "periodSeconds": 1}
    await node.create("unready", SLEEPER | {"readinessProbe": probe})
    pod = await node.until("unready", lambda pod: "running" in status_of(pod).get("state", {}))
    assert not is_ready(pod)
    await node.output("unready", "touch", "/ready")
    await node.until("unready", is_ready)
    await node.output("unready", "rm", "/ready")
    await node.until("unready", lambda pod: not is_ready(pod))
    assert any(reason == "Unhealthy" for reason, _ in await node.events("unready"))


async def test_a_container_that_fails_its_liveness_probe_is_restarted(node):
    probe = {"exec": {"command": ["test", "-e", "/alive"]}, "periodSeconds": 1, "failureThreshold": 1}
    script = "touch /alive; trap 'exit 0' TERM; sleep 3600 & wait"
    await node.create("sick", sh(script, livenessProbe=probe | {"initialDelaySeconds": 1}))
    await node.until("sick", is_ready)
    await node.output("sick", "rm", "/alive")
    pod = await node.until("sick", lambda pod: status_of(pod).get("restartCount") == 1)
    assert status_of(pod)["lastState"]["terminated"]["exitCode"] == 0
    messages = [message for _, message in await node.events("sick")]
    assert "Container main failed liveness probe, will be restarted" in messages


async def test_a_startup_probe_goes_before_the_others(node):
    startup = {"exec": {"command": ["test", "-e", "/started"]}, "periodSeconds": 1, "failureThreshold": 30}
    liveness = {"exec": {"command": ["test", "-e", "/started"]}, "periodSeconds": 1, "failureThreshold": 1}
    await node.create("slow", SLEEPER | {"startupProbe": startup, "livenessProbe": liveness})
    pod = await node.until("slow", lambda pod: "running" in status_of(pod).get("state", {}))
    assert status_of(pod)["started"] is False
    await node.output("slow", "touch", "/started")
    pod = await node.until("slow", is_ready)
    assert status_of(pod)["restartCount"] == 0
