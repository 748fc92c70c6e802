"""Whether a container's image is there, is to be fetched, or is waited for."""

from dataclasses import dataclass
from typing import Literal

from wherry.api import Obj
from wherry.node.plan.view import Image

FIRST_DELAY = 10.0
LONGEST_DELAY = 300.0
# A failed pull is first shown as what it is, then as the back-off that follows it.
SHOWN_AS_ERROR = 2.0
LOOK_AGAIN = 10.0


@dataclass(frozen=True, slots=True)
class Answer:
    """`go`: the container can be made. `pull`: fetch it now. `wait`: with a reason to show, until `until` (None:
    until something happens)."""

    verdict: Literal["go", "pull", "wait"]
    reason: str = ""
    message: str = ""
    until: float | None = None


def retry_at(image: Image) -> float:
    return image.failed_at + min(FIRST_DELAY * 2 ** (image.failures - 1), LONGEST_DELAY)


def _failed(reference: str, image: Image, now: float) -> Answer:
    until = retry_at(image)
    if now >= until:
        return Answer("pull")
    shown_until = image.failed_at + SHOWN_AS_ERROR
    if now < shown_until:
        return Answer("wait", "ErrImagePull", image.error, shown_until)
    message = f'Back-off pulling image "{reference}": ErrImagePull: {image.error}'
    return Answer("wait", "ImagePullBackOff", message, until)


def answer(container: Obj, image: Image, now: float) -> Answer:
    reference = container.get("image", "")
    policy = container.get("imagePullPolicy") or "IfNotPresent"
    if image.invalid:
        message = f'Failed to apply default image tag "{reference}": {image.invalid}'
        return Answer("wait", "InvalidImageName", message)
    if image.pulling:
        return Answer("wait")
    if image.pulled or (image.present and policy != "Always"):
        return Answer("go")
    if policy == "Never":
        message = f'Container image "{reference}" is not present with pull policy of Never'
        return Answer("wait", "ErrImageNeverPull", message, now + LOOK_AGAIN)
    if image.failures:
        return _failed(reference, image, now)
    return Answer("pull")
