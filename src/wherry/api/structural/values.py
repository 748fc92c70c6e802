"""What is wrong with a value, by its schema.

Errors name places as kube-openapi does: `spec.n` at the root, `.n` below a path. Source: kube-openapi,
pkg/validation/validate and errors.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from wherry.api import Obj
from wherry.api.errors import FieldError, invalid_value, quote, required, show, too_long, too_many, unsupported
from wherry.api.structural import formats
from wherry.lib import regexp
from wherry.lib.regexp import PatternError

_RANGES = {"int32": (-(2**31), 2**31 - 1), "": (-(2**63), 2**63 - 1)}
_LARGEST_FLOAT = 3.4028234663852886e38


@dataclass(slots=True)
class _Outcome:
    """Errors by what they say, and how many checks agreed: of several alternatives the nearest is told."""

    errors: dict[tuple[str, str], FieldError] = field(default_factory=dict)
    matches: int = 0

    def add(self, *errors: FieldError) -> None:
        for error in errors:
            self.errors.setdefault((error.field, error.body), error)

    def merge(self, other: "_Outcome") -> None:
        self.add(*other.errors.values())
        self.matches += other.matches


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a value is: below `base`, by `name`."""

    base: str
    name: str

    def field(self, key: str = "") -> str:
        name = (f"{self.name}.{key}" if key else self.name).removeprefix(".")
        return f"{self.base}.{name}" if self.base and name else self.base or name

    def says(self, value: Any, text: str) -> FieldError:
        """An error whose message begins with the name."""
        return invalid_value(self.field(), value, f"{self.name} in body {text}")

    def whole(self, text: str) -> FieldError:
        """An error that upstream does not tie to a place."""
        return invalid_value(self.base or "<nil>", "", text)


def check(value: Any, schema: Obj, path: str = "") -> list[FieldError]:
    """What is wrong with a value."""
    return list(_check(value, schema, _Place(path, "")).errors.values())


def _check(value: Any, schema: Obj, place: _Place) -> _Outcome:
    found = _Outcome()
    if value is None:
        found.merge(_type(value, schema, place))
        found.merge(_enumeration(value, schema, place))
        return found
    for applies, rule in _CHECKS:
        if applies(value, schema):
            found.merge(rule(value, schema, place))
            found.matches += 1
    found.matches += 1
    return found


def _of(*errors: FieldError, matches: int = 0) -> _Outcome:
    found = _Outcome(matches=matches)
    found.add(*errors)
    return found


# Types


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_whole(value: int | float) -> bool:
    """Whether a number has no fraction, or none but what calculating left."""
    whole = int(value)
    return whole == value or (whole != 0 and abs(value - whole) / (abs(value) + abs(whole)) < 1e-9)


def _kind(value: Any) -> tuple[str, str]:
    """A value's type and format."""
    match value:
        case bool():
            return "boolean", ""
        case str():
            return "string", ""
        case int():
            return "integer", "int64"
        case float():
            return "number", "float64"
        case list():
            return "array", ""
    return "object", ""


def _type(value: Any, schema: Obj, place: _Place) -> _Outcome:
    wanted, form = schema.get("type", ""), schema.get("format", "")
    if value is None:
        wrong = wanted and not schema.get("nullable")
        return _of(_not_of_type(place, wanted, "null")) if wrong else _of(matches=1)
    kind, form_of_value = _kind(value)
    texts = kind in ("string", "array")
    fits = wanted == kind or (_is_number(value) and _number_fits(value, wanted))
    if not texts and form and not (fits or form_of_value == form):
        return _of(_not_of_type(place, form, form_of_value))
    if texts and form and wanted not in ("number", "integer"):
        return _of(matches=1)
    return _of(matches=1) if fits else _of(_not_of_type(place, wanted, kind))


def _number_fits(value: Any, wanted: str) -> bool:
    return wanted == "number" or (wanted == "integer" and _is_whole(value))


def _not_of_type(place: _Place, wanted: str, given: str) -> FieldError:
    message = f"{place.name} in body must be of type {wanted}: {quote(given)}"
    return FieldError("FieldValueTypeInvalid", place.field(), given, message)


# Alternatives


