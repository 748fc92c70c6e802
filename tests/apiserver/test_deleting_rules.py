"""What a deletion does to an object: a table of objects and options."""

from typing import Any

import pytest

from wherry.api import Obj, kinds
from wherry.apiserver import strategies
from wherry.apiserver.options import DeleteOptions
from wherry.apiserver.registry.deleting import decide
from wherry.lib.timestamps import rfc3339

NOW = 1_767_225_600.0


def obj(finalizers: list[str] | None = None, **metadata: Any) -> Obj:
    found: Obj = {"metadata": {"name": "a", "uid": "u", **metadata}, "spec": {}, "status": {}}
    if finalizers:
        found["metadata"]["finalizers"] = finalizers
    return found


def pod(node: str = "n", grace: int = 30, **metadata: Any) -> Obj:
    found = obj(**metadata)
    found["spec"] = {"nodeName": node, "terminationGracePeriodSeconds": grace}
    return found


@pytest.mark.parametrize(
    ("finalizers", "options", "what", "after"),
    [
        ([], {}, "remove", []),
        (["a.b/c"], {}, "mark", ["a.b/c"]),
        ([], {"policy": "Foreground"}, "mark", ["foregroundDeletion"]),
        ([], {"policy": "Orphan"}, "mark", ["orphan"]),
        ([], {"orphan": True}, "mark", ["orphan"]),
        ([], {"orphan": False}, "remove", []),
        (["orphan"], {"policy": "Background"}, "remove", []),
        (["foregroundDeletion"], {"policy": "Orphan"}, "mark", ["orphan"]),
        ([], {"policy": "Background"}, "remove", []),
    ],
)
def test_propagation(finalizers: list[str], options: dict[str, Any], what: str, after: list[str]) -> None:
    decision = decide(strategies.of(kinds.CONFIG_MAP), obj(finalizers), DeleteOptions(**options), NOW)
    assert decision.what == what
    assert decision.obj["metadata"].get("finalizers", []) == after


@pytest.mark.parametrize(
    ("asked", "node", "what", "seconds"),
    [
        (None, "n", "mark", 30),
        (5, "n", "mark", 5),
        (0, "n", "remove", 0),
        (-3, "n", "mark", 1),
        (None, "", "remove", 0),
    ],
)
def test_a_pod_waits_for_its_node(asked: int | None, node: str, what: str, seconds: int) -> None:
    decision = decide(strategies.of(kinds.POD), pod(node), DeleteOptions(grace=asked), NOW)
    assert decision.what == what
    assert decision.announce == (what == "remove")
    assert decision.obj["metadata"]["deletionGracePeriodSeconds"] == seconds
    assert decision.obj["metadata"]["deletionTimestamp"] == rfc3339(NOW + seconds)


def test_a_second_deletion_can_only_be_sooner() -> None:
    strategy = strategies.of(kinds.POD)
    ending = pod(deletionTimestamp=rfc3339(NOW + 30), deletionGracePeriodSeconds=30)
    assert decide(strategy, ending, DeleteOptions(grace=60), NOW).what == "keep"
    sooner = decide(strategy, ending, DeleteOptions(grace=10), NOW)
    assert (sooner.what, sooner.obj["metadata"]["deletionGracePeriodSeconds"]) == ("mark", 10)


def test_the_first_mark_makes_a_new_generation() -> None:
    decision = decide(strategies.of(kinds.DEPLOYMENT), obj(["x/y"], generation=3), DeleteOptions(), NOW)
    assert decision.obj["metadata"]["generation"] == 4
