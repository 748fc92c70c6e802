"""Services: what a change of type takes away. What they are given is in `services`."""

from wherry.api import Obj, kinds
from wherry.api.kinds import Kind
from wherry.apiserver.services import families
from wherry.apiserver.strategies.base import Context, Strategy


def _service(new: Obj, old: Obj, context: Context) -> None:
    families.drop_by_type(new["spec"], old["spec"])
    if new["spec"].get("type") != "LoadBalancer":
        new["status"] = {**(new.get("status") or {}), "loadBalancer": {}}


STRATEGIES: dict[Kind, Strategy] = {
    kinds.SERVICE: Strategy(status=True, update=_service, create_on_update=True, returns_deleted=True)
}
