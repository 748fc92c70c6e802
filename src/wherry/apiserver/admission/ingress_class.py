"""DefaultIngressClass: an Ingress that names no class gets the one marked as default."""

from wherry.api import kinds
from wherry.apiserver.admission.attributes import Attributes, Lister
from wherry.apiserver.admission.storage import is_default, newest

KINDS = (kinds.INGRESS,)

ANNOTATION = "ingressclass.kubernetes.io/is-default-class"


def mutate(lister: Lister, attributes: Attributes) -> None:
    if not attributes.concerns(kinds.INGRESS, "CREATE") or attributes.new is None:
        return
    annotations = attributes.new["metadata"].get("annotations") or {}
    if attributes.new["spec"].get("ingressClassName") or "kubernetes.io/ingress.class" in annotations:
        return
    classes = [each for each in lister.list(kinds.INGRESS_CLASS) if is_default(each, (ANNOTATION,))]
    if classes:
        attributes.new["spec"]["ingressClassName"] = newest(classes)["metadata"]["name"]
