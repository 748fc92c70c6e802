"""The audit log: who did what, when, and what came of it, one JSON line (audit.k8s.io/v1 Event) a stage.

    policy   which requests are noted, and how much of them; a file as upstream's (`kind: Policy`)
    events   a request -> its events
    log      the file, written beside the event loop and rotated

A request is judged once it is known who asks. Refused identities are noted, too.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from wherry.aio.http.messages import Response, Upgrade, UpgradedConnection
from wherry.apiserver.audit import events
from wherry.apiserver.audit.log import AuditLog
from wherry.apiserver.audit.policy import Level, Noted, Policy
from wherry.apiserver.authn.user import User
from wherry.apiserver.hub import Watcher
from wherry.lib.clock import Clock

if TYPE_CHECKING:
    from wherry.apiserver.core import Call

_STREAMED = ("watch",)
_CONNECTS = ("exec", "attach", "portforward", "proxy", "log")


@dataclass(slots=True)
class Record:
    """One request as the log sees it. `user`: who really asked."""

    id: str
    noted: Noted
    user: User
    received: float
    annotations: dict[str, str] = field(default_factory=dict)


class Audit:
    """Notes requests. One without a log does nothing, and costs nothing."""

    def __init__(self, policy: Policy, log: AuditLog, clock: Clock, new_id: Callable[[], str]) -> None:
        self._policy, self._log, self._clock, self._new_id = policy, log, clock, new_id
        self.written = 0

    def begin(self, call: "Call") -> None:
        """The caller is known (or refused): decide how much is noted."""
        noted = self._policy.judge(call.user, call.target)
        if noted.level is Level.NONE:
            return
        given = call.request.headers.get("Audit-ID")
        call.audit = Record(given or self._new_id(), noted, call.user, self._clock.now())
        self._write(call, call.audit, "RequestReceived", None)

    def finish(self, call: "Call", response: Response | Upgrade) -> None:
        """The answer is made; a stream goes on, and is noted once more when it ends."""
        record = call.audit
        if record is None:
            return
        if not _goes_on(call, response):
            self._write(call, record, "ResponseComplete", response)
            return
        self._write(call, record, "ResponseStarted", response)
        _at_end(response, lambda: self._write(call, record, "ResponseComplete", response))

    def _write(self, call: "Call", record: Record, stage: str, response: Response | Upgrade | None) -> None:
        if stage not in record.noted.omit:
            self.written += 1
            self._log.write(events.line(call, record, stage, self._clock.now(), response))

    async def close(self) -> None:
        """Write what is left."""
        await self._log.close()


def _goes_on(call: "Call", response: Response | Upgrade) -> bool:
    if isinstance(response, Upgrade):
        return True
    streamed = not isinstance(response.body, bytes | list)
    return streamed and (call.target.verb in _STREAMED or call.target.subresource in _CONNECTS)


def _at_end(response: Response | Upgrade, note: Callable[[], None]) -> None:
    """Call `note` when the stream is over."""
    if isinstance(response, Upgrade):
        run = response.run

        async def noted(connection: UpgradedConnection) -> None:
            try:
                await run(connection)
            finally:
                note()

        response.run = noted
    elif isinstance(response.body, Watcher):
        before = response.body.on_detach

        def detached() -> None:
            if before:
                before()
            note()

        response.body.on_detach = detached
