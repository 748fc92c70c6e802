import pytest

from wherry.lib import quantity

CANONICAL = [
    ("1.5Gi", "1536Mi"),
    ("500m", "500m"),
    ("0.1", "100m"),
    ("1e3", "1e3"),
    ("12e6", "12e6"),
    ("1024", "1024"),
    ("1000", "1k"),
    ("1000m", "1"),
    ("0", "0"),
    ("0.5Ki", "512"),
    ("1000Ki", "1000Ki"),
    ("0.0001m", "100n"),
    ("-1.5", "-1500m"),
    (".5", "500m"),
    ("5.", "5"),
    (2, "2"),
]


@pytest.mark.parametrize(("given", "written"), CANONICAL)
def test_canonical_form(given, written):
    assert quantity.canonical(given) == written


@pytest.mark.parametrize(
    ("given", "whole", "thousandths"), [("1.5", 2, 1500), ("100Mi", 104857600, 104857600000), ("0.0001m", 1, 1)]
)
def test_amounts_round_away_from_zero(given, whole, thousandths):
    assert (quantity.value(given), quantity.milli(given)) == (whole, thousandths)


@pytest.mark.parametrize("given", ["", "a", "1Q", "Gi", "1 Gi", "--1"])
def test_what_is_no_quantity_names_the_format(given):
    with pytest.raises(ValueError, match="quantities must match the regular expression"):
        quantity.parse(given)