def _alternatives(value: Any, schema: Obj, place: _Place) -> _Outcome:
    found = _Outcome()
    if any_of := schema.get("anyOf"):
        found.merge(_any(value, any_of, place))
    if one_of := schema.get("oneOf"):
        found.merge(_one(value, one_of, place))
    if all_of := schema.get("allOf"):
        found.merge(_all(value, all_of, place))
    if schema.get("not") is not None and not _check(value, schema["not"], place).errors:
        found.add(place.whole(f"{quote(place.name)} must not validate the schema (not)"))
    found.matches += 1
    return found


def _nearest(outcomes: Iterable[_Outcome]) -> _Outcome:
    return max(outcomes, key=lambda each: each.matches)


def _any(value: Any, schemas: list[Obj], place: _Place) -> _Outcome:
    failed = []
    for schema in schemas:
        outcome = _check(value, schema, place)
        if not outcome.errors:
            return outcome
        failed.append(outcome)
    found = _of(place.whole(f"{quote(place.name)} must validate at least one schema (anyOf)"))
    found.merge(_nearest(failed))
    return found


def _one(value: Any, schemas: list[Obj], place: _Place) -> _Outcome:
    outcomes = [_check(value, schema, place) for schema in schemas]
    right = [each for each in outcomes if not each.errors]
    if len(right) == 1:
        return right[0]
    told = f"Found {len(right)} valid alternatives" if right else "Found none valid"
    found = _of(place.whole(f"{quote(place.name)} must validate one and only one schema (oneOf). {told}"))
    if not right:
        found.merge(_nearest(outcomes))
    return found


def _all(value: Any, schemas: list[Obj], place: _Place) -> _Outcome:
    found, right = _Outcome(), 0
    for schema in schemas:
        outcome = _check(value, schema, place)
        right += not outcome.errors
        found.merge(outcome)
    if right != len(schemas):
        told = "" if right else ". None validated"
        found.add(place.whole(f"{quote(place.name)} must validate all the schemas (allOf){told}"))
    return found


# Strings, numbers, enumerations


def _string(value: str, schema: Obj, place: _Place) -> _Outcome:
    longest, shortest, pattern = schema.get("maxLength"), schema.get("minLength"), schema.get("pattern", "")
    if longest is not None and len(value) > longest:
        return _of(too_long(place.field(), longest))
    if shortest is not None and len(value) < shortest:
        return _of(place.says(value, f"should be at least {shortest} chars long"))
    if pattern and (wrong := _pattern(value, pattern)):
        return _of(place.says(value, f"should match '{wrong}'"))
    return _Outcome()


def _pattern(value: str, pattern: str) -> str:
    """What the value should have matched; empty when it does."""
    try:
        return "" if regexp.compile(pattern).search(value) else pattern
    except PatternError as error:
        return f"{pattern}, but pattern is invalid: {error}"


def _format(value: str, schema: Obj, place: _Place) -> _Outcome:
    form = schema["format"]
    return _Outcome() if formats.check(form, value) else _of(_not_of_type(place, form, value))


def _number(value: int | float, schema: Obj, place: _Place) -> _Outcome:
    found = _Outcome()
    _within_type(value, "Checked", schema, place, found)
    if (factor := schema.get("multipleOf")) is not None:
        fits = _within_type(factor, "MultipleOf", schema, place, found)
        found.add(*_multiple(value, factor, place, isinstance(value, int) and fits))
    for key, what, words in _BOUNDS:
        bound = schema.get(key)
        if bound is None:
            continue
        fits = _within_type(bound, what, schema, place, found)
        bound = int(bound) if isinstance(value, int) and fits else bound
        exclusive = schema.get(f"exclusive{key.capitalize()}", False)
        distance = bound - value if key == "maximum" else value - bound
        if distance < 0 or (exclusive and distance == 0):
            found.add(place.says(value, f"should be {words[exclusive]} {_go_number(bound)}"))
    found.matches += 1
    return found


_BOUNDS = (
    ("minimum", "Minimum boundary", ("greater than or equal to", "greater than")),
    ("maximum", "Maximum boundary", ("less than or equal to", "less than")),
)


