"""What the pipeline calls: the facts of a request are noted when it comes, again when it is answered, and, if its
answer is a stream, when that ends."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import orjson

from wherry.aio.http.messages import Push, Response, Sink, Upgrade, UpgradedConnection
from wherry.apiserver import authz
from wherry.apiserver.audit.plan import events
from wherry.apiserver.audit.plan.events import Facts, Outcome
from wherry.apiserver.audit.plan.policy import (
    COMPLETE,
    NONE,
    PANIC,
    RECEIVED,
    REQUEST_RESPONSE,
    STARTED,
    Policy,
    Verdict,
)
from wherry.apiserver.audit.writer import Writer
from wherry.apiserver.authn.user import User
from wherry.apiserver.authz import Decision, Question
from wherry.apiserver.routes import is_long_running
from wherry.lib.clock import Clock

if TYPE_CHECKING:
    from wherry.apiserver.core import Call

HEADER = "Audit-ID"
_DECISION, _REASON = "authorization.k8s.io/decision", "authorization.k8s.io/reason"
_WRITES = ("create", "update", "patch", "delete", "deletecollection")
_NOBODY = User("")
_STATUS = b'{"kind":"Status"'
FAILURE = 400

Answer = Response | Upgrade
_Body = tuple[bytes | list[bytes], str]  # and its content type


class Record:
    """One request that is being audited. Others on its way may `annotate` it. `panicked`: it failed inside;
    `refused`: nobody knows who asked."""

    def __init__(self, audit: "Audit", facts: Facts, call: "Call", refused: bool) -> None:
        self._audit, self._facts, self._call = audit, facts, call
        self._annotations: dict[str, str] = {}
        self._refused = refused
        self.panicked = False

    def decided(self, decision: Decision) -> None:
        """What authorisation said."""
        self.annotate(_DECISION, "allow" if decision.allowed else "forbid")
        self.annotate(_REASON, decision.reason)

    def annotate(self, key: str, value: str) -> None:
        """Add an annotation; the first value of a key stands."""
        self._annotations.setdefault(key, value)

    def answered(self, answer: Answer) -> None:
        """Note the answer, and let it name the request; a stream is wrapped so that its end is noted, too."""
        answer.headers = [*answer.headers, (HEADER, self._facts.audit_id)]
        if self._refused or is_long_running(self._call.target):
            self._note(STARTED, answer)
        if isinstance(answer, Upgrade) or not isinstance(answer.body, bytes | list):
            _at_end(answer, partial(self._note, COMPLETE, answer))
        elif not self._refused:
            self._note(PANIC if self.panicked else COMPLETE, answer)

    def _note(self, stage: str, answer: Answer) -> None:
        """Hand on everything that the event needs; none of it changes any more."""
        facts, outcome = self._facts, self._outcome(answer)
        if stage in facts.verdict.omit_stages:
            return
        body = _answered(answer, facts.verdict.level)
        self._audit.write(facts, stage, partial(_complete, outcome, self._requested(), body))

    def _outcome(self, answer: Answer) -> Outcome:
        """What is known so far."""
        code = answer.status if isinstance(answer, Response) else 101
        user, request = self._call.user, self._call.request
        found = Outcome(code, annotations=dict(self._annotations))
        if self._refused:
            tried = events.attempted(request.headers.get("Authorization"), request.peer_certificate is not None)
            found.status = {"message": tried}
        elif user is not self._facts.question.user:
            found.impersonated = user
        return found

    def _requested(self) -> _Body | None:
        request = self._call.request
        if self._call.target.verb not in _WRITES or not request.body:
            return None
        return request.body, request.headers.get("Content-Type")


def _answered(answer: Answer, level: str) -> _Body | None:
    """The body of an answer, if the event is to show anything of it."""
    if isinstance(answer, Upgrade) or not isinstance(answer.body, bytes | list) or not answer.body:
        return None
    is_status = isinstance(answer.body, bytes) and answer.body.startswith(_STATUS)
    wanted = level == REQUEST_RESPONSE or is_status or answer.status >= FAILURE
    return (answer.body, answer.content_type) if wanted else None


def _complete(outcome: Outcome, request: _Body | None, answer: _Body | None) -> Outcome:
    """The outcome with the objects in it; run by the writer's thread."""
    if request:
        outcome.request = _decoded(*request)
    if answer:
        outcome.answer = _decoded(*answer)
        is_status = isinstance(outcome.answer, dict) and outcome.answer.get("kind") == "Status"
        outcome.status = outcome.status or (outcome.answer if is_status else None)
    return outcome


