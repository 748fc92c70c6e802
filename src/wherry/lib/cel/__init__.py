"""CEL, the language of rules in manifests: read, and checked for types before anything is run.

    env = base().with_variables(object=DYN, request=struct("kubernetes.AdmissionRequest"))
    check("object.spec.replicas <= 5", env)   -> BOOL
    check("object.", env)                     -> CelError: ERROR: <input>:1:8: Syntax error: ...

`parser` makes a tree of `syntax` from `tokens`; `checker` gives every node a type, by the variables of an
`Environment` and the declarations in `functions`. Messages are those of cel-go, on which upstream builds. The tree is
what an evaluator would walk. Source: the language definition of github.com/google/cel-spec and Kubernetes' libraries
of v1.36.
"""

from wherry.lib.cel.checker import check
from wherry.lib.cel.environment import Environment, base
from wherry.lib.cel.errors import CelError
from wherry.lib.cel.parser import is_identifier, parse
from wherry.lib.cel.syntax import mentions
from wherry.lib.cel.types import (
    BOOL,
    BYTES,
    DOUBLE,
    DURATION,
    DYN,
    INT,
    NULL,
    STRING,
    TIMESTAMP,
    UINT,
    Type,
    list_of,
    map_of,
    optional_of,
    parse_type,
    struct,
)

__all__ = [
    "BOOL",
    "BYTES",
    "DOUBLE",
    "DURATION",
    "DYN",
    "INT",
    "NULL",
    "STRING",
    "TIMESTAMP",
    "UINT",
    "CelError",
    "Environment",
    "Type",
    "base",
    "check",
    "is_identifier",
    "list_of",
    "map_of",
    "mentions",
    "optional_of",
    "parse",
    "parse_type",
    "struct",
]
