"""Log, exec, attach and port-forward: the pod's node answers."""

from urllib.parse import quote, urlencode

from wherry.aio.http.messages import Response, Upgrade
from wherry.api import Obj, errors, kinds
from wherry.apiserver import encoding, negotiation
from wherry.apiserver.core import Api, Call
from wherry.apiserver.registry import storage
from wherry.apiserver.routes import is_true

LOG_OPTIONS = (
    "follow", "previous", "timestamps", "sinceSeconds", "sinceTime", "tailLines", "limitBytes", "stream"
)  # fmt: skip
_STREAMS = {"stdin": "input", "stdout": "output", "stderr": "error", "tty": "tty"}
_CONTAINERS = ("initContainers", "containers", "ephemeralContainers")


async def _pod(api: Api, call: Call) -> Obj:
    record = await storage.current(api, kinds.POD, call.target.namespace, call.target.name)
    if record is None:
        raise errors.not_found(kinds.POD, call.target.name)
    return encoding.decode(kinds.POD, record)


async def _node(api: Api, name: str) -> Obj:
    record = await storage.current(api, kinds.NODE, "", name)
    if record is None:
        raise errors.not_found(kinds.NODE, name)
    return encoding.decode(kinds.NODE, record)


def _container(call: Call, pod: Obj) -> str:
    """The container that is asked for, or the only one."""
    wanted, name = call.query.get("container", ""), pod["metadata"]["name"]
    names = [each["name"] for field in _CONTAINERS for each in pod["spec"].get(field) or ()]
    if wanted:
        if wanted not in names:
            raise errors.bad_request(f"container {wanted} is not valid for pod {name}")
        return wanted
    if len(pod["spec"]["containers"]) == 1:
        return str(pod["spec"]["containers"][0]["name"])
    listed = f", choose one of: [{' '.join(names)}]" if names else ""
    raise errors.bad_request(f"a container name must be specified for pod {name}{listed}")


def _path(*parts: str) -> str:
    return "/" + "/".join(quote(part, safe="") for part in parts)


async def log(api: Api, call: Call) -> Response | Upgrade:
    negotiation.accept(call.request.headers.get("Accept", "*/*").replace("text/plain", "*/*"))
    pod = await _pod(api, call)
    container = _container(call, pod)
    if not pod["spec"].get("nodeName"):
        return Response(204, b"", "")
    options = {name: call.query[name] for name in LOG_OPTIONS if name in call.query}
    path = _path("containerLogs", pod["metadata"]["namespace"], pod["metadata"]["name"], container)
    node = await _node(api, pod["spec"]["nodeName"])
    answer = await api.tunnel.to_node(call.request, node, f"{path}?{urlencode(options)}")
    if isinstance(answer, Response) and answer.status == 200:
        answer.content_type = "text/plain"
    return answer


async def _streaming(api: Api, call: Call, verb: str) -> Response | Upgrade:
    pod = await _pod(api, call)
    container = _container(call, pod)
    node = await _node_of(api, pod)
    query = [(theirs, "1") for ours, theirs in _STREAMS.items() if ours in call.query and is_true(call.query[ours])]
    query += [("command", each) for each in call.query.all("command")]
    path = _path(verb, pod["metadata"]["namespace"], pod["metadata"]["name"], container)
    return await api.tunnel.to_node(call.request, node, f"{path}?{urlencode(query)}")


async def _node_of(api: Api, pod: Obj) -> Obj:
    name = pod["spec"].get("nodeName")
    if not name:
        raise errors.bad_request(f"pod {pod['metadata']['name']} does not have a host assigned")
    return await _node(api, name)


async def execute(api: Api, call: Call) -> Response | Upgrade:
    return await _streaming(api, call, "exec")


async def attach(api: Api, call: Call) -> Response | Upgrade:
    return await _streaming(api, call, "attach")


async def portforward(api: Api, call: Call) -> Response | Upgrade:
    pod = await _pod(api, call)
    node = await _node_of(api, pod)
    query = [("ports", each) for each in call.query.all("ports")]
    path = _path("portForward", pod["metadata"]["namespace"], pod["metadata"]["name"])
    return await api.tunnel.to_node(call.request, node, f"{path}?{urlencode(query)}")
