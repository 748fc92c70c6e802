"""Proxy: what a pod, a Service's endpoint or a node answers, at `[scheme:]name[:port]/proxy/path`."""

import ipaddress
from urllib.parse import quote

from wherry.aio.http.messages import Response, Upgrade
from wherry.api import Obj, errors, kinds
from wherry.api.kinds import Kind
from wherry.apiserver import encoding
from wherry.apiserver.core import Api, Call
from wherry.apiserver.nodes import address_of, origin
from wherry.apiserver.registry import storage


async def proxy(api: Api, call: Call) -> Response | Upgrade:
    target = call.target
    scheme, name, port = _split(call.kind, target.name)
    path = quote("/" + target.rest.lstrip("/"), safe="/%:@!$&'()*+,;=~-._")
    if call.request.query:
        path += f"?{call.request.query}"
    if call.kind is kinds.NODE:
        node = await _get(api, kinds.NODE, "", name)
        host, kubelet = address_of(node)
        if not port or port == str(kubelet):
            return await api.tunnel.to_node(call.request, node, path)
        return await api.tunnel.forward(call.request, origin(scheme, host, port), path)
    find = _pod_address if call.kind is kinds.POD else _service_address
    host, number = await find(api, target.namespace, name, port)
    return await api.tunnel.forward(call.request, origin(scheme, host, number), path)


def _split(kind: Kind, text: str) -> tuple[str, str, str]:
    """`name`, `name:port` or `scheme:name:port`."""
    parts = text.split(":")
    if len(parts) == 3 and parts[0] in ("", "http", "https") and parts[1]:
        return parts[0] or "http", parts[1], parts[2]
    if len(parts) in (1, 2) and parts[0]:
        return "http", parts[0], parts[1] if len(parts) == 2 else ""
    raise errors.bad_request(f'invalid {kind.singular} request "{text}"')


async def _get(api: Api, kind: Kind, namespace: str, name: str) -> Obj:
    record = await storage.current(api, kind, namespace, name)
    if record is None:
        raise errors.not_found(kind, name)
    return encoding.decode(kind, record)


def _addresses(pod: Obj) -> list[str]:
    status = pod.get("status") or {}
    return [each.get("ip", "") for each in status.get("podIPs") or ()] or [status.get("podIP", "")]


async def _pod_address(api: Api, namespace: str, name: str, port: str) -> tuple[str, str]:
    pod = await _get(api, kinds.POD, namespace, name)
    if not port:
        declared = [each["containerPort"] for c in pod["spec"]["containers"] for each in c.get("ports") or ()]
        port = str(declared[0]) if declared else "80"
    address = _addresses(pod)[0]
    if not _allowed(address):
        raise errors.bad_request("address not allowed")
    return address, port


def _allowed(address: str) -> bool:
    """A pod's status is its node's word: never lead a caller to this machine itself or to its link."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    return not (parsed.is_loopback or parsed.is_link_local or parsed.is_multicast or parsed.is_unspecified)


async def _service_address(api: Api, namespace: str, name: str, port: str) -> tuple[str, str]:
    """An endpoint of a Service that is a pod; anything else could be anywhere."""
    if port.isdigit():
        service = await _get(api, kinds.SERVICE, namespace, name)
        named = [each for each in service["spec"].get("ports") or () if str(each["port"]) == port]
        if not named:
            raise errors.service_unavailable(f'no service port {port} found for service "{name}"')
        port = named[0].get("name", "")
    endpoints = await _get(api, kinds.ENDPOINTS, namespace, name)
    candidates = [
        (address, str(each["port"]))
        for subset in endpoints.get("subsets") or ()
        for each in subset.get("ports") or ()
        if each.get("name", "") == port
        for address in subset.get("addresses") or ()
    ]
    api.random.shuffle(candidates)
    for address, number in candidates:
        if await _is_pod(api, namespace, address):
            return address["ip"], number
    raise errors.service_unavailable(f'no endpoints available for service "{name}"')


async def _is_pod(api: Api, namespace: str, address: Obj) -> bool:
    reference = address.get("targetRef") or {}
    if reference.get("kind") != "Pod":
        return False
    record = await storage.current(api, kinds.POD, reference.get("namespace") or namespace, reference.get("name", ""))
    if record is None or not _allowed(address["ip"]):
        return False
    return address["ip"] in _addresses(encoding.decode(kinds.POD, record))
