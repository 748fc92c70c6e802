"""Restart policies and CrashLoopBackOff.

The first restart is at once; then 10 s, doubling to 300 s, counted from the end of the last attempt; an attempt that
outlived twice the longest delay starts afresh.
"""

from wherry.api import Obj
from wherry.node.plan.podspec import full_name
from wherry.node.plan.view import Container

FIRST_DELAY = 10.0
LONGEST_DELAY = 300.0
AFRESH_AFTER = 2 * LONGEST_DELAY


def _rule_says_restart(container: Obj, exit_code: int) -> bool:
    for rule in container.get("restartPolicyRules") or []:
        codes = rule.get("exitCodes") or {}
        listed = exit_code in (codes.get("values") or [])
        if listed == (codes.get("operator") == "In"):
            return rule.get("action") in ("Restart", "RestartAllContainers")
    return False


def should_restart(pod: Obj, container: Obj, exit_code: int) -> bool:
    """Whether a container that ended like this is to run again; its own policy goes before the pod's."""
    if container.get("restartPolicy") and _rule_says_restart(container, exit_code):
        return True
    policy = container.get("restartPolicy") or pod["spec"].get("restartPolicy", "Always")
    if policy == "OnFailure":
        return exit_code != 0
    return bool(policy != "Never")


def next_delay(last: Container) -> float:
    """Seconds from the end of `last` that the next attempt is to wait for."""
    if last.delay <= 0:
        return 0.0
    if last.finished_at - last.created_at > AFRESH_AFTER:
        return 0.0
    return last.delay


def delay_after(last: Container) -> float:
    """What the attempt after `last` is given: its own successor waits that long."""
    waited = next_delay(last)
    return min(waited * 2, LONGEST_DELAY) if waited else FIRST_DELAY


def retry_at(last: Container) -> float:
    return last.finished_at + next_delay(last)


def duration(seconds: float) -> str:
    """`10s`, `1m20s`, `5m0s`: as messages write it."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}m{rest}s" if minutes else f"{rest}s"


def back_off_message(pod: Obj, last: Container) -> str:
    return f"back-off {duration(next_delay(last))} restarting failed container={last.name} pod={full_name(pod)}"
