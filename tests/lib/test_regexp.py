"""Patterns as Go reads them."""

import pytest

from wherry.lib import regexp

REFUSED = [
    ("(", "missing closing ): `(`"),
    ("a)", "unexpected ): `a)`"),
    ("[a", "missing closing ]: `[a`"),
    ("*", "missing argument to repetition operator: `*`"),
    ("a|*", "missing argument to repetition operator: `*`"),
    ("a**", "invalid nested repetition operator: `**`"),
    ("a{2}{3}", "invalid nested repetition operator: `{2}{3}`"),
    ("a{1001}", "invalid repeat count: `{1001}`"),
    ("a{3,2}", "invalid repeat count: `{3,2}`"),
    ("[z-a]", "invalid character class range: `z-a`"),
    ("[[:foo:]]", "invalid character class range: `[:foo:]`"),
    (r"\pX", r"invalid character class range: `\pX`"),
    (r"\q", r"invalid escape sequence: `\q`"),
    (r"\8", r"invalid escape sequence: `\8`"),
    ("\\", "trailing backslash at end of expression: ``"),
    ("(?=a)", "invalid or unsupported Perl syntax: `(?=`"),
    ("(?<=a)", "invalid named capture: `(?<=a)`"),
    ("(?P<a b>x)", "invalid named capture: `(?P<a b>`"),
]

MATCHES = [
    ("^[a-z]+$", "ab", True),
    ("^[a-z]+$", "ab\n", False),
    ("(?m)^b$", "a\nb\nc", True),
    ("a(?i)b|c", "C", True),
    ("a(?i)b|c", "AB", False),
    ("(?i:A)b", "aB", False),
    (r"^\pL+$", "äß", True),
    (r"^\p{Greek}$", "λ", True),
    (r"\P{Greek}", "λ", False),
    (r"[\D]", "5", False),
    (r"\d", "٣", False),
    (r"\bfoo\b", "a foo", True),
    ("[[:alpha:]]", "é", False),
    (".", "\n", False),
    ("(?s).", "\n", True),
    (r"\Qa.b\E+", "a.bb", True),
    ("a{,3}", "a{,3}", True),
    ("[]a]", "]", True),
    ("[^]a]", "]", False),
    (r"\x{e9}\x41", "éA", True),
]


@pytest.mark.parametrize(("pattern", "why"), REFUSED)
def test_patterns_that_go_refuses(pattern, why):
    with pytest.raises(regexp.PatternError) as caught:
        regexp.compile(pattern)
    assert str(caught.value) == f"error parsing regexp: {why}"


@pytest.mark.parametrize(("pattern", "text", "found"), MATCHES)
def test_what_patterns_match(pattern, text, found):
    assert (regexp.compile(pattern).search(text) is not None) is found
