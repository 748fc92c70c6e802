"""Events as `kubectl describe` shows them: what the correlator decides, and what the recorder writes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest

from wherry.api import Obj, kinds
from wherry.client import events
from wherry.client.events import Correlator, Recorder
from wherry.testing.clock import FakeClock
from wherry.testing.cluster import ApiServer

POD: Obj = {"metadata": {"name": "web", "namespace": "default", "uid": "u1", "resourceVersion": "7"}}


class Recording:
    """A recorder that writes to an API server, on a clock that stands still."""

    def __init__(self, api: ApiServer) -> None:
        self.api, self.clock, self.ends = api, FakeClock(), 0
        self.recorder = Recorder(api.client, self.clock, "kubelet", "node-1")

    def note(self, reason: str, message: str, obj: Obj = POD) -> None:
        self.recorder.record(kinds.POD, obj, "Warning", reason, message, "spec.containers{app}")

    async def written(self) -> list[Obj]:
        """What is there when everything that was noted is written; a last event of its own marks the end."""
        self.ends += 1
        end = {"metadata": {"name": f"end-{self.ends}", "namespace": "default", "uid": f"end-{self.ends}"}}
        self.note("End", "end", end)
        task = asyncio.create_task(self.recorder.run())
        async with asyncio.timeout(10), aclosing(self.api.client.watch(kinds.EVENT)) as watch:
            async for event in watch:
                if event.object.get("involvedObject", {}).get("name") == f"end-{self.ends}":
                    break
        task.cancel()
        found = await self.api.client.list(kinds.EVENT)
        events = [event for event in found.items if event["reason"] != "End"]
        return sorted(events, key=lambda event: event["message"])


@pytest.fixture
async def recording() -> AsyncIterator[Recording]:
    async with ApiServer() as api:
        yield Recording(api)


async def test_an_event_says_who_what_and_when(recording: Recording) -> None:
    recording.note("BackOff", "Back-off restarting failed container")
    [event] = await recording.written()
    assert event["involvedObject"] == {
        "kind": "Pod",
        "apiVersion": "v1",
        "name": "web",
        "namespace": "default",
        "uid": "u1",
        "resourceVersion": "7",
        "fieldPath": "spec.containers{app}",
    }
    assert event["metadata"]["name"].startswith("web.") and event["metadata"]["namespace"] == "default"
    assert (event["type"], event["reason"], event["count"]) == ("Warning", "BackOff", 1)
    assert event["source"] == {"component": "kubelet", "host": "node-1"}
    assert (event["reportingComponent"], event["reportingInstance"]) == ("kubelet", "node-1")
    assert event["firstTimestamp"] == event["lastTimestamp"] == "2026-01-01T00:00:00Z"


async def test_the_same_event_again_is_counted(recording: Recording) -> None:
    recording.note("BackOff", "again")
    await recording.clock.advance(61)
    recording.note("BackOff", "again")
    recording.note("BackOff", "something else")
    again, other = await recording.written()
    assert (again["count"], again["firstTimestamp"], again["lastTimestamp"]) == (
        2,
        "2026-01-01T00:00:00Z",
        "2026-01-01T00:01:01Z",
    )
    assert other["count"] == 1


async def test_an_event_that_expired_is_written_anew_with_its_count(recording: Recording) -> None:
    recording.note("BackOff", "again")
    [event] = await recording.written()
    await recording.api.client.delete(kinds.EVENT, event["metadata"]["name"], "default")
    recording.note("BackOff", "again")
    [event] = await recording.written()
    assert event["count"] == 2


async def test_events_of_cluster_scoped_objects_are_in_default(recording: Recording) -> None:
    recording.recorder.record(
        kinds.NODE, {"metadata": {"name": "n", "uid": "n"}}, "Normal", "Starting", "Starting kubelet."
    )
    [event] = await recording.written()
    assert event["metadata"]["namespace"] == "default" and "namespace" not in event["involvedObject"]


async def test_a_recorder_without_a_server_never_waits_or_fails(caplog: pytest.LogCaptureFixture) -> None:
    api = ApiServer()
    recorder = Recorder(api.client_for("nobody"), FakeClock(), "kubelet", backlog=3)
    for number in range(10):
        recorder.record(kinds.POD, POD | {"metadata": {**POD["metadata"], "uid": str(number)}}, "Normal", "R", "m")
    task = asyncio.create_task(recorder.run())
    await asyncio.sleep(0.01)
    assert not task.done()
    task.cancel()


def event(message: str, name: str = "e", reason: str = "R") -> Obj:
    return {
        "metadata": {"name": name},
        "involvedObject": {"kind": "Pod", "name": "web", "uid": "u1"},
        "source": {"component": "c"},
        "type": "Warning",
        "reason": reason,
        "message": message,
        "firstTimestamp": "t",
    }


def test_many_similar_events_are_combined() -> None:
    correlator = Correlator()
    messages = []
    for number in range(events.SIMILAR + 2):
        found = correlator.correlate(event(f"message {number}", f"e{number}"), now=100)
        assert found is not None
        messages.append((found["metadata"]["name"], found["message"], found["count"]))
    assert messages[: events.SIMILAR - 1] == [(f"e{n}", f"message {n}", 1) for n in range(events.SIMILAR - 1)]
    first = f"e{events.SIMILAR - 1}"
    assert messages[events.SIMILAR - 1 :] == [
        (first, f"(combined from similar events): message {events.SIMILAR - 1 + n}", n + 1) for n in range(3)
    ]


def test_one_source_cannot_flood_one_object() -> None:
    correlator = Correlator()
    written = [correlator.correlate(event("same"), now=100) for _ in range(events.BURST + 5)]
    assert sum(each is not None for each in written) == events.BURST
    assert correlator.correlate(event("same"), now=100 + events.REFILL_SECONDS) is not None
    assert correlator.correlate(event("same"), now=100 + events.REFILL_SECONDS) is None