def _decoded(body: bytes | list[bytes], form: str) -> Any:
    """A body's value, whatever it is written in; None if it cannot be read."""
    body = b"".join(body) if isinstance(body, list) else body
    try:
        if "protobuf" in form:
            from wherry.wire import protobuf

            return protobuf.decode(body)
        if "yaml" in form:
            from wherry.apiserver import yamltext

            return yamltext.load(body)
        return orjson.loads(body)
    except (ValueError, KeyError):
        return None


def _at_end(answer: Answer, note: Callable[[], None]) -> None:
    """Have `note` called when the answer's stream ends."""
    if isinstance(answer, Upgrade):
        run = answer.run

        async def noted(connection: UpgradedConnection) -> None:
            try:
                await run(connection)
            finally:
                note()

        answer.run = noted
    elif isinstance(answer.body, AsyncIterator):
        answer.body = _iterated(answer.body, note)
    else:
        assert not isinstance(answer.body, bytes | list)
        answer.body = _Pushed(answer.body, note)


async def _iterated(body: AsyncIterator[bytes], note: Callable[[], None]) -> AsyncIterator[bytes]:
    try:
        async for part in body:
            yield part
    finally:
        close = getattr(body, "aclose", None)
        if close:
            await close()
        note()


class _Pushed:
    """A push whose end is noted."""

    def __init__(self, push: Push, note: Callable[[], None]) -> None:
        self._push, self._note = push, note

    def attach(self, sink: Sink) -> None:
        self._push.attach(sink)

    def detach(self) -> None:
        self._push.detach()
        self._note()


class Audit:
    """The audit log of a server. `written` counts events."""

    def __init__(self, rules: Policy, writer: Writer, clock: Clock) -> None:
        self._policy, self._writer, self._clock = rules, writer, clock
        self.written = 0

    def begin(self, call: "Call", refused: bool = False) -> None:
        """Note a request whose user is known, or has been refused, if the policy says so."""
        question = authz.ask(call)
        if refused:
            question = replace(question, user=_NOBODY)
        verdict = self._policy.judge(question)
        if verdict.level == NONE:
            return
        facts = self._facts(call, question, verdict)
        call.audit = Record(self, facts, call, refused)
        if not refused and RECEIVED not in verdict.omit_stages:
            self.write(facts, RECEIVED, Outcome)

    def finish(self, call: "Call", answer: Answer) -> None:
        """Note what a request is answered."""
        if call.audit:
            call.audit.answered(answer)

    def _facts(self, call: "Call", question: Question, verdict: Verdict) -> Facts:
        request, headers = call.request, call.request.headers
        return Facts(
            headers.get(HEADER) or str(uuid.uuid4()), verdict, question, call.target.version,
            request.target or request.path, self._clock.now(),
            events.sources(headers.get("X-Forwarded-For"), headers.get("X-Real-Ip"), request.remote),
            headers.get("User-Agent"),
        )  # fmt: skip

    def write(self, facts: Facts, stage: str, outcome: Callable[[], Outcome]) -> None:
        """An event; the writer's thread makes it, and asks for the outcome."""
        at = self._clock.now()
        self.written += 1
        self._writer.put(lambda: orjson.dumps(events.event(facts, stage, at, outcome())) + b"\n")

    async def close(self) -> None:
        """Write what waits."""
        await asyncio.to_thread(self._writer.close)
