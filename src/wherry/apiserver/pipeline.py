"""Every request's way, as one list: `STAGES`.

    authenticate   who asks
    note           what the audit log shall say of it
    impersonate    whom they ask for
    queue          when it is their turn (priority and fairness)
    authorise      whether they may
    answer         the verb: reads answer from stored bytes; writes go through `registry.writing` (decode and
                   defaults, manage, mutate, prepare, validate, admit, commit), and the hub notifies watchers

A stage returns nothing, and the next one follows, or the answer.
"""

import logging
from collections.abc import Awaitable, Callable

from wherry.aio.http.messages import Handler, Request, Response, Upgrade
from wherry.api import errors
from wherry.api.errors import StatusError
from wherry.apiserver import authz, negotiation, routes, verbs, warnings
from wherry.apiserver.authn import impersonation
from wherry.apiserver.compression import compressed
from wherry.apiserver.core import Api, Call
from wherry.apiserver.registry import forms
from wherry.store import Unavailable

log = logging.getLogger(__name__)

Answer = Response | Upgrade
UNAUTHORIZED = 401

Stage = Callable[[Api, Call], Awaitable[Answer | None]]


async def authenticate(api: Api, call: Call) -> None:
    call.user = await api.authenticator(call.request)


async def note(api: Api, call: Call) -> None:
    if api.audit:
        api.audit.begin(call)


async def impersonate(api: Api, call: Call) -> None:
    claim = impersonation.claimed(call.request.headers)
    if claim:
        call.user = await impersonation.impersonated(api.authorizer, claim, authz.ask(call))


async def queue(api: Api, call: Call) -> None:
    call.place = await api.fairness.enter(call)


async def authorise(api: Api, call: Call) -> None:
    if call.user.is_master and not call.audit:
        return
    question = authz.ask(call)
    decision = await api.authorizer.decide(question)
    if call.audit:
        call.audit.decided(decision)
    if not decision.allowed:
        raise authz.refusal(question, decision.reason)


async def answer(api: Api, call: Call) -> Answer:
    verb = verbs.find(api, call)
    if call.target.kind in warnings.DEPRECATED:
        call.warn(warnings.DEPRECATED[call.target.kind])
    return await verb(api, call)


STAGES: tuple[Stage, ...] = (authenticate, note, impersonate, queue, authorise, answer)


def handler(api: Api) -> Handler:
    """The whole server as a function from a request to an answer."""

    async def handle(request: Request) -> Answer:
        query = routes.Query(request.query)
        call = Call(request, query, routes.resolve(request.method, request.path, query, api.kinds))
        started = api.metrics.started(call)
        try:
            for stage in STAGES:
                response = await stage(api, call)
                if response is not None:
                    break
        except StatusError as error:
            response = refusal(error, call)
            if error.code == UNAUTHORIZED and api.audit:
                api.audit.begin(call, refused=True)
        except Unavailable as error:
            response = refusal(errors.service_unavailable(str(error)), call)
        except RecursionError:
            response = refusal(errors.bad_request("exceeded max depth"), call)
        except Exception:
            log.exception("%s %s failed", request.method, request.path)
            if call.audit:
                call.audit.panicked = True
            response = refusal(errors.internal("unexpected failure; the server's log has the details"), call)
        finally:
            if call.place:
                call.place.leave()
        assert response is not None
        if call.audit:
            call.audit.answered(response)
        if call.place and isinstance(response, Response):
            response.headers = [*response.headers, *call.place.headers]
        if isinstance(response, Response) and "Accept-Encoding" in request.headers:
            response = await compressed(request, response)
        if call.warnings and isinstance(response, Response):
            response.headers = [*response.headers, *(("Warning", f"299 - {_quoted(w)}") for w in call.warnings)]
        api.metrics.finished(call, response.status if isinstance(response, Response) else 101, started)
        return response

    return handle


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def refusal(error: StatusError, call: Call) -> Response:
    """The error as the client gets it: a Status, in a form that it accepts if there is one."""
    accepted = negotiation.Accepted()
    try:
        accepted = negotiation.accept(call.request.headers.get("Accept"))
    except StatusError:
        pass
    body = error.status()
    response = forms.document(body, accepted, error.code)
    retry_after = (error.details or {}).get("retryAfterSeconds")
    if retry_after:
        response.headers = [("Retry-After", str(retry_after))]
    return response
