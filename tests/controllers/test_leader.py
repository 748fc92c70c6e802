"""One of several processes leads; another takes over when it is gone or silent."""

import asyncio
import os
import signal
import subprocess
import sys

import pytest

from wherry.aio.tasks import Tasks
from wherry.api.kinds import LEASE, NAMESPACE
from wherry.client.interface import AlreadyExists
from wherry.controllers import leader
from wherry.controllers.leader import Leader, Terms
from wherry.testing.clock import FakeClock
from wherry.testing.cluster import ApiServer


class Process:
    """A leader that notes when it acts."""

    def __init__(self, client, clock, identity, log):
        self.leader = Leader(client, clock, "work", identity, terms=Terms(12, 8, 1.5))
        self.identity, self.log = identity, log

    async def act(self):
        self.log.append(("+", self.identity))
        try:
            await asyncio.Event().wait()
        finally:
            self.log.append(("-", self.identity))


@pytest.fixture
async def setting():
    clock = FakeClock()
    async with ApiServer(clock=clock) as api, Tasks() as tasks:
        try:
            await api.client.create(NAMESPACE, {"metadata": {"name": "kube-system"}})
        except AlreadyExists:
            pass
        log = []

        def start(identity, client=None):
            process = Process(client or api.client, clock, identity, log)
            return process, tasks.start(process.leader.run(process.act), identity)

        yield api, clock, log, start


async def pass_time(clock, seconds):
    for _ in range(int(seconds * 2)):
        await clock.advance(0.5)


async def test_one_leads_and_the_other_waits(setting):
    api, clock, log, start = setting
    start("one")
    await pass_time(clock, 2)
    start("two")
    await pass_time(clock, 60)
    assert log == [("+", "one")]
    spec = (await api.client.get(LEASE, "work", "kube-system"))["spec"]
    assert spec["holderIdentity"] == "one" and spec["leaseTransitions"] == 0


async def test_a_leader_that_stops_gives_the_lease_back(setting):
    _, clock, log, start = setting
    _, task = start("one")
    await pass_time(clock, 2)
    start("two")
    task.cancel()
    await pass_time(clock, 4)
    assert log == [("+", "one"), ("-", "one"), ("+", "two")]


async def test_a_leader_that_falls_silent_is_followed_after_the_duration_and_stops_before(setting):
    api, clock, log, start = setting
    cut_off = api.client_for("cut-off", "system:masters")
    process, _ = start("one", cut_off)
    await pass_time(clock, 2)
    start("two")
    await pass_time(clock, 2)

    async def unreachable(*_, **__):
        raise OSError("no route")

    cut_off.transport.request = unreachable
    await pass_time(clock, 11)
    assert log[-1] == ("-", "one") and not process.leader.leading
    await pass_time(clock, 5)
    assert log == [("+", "one"), ("-", "one"), ("+", "two")]


async def test_a_leader_that_lost_the_lease_to_another_stops(setting):
    api, clock, log, start = setting
    start("one")
    await pass_time(clock, 2)
    await api.client.patch(LEASE, "work", "kube-system", {"spec": {"holderIdentity": "other"}})
    await pass_time(clock, 2)
    assert log == [("+", "one"), ("-", "one")]


def test_a_process_that_runs_is_not_gone_and_one_that_was_killed_is():
    assert not leader.is_gone(leader.process_identity())
    code = "from wherry.controllers.leader import process_identity; print(process_identity(), flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        identity = child.stdout.readline().decode().strip()
        assert not leader.is_gone(identity)
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
        assert leader.is_gone(identity)


@pytest.mark.parametrize("identity", ["elsewhere_1.2-3-4", "free text", "", "a_b"])
def test_of_what_ran_elsewhere_nothing_is_known(identity):
    assert not leader.is_gone(identity)


LEASES = [
    # holder, duration, unchanged for -> may be taken by "me"
    ("", 12, 0, True),
    ("me", 12, 0, True),
    ("other", 12, 5, False),
    ("other", 12, 13, True),
]


@pytest.mark.parametrize(("holder", "duration", "unchanged", "expected"), LEASES)
def test_when_a_lease_may_be_taken(holder, duration, unchanged, expected):
    lease = {"spec": {"holderIdentity": holder, "leaseDurationSeconds": duration}}
    assert leader.may_take(lease, "me", unchanged) is expected
