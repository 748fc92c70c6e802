"""What looks like a call and is not: has(), and expressions over lists, maps and optionals."""

from wherry.lib.cel.syntax import Call, Comprehension, Identifier, Node, Select, qualified


class MacroError(ValueError):
    """A macro that is not written as it must be. `at`: offset of what is wrong."""

    def __init__(self, at: int, message: str) -> None:
        super().__init__(message)
        self.at = at


# Name -> numbers of arguments, of which this many are variables; the rest are expressions.
_ONE_VARIABLE = {
    "all": (2,), "exists": (2,), "exists_one": (2,), "existsOne": (2,), "map": (2, 3), "filter": (2,),
    "optMap": (2,), "optFlatMap": (2,), "sortBy": (2,),
}  # fmt: skip
_TWO_VARIABLES = {
    "all": (3,), "exists": (3,), "existsOne": (3,), "exists_one": (3,), "transformList": (3, 4),
    "transformMap": (3, 4), "transformMapEntry": (3, 4),
}  # fmt: skip
_NOT_SIMPLE = "argument must be a simple name"
_NOT_IDENTIFIER = "argument is not an identifier"
_ACCUMULATORS = ("__result__", "@result")


def expand(call: Call) -> Node:
    """The node that a call of a macro stands for; any other call as it is. Raises MacroError."""
    name, arguments = call.function, call.arguments
    if call.target is None:
        return _has(call) if name == "has" and len(arguments) == 1 else call
    if name == "bind" and len(arguments) == 3 and qualified(call.target) == "cel":
        return _bound(call)
    for table, count in ((_ONE_VARIABLE, 1), (_TWO_VARIABLES, 2)):
        if len(arguments) in table.get(name, ()) and (count == 1 or not _is_filtered_map(name, arguments)):
            return _comprehension(call, call.target, count)
    return call


def _is_filtered_map(name: str, arguments: list[Node]) -> bool:
    return name == "map" and len(arguments) == 3


def _has(call: Call) -> Node:
    field = call.arguments[0]
    if not isinstance(field, Select):
        raise MacroError(field.at, "invalid argument to has() macro")
    return Select(field.at, field.operand, field.name, tested=True, optional=field.optional)


def _bound(call: Call) -> Node:
    """cel.bind(name, value, expression)"""
    name, value, expression = call.arguments
    if not isinstance(name, Identifier):
        raise MacroError(name.at, "cel.bind() variable names must be simple identifiers")
    return Comprehension(call.at, "bind", value, [name.name], [expression])


def _comprehension(call: Call, over: Node, variables: int) -> Node:
    names = []
    for argument in call.arguments[:variables]:
        if not isinstance(argument, Identifier) or argument.name.startswith("."):
            raise MacroError(argument.at, _message(call.function, variables))
        if argument.name in _ACCUMULATORS:
            raise MacroError(argument.at, "iteration variable overwrites accumulator variable")
        names.append(argument.name)
    if len(set(names)) < len(names):
        raise MacroError(call.arguments[1].at, f"duplicate variable name: {names[1]}")
    return Comprehension(call.at, call.function, over, names, call.arguments[variables:])


def _message(name: str, variables: int) -> str:
    if variables == 2:
        return _NOT_SIMPLE
    if name in ("optMap", "optFlatMap"):
        return f"{name}() variable name must be a simple identifier"
    return _NOT_IDENTIFIER if name in ("map", "filter") else _NOT_SIMPLE