def _within_type(value: int | float, what: str, schema: Obj, place: _Place, found: _Outcome) -> bool:
    """Whether a number can be of the schema's type."""
    kind, form = schema.get("type", ""), schema.get("format", "")
    if kind == "integer":
        form = form if form in ("int32", "int64") else ""
        low, high = _RANGES.get(form, _RANGES[""])
        fits = _is_whole(value) and low <= value <= high
    else:
        form = form if kind == "number" and form in ("float", "double") else ""
        fits = form != "float" or abs(value) <= _LARGEST_FLOAT
    if not fits:
        told = f"with format {form}" if form else "(default format)"
        found.add(place.whole(f"{what} value must be of type {kind} {told} in {place.name}"))
    return fits


def _multiple(value: int | float, factor: float, place: _Place, whole: bool) -> Iterable[FieldError]:
    if whole:
        factor = int(factor)
    if factor <= 0:
        message = f"factor MultipleOf declared for {place.name} must be positive: {_go_number(factor)}"
        yield invalid_value(place.field(), factor, message)
        return
    times = 1 / factor * value if factor < 1 else value / factor
    if not (value % factor == 0 if whole else _is_whole(times)):
        yield place.says(value, f"should be a multiple of {_go_number(factor)}")


def _go_number(value: int | float) -> str:
    return str(int(value)) if _is_whole(value) and abs(value) < 1e21 else repr(value)


def _enumeration(value: Any, schema: Obj, place: _Place) -> _Outcome:
    allowed = schema.get("enum") or []
    if not allowed or any(_equal(value, each) for each in allowed if each is not None):
        return _Outcome()
    texts = [each if isinstance(each, str) else show(each) for each in allowed]
    return _of(unsupported(place.field(), value, texts))


def _equal(value: Any, other: Any) -> bool:
    """Numbers are compared as what the enumeration has."""
    if _is_number(value) and _is_number(other):
        return (int(value) if isinstance(other, int) else float(value)) == other
    return type(value) is type(other) and value == other


# Lists and objects


def _list(value: list[Any], schema: Obj, place: _Place) -> _Outcome:
    found = _Outcome(matches=1)
    items, size = schema.get("items"), len(value)
    if isinstance(items, dict):
        for index, each in enumerate(value):
            found.merge(_check(each, items, _Place(place.base, f"{place.name}[{index}]")))
    fewest, most = schema.get("minItems"), schema.get("maxItems")
    if fewest is not None and size < fewest:
        found.add(place.says(size, f"should have at least {fewest} items"))
    if most is not None and size > most:
        found.add(too_many(place.field(), size, most))
    if schema.get("uniqueItems") and any(each in value[:index] for index, each in enumerate(value)):
        found.add(place.says("", "shouldn't contain duplicates"))
    return found


def _object(value: Obj, schema: Obj, place: _Place) -> _Outcome:
    found, size = _Outcome(), len(value)
    fewest, most = schema.get("minProperties"), schema.get("maxProperties")
    if fewest is not None and size < fewest:
        found.add(place.says(size, f"should have at least {fewest} properties"))
    if most is not None and size > most:
        found.add(too_many(place.field(), size, most))
    known = schema.get("properties") or {}
    _others(value, known, schema.get("additionalProperties"), place, found)
    for key, below in known.items():
        if key in value:
            name = f"{place.name}.{key}" if place.name else key
            found.merge(_check(value[key], below, _Place(place.base, name)))
    for key in schema.get("required") or ():
        if key not in value:
            found.add(required(place.field(key)))
    return found


def _others(value: Obj, known: Obj, more: Any, place: _Place, found: _Outcome) -> None:
    """Fields that the schema does not name."""
    for key, each in value.items():
        if key in known:
            continue
        if more is False:
            message = f"{place.name}.{key} in body is a forbidden property"
            found.add(invalid_value(place.field(), key, message))
        elif isinstance(more, dict):
            found.merge(_check(each, more, _Place(place.base, f"{place.name}.{key}")))


Applies = Callable[[Any, Obj], bool]
Rule = Callable[[Any, Obj, _Place], _Outcome]

_CHECKS: tuple[tuple[Applies, Rule], ...] = (
    (lambda value, schema: bool(schema.get("type") or schema.get("format")), _type),
    (lambda value, schema: True, _alternatives),
    (lambda value, schema: isinstance(value, str), _string),
    (lambda value, schema: isinstance(value, str) and formats.known(schema.get("format", "")), _format),
    (lambda value, schema: _is_number(value), _number),
    (lambda value, schema: isinstance(value, list), _list),
    (lambda value, schema: True, _enumeration),
    (lambda value, schema: isinstance(value, dict), _object),
)
