import pytest

from wherry.lib import selectors

LABELS = {"app": "web", "tier": "front", "rank": "7", "empty": ""}


@pytest.mark.parametrize(
    ("text", "matches"),
    [
        ("", True),
        ("app=web", True),
        ("app==web,tier!=back", True),
        ("app!=web", False),
        ("missing!=x", True),
        ("app in (web,api)", True),
        ("app notin (web)", False),
        ("missing notin (web)", True),
        ("app", True),
        ("!app", False),
        ("!missing", True),
        ("rank>5,rank<8", True),
        ("rank>7", False),
        ("empty in ()", True),
        ("empty=", True),
        ("app in (,web)", True),
    ],
)
def test_label_selectors_match(text, matches):
    assert selectors.parse(text).matches(LABELS) is matches


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a b", "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"),
        ("a,,b", "found ',', expected: identifier after ','"),
        ("a=b=c", "found '=', expected: ',' or 'end of string'"),
        ("a in b", "unable to parse requirement: found 'b' expected: '('"),
        ("(a", "found '(', expected: !, identifier, or 'end of string'"),
        ("a=!", "unable to parse requirement: found '!', expected: identifier"),
        ("a in (b c)", "unable to parse requirement: found 'c', expected: ',' or ')'"),
    ],
)
def test_what_is_no_selector_says_where(text, message):
    with pytest.raises(selectors.SelectorError) as error:
        selectors.parse(text)
    assert str(error.value) == message


def test_selector_objects():
    selector = selectors.from_object(
        {
            "matchLabels": {"app": "web"},
            "matchExpressions": [{"key": "tier", "operator": "NotIn", "values": ["back"]}],
        }
    )
    assert selector.matches(LABELS)
    assert not selectors.from_object(None).matches({})
    assert selectors.from_object({}).matches({})


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("metadata.name=a", [("metadata.name", "=", "a")]),
        ("status.phase!=Running,spec.nodeName==n", [("status.phase", "!=", "Running"), ("spec.nodeName", "=", "n")]),
        (r"a=b\,c", [("a", "=", "b,c")]),
    ],
)
def test_field_selectors(text, terms):
    assert selectors.parse_fields(text) == terms
