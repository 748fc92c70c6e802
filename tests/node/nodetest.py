"""Builders for tables about pods on a node."""

from dataclasses import replace
from typing import Any

from wherry.api import Obj
from wherry.node.plan import View, plan
from wherry.node.plan.actions import Emit, Plan
from wherry.node.plan.view import Container, Image, NodeFacts, Sandbox, Volumes

NODE = NodeFacts("node-1", ("192.0.2.1",))
T0 = 1_700_000_000.0


def container(name: str = "main", **fields: Any) -> Obj:
    return {"name": name, "image": "busybox:1", "imagePullPolicy": "IfNotPresent"} | fields


def pod(*containers: Obj, init: tuple[Obj, ...] = (), metadata: Obj | None = None, **spec: Any) -> Obj:
    base = {"name": "web", "namespace": "default", "uid": "u-1", "generation": 1}
    body: Obj = {"containers": list(containers or (container(),)), "restartPolicy": "Always"}
    if init:
        body["initContainers"] = list(init)
    return {"metadata": base | (metadata or {}), "spec": body | spec}


def record(name: str = "main", state: str = "running", attempt: int = 0, **fields: Any) -> Container:
    facts: Obj = {"created_at": T0 + attempt, "started_at": T0 + attempt, "image": "busybox:1"}
    if state == "exited":
        facts["finished_at"] = T0 + attempt + 1
    return Container(
        id=f"{name}-{attempt}", name=name, attempt=attempt, state=state,
        image_id="sha256:1", **(facts | fields),
    )  # type: ignore[arg-type]  # fmt: skip


def view(of: Obj, *containers: Container, **fields: Any) -> View:
    """A pod whose sandbox, volumes and images are there."""
    names = [each["name"] for each in [*of["spec"]["containers"], *of["spec"].get("initContainers", [])]]
    prepared: dict[str, Any] = {
        "sandbox": Sandbox("s-1", ("10.244.0.5",)),
        "volumes": Volumes(ready=True),
        "images": {name: Image(present=True) for name in names},
        "now": T0 + 2,
    }
    return View(of, NODE, containers=containers, **(prepared | fields))


def actions(of: View) -> list[Any]:
    """What the plan does, events aside."""
    return [each for each in plan(of).actions if not isinstance(each, Emit)]


def events(of: View) -> list[tuple[str, str]]:
    return [(each.reason, each.message) for each in plan(of).actions if isinstance(each, Emit)]


def status_of(result: Plan, name: str = "main") -> Obj:
    assert result.status is not None
    every = result.status.get("containerStatuses", []) + result.status.get("initContainerStatuses", [])
    return next(each for each in every if each["name"] == name)


def condition(result: Plan, type: str) -> Obj:
    assert result.status is not None
    return next(each for each in result.status["conditions"] if each["type"] == type)


def at(of: View, **changes: Any) -> View:
    return replace(of, **changes)
