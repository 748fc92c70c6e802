"""Kubernetes quantities: `500m`, `1.5Gi`, `2e3`. Exact, never a float.

Source: apimachinery's resource.Quantity documentation (serialisation format and canonical form). A quantity has at
most nine decimal places (smaller amounts round away from zero).
"""

import re
from decimal import ROUND_UP, Context, Decimal
from functools import lru_cache

_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY = {"Ki": 1, "Mi": 2, "Gi": 3, "Ti": 4, "Pi": 5, "Ei": 6}
_DECIMAL_SUFFIX = {exponent: suffix for suffix, exponent in _DECIMAL.items()}
_BINARY_SUFFIX = {power: suffix for suffix, power in _BINARY.items()}
_SYNTAX = re.compile(r"([+-]?)(\d*)(?:\.(\d*))?(?:([eE][+-]?\d+)|([numkMGTPE]|[KMGTPE]i)?)")
_SIGNED = re.compile(r"^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$")
_EXACT = Context(prec=60, rounding=ROUND_UP)
_NANO = Decimal("1e-9")
_LARGEST_BINARY = Decimal(2**63 - 1)

WRONG_FORMAT = f"quantities must match the regular expression '{_SIGNED.pattern}'"
WRONG_SUFFIX = "unable to parse quantity's suffix"


def parse(quantity: str | int | float | Decimal) -> Decimal:
    """The exact amount. Raises ValueError in upstream's words."""
    return _parse(quantity)[0]


def value(quantity: str | int | float | Decimal) -> int:
    """Whole units, rounded away from zero."""
    return int(parse(quantity).to_integral_value(ROUND_UP))


def milli(quantity: str | int | float | Decimal) -> int:
    """Thousandths, rounded away from zero."""
    return int((parse(quantity) * 1000).to_integral_value(ROUND_UP))


def canonical(quantity: str | int | float | Decimal) -> str:
    """The form in which the API server writes it: no fraction, the largest suffix of the same family."""
    amount, family = _parse(quantity)
    if amount == 0:
        return "0"
    if family == "binary" and (abs(amount) < 1024 or amount != amount.to_integral_value()):
        family = "decimal"
    if family == "binary":
        number, power = int(amount), 0
        while number % 1024 == 0 and power < 6:
            number, power = number // 1024, power + 1
        return f"{number}{_BINARY_SUFFIX[power] if power else ''}"
    exponent = _largest_exponent(amount)
    number = int(amount.scaleb(-exponent, _EXACT))
    if family == "exponent":
        return f"{number}e{exponent}" if exponent else str(number)
    return f"{number}{_DECIMAL_SUFFIX[exponent]}"


def _largest_exponent(amount: Decimal) -> int:
    """The largest multiple of three, -9 to 18, that leaves a whole number."""
    return next(e for e in range(18, -12, -3) if amount.scaleb(-e, _EXACT) % 1 == 0)


def _parse(quantity: str | int | float | Decimal) -> tuple[Decimal, str]:
    return _parse_text(quantity if isinstance(quantity, str) else str(quantity))


@lru_cache(4096)  # objects made from one template have the same amounts
def _parse_text(text: str) -> tuple[Decimal, str]:
    match = _SYNTAX.fullmatch(text)
    if not text or not match or not (match[2] or match[3]):
        if text and _SIGNED.match(text) and any(ch.isdigit() for ch in text.rstrip("EPTGMkKinume")):
            raise ValueError(WRONG_SUFFIX)
        raise ValueError(WRONG_FORMAT)
    sign, whole, fraction, exponent, suffix = match.groups()
    amount = Decimal(f"{sign}{whole or 0}.{fraction or 0}")
    family = "decimal"
    if exponent:
        amount, family = amount.scaleb(int(exponent[1:]), _EXACT), "exponent"
    elif suffix in _BINARY:
        amount, family = _EXACT.multiply(amount, Decimal(1024 ** _BINARY[suffix])), "binary"
        amount = max(min(amount, _LARGEST_BINARY), -_LARGEST_BINARY)
    elif suffix:
        amount = amount.scaleb(_DECIMAL[suffix], _EXACT)
    if amount % _NANO:
        amount = amount.quantize(_NANO, ROUND_UP, _EXACT)
    return amount, family
