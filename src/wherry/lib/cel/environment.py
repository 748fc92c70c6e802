"""What an expression may name: variables, types with fields, functions."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from wherry.lib.cel import functions
from wherry.lib.cel.functions import Overload
from wherry.lib.cel.types import DYN, NAMES, Type, type_of

Fields = Mapping[str, Type]


@dataclass(frozen=True, slots=True)
class Environment:
    """`variables`: their types by name, dots allowed. `structs`: the fields of types by the types' names. `open`:
    types that have any field, and those whose names begin with theirs and a dot."""

    variables: Mapping[str, Type] = field(default_factory=dict)
    structs: Mapping[str, Fields] = field(default_factory=dict)
    open: tuple[str, ...] = ()

    def with_variables(self, /, **variables: Type) -> "Environment":
        return replace(self, variables={**self.variables, **variables})

    def with_structs(self, structs: Mapping[str, Fields]) -> "Environment":
        return replace(self, structs={**self.structs, **structs})

    def with_open(self, *names: str) -> "Environment":
        return replace(self, open=(*self.open, *names))

    def identifier(self, name: str) -> Type | None:
        """The type of a variable or of a type's name."""
        plain = name.removeprefix(".")
        if plain in self.variables:
            return self.variables[plain]
        if plain in _TYPE_NAMES:
            return type_of(_TYPE_NAMES[plain])
        return type_of(Type(plain)) if plain in self.structs else None

    def function(self, name: str) -> list[Overload] | None:
        return functions.declared().get(name.removeprefix("."))

    def is_struct(self, name: str) -> bool:
        return name in self.structs or self._is_open(name)

    def field(self, name: str, key: str) -> Type | None:
        """The type of a field of a struct."""
        if self._is_open(name):
            return DYN
        return self.structs.get(name, {}).get(key)

    def _is_open(self, name: str) -> bool:
        return any(name == each or name.startswith(f"{each}.") for each in self.open)


_TYPE_NAMES = {
    **{name: kind for name, kind in NAMES.items() if name not in ("optional", "timestamp", "duration", "dyn")},
    "list": Type("list", (DYN,)),
    "map": Type("map", (DYN, DYN)),
    "type": Type("type", (DYN,)),
    "optional_type": Type("optional_type", (DYN,)),
}


def base() -> Environment:
    """No variables; the functions that every place in Kubernetes has."""
    return Environment()
