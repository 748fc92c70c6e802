"""Deletecollection: everything that a list would show, one after the other."""

from wherry.aio.http.messages import Response
from wherry.api.errors import StatusError
from wherry.apiserver import negotiation, options
from wherry.apiserver.core import Api, Call
from wherry.apiserver.registry import forms
from wherry.apiserver.registry.deleting import delete_one, read_options
from wherry.apiserver.registry.reading import select_records


async def delete_collection(api: Api, call: Call) -> Response:
    accepted = negotiation.accept(call.request.headers.get("Accept"))
    wanted = options.list_options(call.query)
    deletion = read_options(call)
    records, page = await select_records(api, call.kind, call.target.namespace, wanted)
    for record in records:
        _, _, rest = record.key.partition("/")
        namespace, _, name = rest.rpartition("/")
        try:
            await delete_one(api, call, namespace, name, deletion)
        except StatusError as error:
            if error.code != 404:
                raise
    return forms.many(api, call, records, page, accepted)
