"""ComponentStatus, which old clients still read: whether the store and the other components answer."""

from wherry.aio.http.messages import Response
from wherry.api import Obj, errors
from wherry.api.kinds import Kind
from wherry.apiserver import negotiation
from wherry.apiserver.core import Api, Call
from wherry.apiserver.registry import forms
from wherry.store import StoreError

STORE = "etcd-0"  # the name that such clients look for


async def get(api: Api, call: Call) -> Response:
    """The list, or the one that is named."""
    name = call.target.name
    accepted = negotiation.accept(call.request.headers.get("Accept"))
    if name and name != STORE:
        raise errors.not_found(Kind("", "v1", call.kind.kind, call.kind.singular), name)
    status = await _store(api)
    if name:
        found = {"kind": call.kind.kind, "apiVersion": "v1", **status}
        return forms.document(forms.shaped(api, call, found, accepted), accepted)
    return forms.document(
        {"kind": call.kind.list_kind, "apiVersion": "v1", "metadata": {}, "items": [status]}, accepted
    )


async def _store(api: Api) -> Obj:
    try:
        await api.store.revision()
        state = {"status": "True", "message": "ok"}
    except StoreError as error:
        state = {"status": "False", "message": str(error)}
    return {"metadata": {"name": STORE}, "conditions": [{"type": "Healthy", **state}]}
