"""How large each replica set may be: surge, unavailability, proportions.

Source: upstream's pkg/controller/deployment/util.
"""

from collections.abc import Iterable, Sequence
from math import floor

from wherry.api import Obj, meta
from wherry.controllers.intstr import scaled
from wherry.controllers.pods import created_at

DESIRED = "deployment.kubernetes.io/desired-replicas"
MAXIMUM = "deployment.kubernetes.io/max-replicas"


def replicas(obj: Obj) -> int:
    """What a Deployment or a ReplicaSet asks for."""
    return int(obj["spec"].get("replicas", 1))


def is_rolling(deployment: Obj) -> bool:
    return bool((deployment["spec"].get("strategy") or {}).get("type", "RollingUpdate") == "RollingUpdate")


def bounds(deployment: Obj) -> tuple[int, int]:
    """(surge, unavailable): pods above and below the wanted number during an update. Both 0 after rounding would
    stand still, so then one pod may be unavailable."""
    if not is_rolling(deployment):
        return 0, 0
    rolling = (deployment["spec"].get("strategy") or {}).get("rollingUpdate") or {}
    wanted = replicas(deployment)
    surge = scaled(rolling.get("maxSurge"), wanted, round_up=True)
    unavailable = scaled(rolling.get("maxUnavailable"), wanted, round_up=False)
    if surge == 0 and unavailable == 0:
        unavailable = 1
    return surge, min(unavailable, wanted)


def max_surge(deployment: Obj) -> int:
    return bounds(deployment)[0]


def max_unavailable(deployment: Obj) -> int:
    return bounds(deployment)[1]


def new_set_size(deployment: Obj, sets: Iterable[Obj], new: Obj) -> int:
    """What the newest set may grow to now."""
    wanted = replicas(deployment)
    if not is_rolling(deployment):
        return wanted
    room = wanted + max_surge(deployment) - total(sets)
    if room <= 0:
        return replicas(new)
    return replicas(new) + min(room, wanted - replicas(new))


def total(sets: Iterable[Obj]) -> int:
    """Pods that the sets ask for."""
    return sum(replicas(each) for each in sets)


def observed(sets: Iterable[Obj], field: str) -> int:
    """Sum of a status field."""
    return sum(int((each.get("status") or {}).get(field, 0)) for each in sets)


def active(sets: Iterable[Obj]) -> list[Obj]:
    return [each for each in sets if replicas(each) > 0]


def by_age(sets: Iterable[Obj]) -> list[Obj]:
    """Oldest first."""
    return sorted(sets, key=lambda each: (created_at(each), meta.name(each)))


def annotated(replica_set: Obj, annotation: str) -> int | None:
    """A count that an annotation holds; None if it is absent or no such number."""
    text = meta.annotations(replica_set).get(annotation, "")
    return int(text) if text.isascii() and text.isdigit() and int(text) < 2**31 else None


def is_saturated(deployment: Obj, new: Obj | None) -> bool:
    """Whether the newest set has all pods that the deployment wants, available, and was told so."""
    if new is None:
        return False
    wanted = replicas(deployment)
    return replicas(new) == annotated(new, DESIRED) == observed([new], "availableReplicas") == wanted


def only_set_to_scale(new: Obj | None, old: Sequence[Obj]) -> Obj | None:
    """The one set with pods, or the newest if none has; None if several have (then they share)."""
    with_pods = active([*old, new] if new else old)
    if len(with_pods) > 1:
        return None
    if with_pods:
        return with_pods[0]
    return new or next(iter(reversed(by_age(old))), None)


def proportional_sizes(deployment: Obj, sets: Sequence[Obj]) -> list[tuple[Obj, int]]:
    """New sizes for active sets in the middle of an update, in the order to apply them: each grows or shrinks by its
    share, rounded; the first takes what rounding left over."""
    wanted = replicas(deployment)
    allowed = wanted + max_surge(deployment) if wanted > 0 else 0
    to_add = allowed - total(sets)
    ordered = by_age(sets)
    if to_add > 0:
        ordered.reverse()
    ordered.sort(key=lambda each: -replicas(each))
    added = 0
    sizes = []
    for each in ordered:
        share = _share(deployment, each, to_add, added)
        sizes.append((each, replicas(each) + share))
        added += share
    if sizes and to_add:
        first, size = sizes[0]
        sizes[0] = first, max(0, size + to_add - added)
    return sizes


def _share(deployment: Obj, replica_set: Obj, to_add: int, added: int) -> int:
    if replicas(replica_set) == 0 or to_add in (0, added):
        return 0
    fraction = _fraction(deployment, replica_set)
    return min(fraction, to_add - added) if to_add > 0 else max(fraction, to_add - added)


def _fraction(deployment: Obj, replica_set: Obj) -> int:
    size = replicas(replica_set)
    wanted = replicas(deployment)
    if wanted == 0:
        return -size
    before = annotated(replica_set, MAXIMUM) or observed([deployment], "replicas")
    if not before:
        return 0
    grown = size * (wanted + max_surge(deployment)) / before
    return floor(grown + 0.5) - size
