"""Kubernetes' API as data and pure rules: what kinds exist, what an object must look like, how it is patched.

An object is a plain `dict` as JSON decodes it (`Obj`). Nothing here opens, waits, reads a clock or a random number:
a rule that needs one takes it as an argument. Called by the API server for every request and by components that
need a rule of the platform (defaults, table columns, meta helpers).

    kinds        every built-in resource, one row each, in one list
    meta         reading and writing ObjectMeta: owner references, finalizers, conditions
    schema       the v1.36 definitions (built into the wheel), indexed by group, version and kind
    errors       Status objects: NotFound, Conflict, Invalid and the other reasons with upstream's words
    defaults/    upstream's defaults, a file a group
    validation/  upstream's field rules, a file a group; FieldError and its causes
    patch/       JSON patch, merge patch, strategic merge patch, server-side apply
    tables/      printer columns, a file a group
    openapi      /openapi/v2 and /openapi/v3 documents made from the schema
"""

from typing import Any

Obj = dict[str, Any]
