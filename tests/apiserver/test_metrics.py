from wherry.api.kinds import CONFIG_MAP
from wherry.client.interface import NotFound


async def sample(api, name: str, **labels: str) -> float:
    """One sample of /metrics, 0 if it is not there."""
    text = (await api.client.request("GET", "/metrics")).body.decode()
    for line in text.splitlines():
        if line.startswith(name) and all(f'{key}="{value}"' in line for key, value in labels.items()):
            return float(line.rpartition(" ")[2])
    return 0.0


async def test_requests_are_counted_by_verb_resource_and_code(api):
    try:
        await api.client.get(CONFIG_MAP, "none", "default")
    except NotFound:
        pass
    await api.client.create(CONFIG_MAP, {"metadata": {"name": "one"}}, "default")
    labels = {"resource": "configmaps", "scope": "namespace", "verb": "POST"}
    assert await sample(api, "apiserver_request_total", code="201", **labels) == 1
    assert await sample(api, "apiserver_request_total", code="404", resource="configmaps", verb="GET") == 1
    assert await sample(api, "apiserver_request_duration_seconds_count", **labels) == 1
    assert await sample(api, "apiserver_storage_objects", resource="configmaps") >= 1


async def test_paths_of_clients_make_no_series(api):
    for n in range(5):
        await api.client.request("GET", f"/made/up/{n}")
    text = (await api.client.request("GET", "/metrics")).body.decode()
    assert "/made/up" not in text


async def test_nothing_stays_in_flight(api):
    await api.client.list(CONFIG_MAP)
    assert await sample(api, "apiserver_current_inflight_requests", request_kind="mutating") == 0
    assert await sample(api, "apiserver_current_inflight_requests", request_kind="readOnly") == 1  # this one
