"""Kubernetes' protobuf form of built-in objects: `application/vnd.kubernetes.protobuf`.

    fields     protobuf's own encoding: tags, varints, lengths
    numbers    the field numbers of every message (numbers.txt)
    messages   an object's JSON form <-> its message, walked along the API's schema
    openapi    the OpenAPI v2 document as its message
    envelope   the `k8s\\0` wrapper that names apiVersion and kind; watch frames

Go clients send and ask for it. Objects rest as JSON; this is a translation at the edge.
"""

from wherry.wire.protobuf.envelope import CONTENT_TYPE, decode, encode, frame, watch_event
from wherry.wire.protobuf.fields import Malformed

__all__ = ["CONTENT_TYPE", "Malformed", "decode", "encode", "frame", "watch_event"]
