"""Numbers that may be percentages (IntOrString)."""

from math import ceil


def scaled(value: int | str | None, total: int, round_up: bool, default: int = 0) -> int:
    """`3` is 3; `"25%"` is a quarter of `total`, rounded as asked. Raises ValueError for other text."""
    if value is None:
        return default
    if isinstance(value, int):
        return value
    if not value.endswith("%"):
        raise ValueError(f"invalid value for IntOrString: {value!r} is neither an integer nor a percentage")
    percent = int(value[:-1])
    return ceil(percent * total / 100) if round_up else percent * total // 100
