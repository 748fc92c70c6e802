from random import Random

import pytest

from wherry.lib import names


@pytest.mark.parametrize(
    ("text", "label", "subdomain"),
    [
        ("web", True, True),
        ("web.default", False, True),
        ("Web", False, False),
        ("-web", False, False),
        ("w" * 64, False, True),
    ],
)
def test_dns_names(text, label, subdomain):
    assert (names.is_dns_label(text), names.is_dns_subdomain(text)) == (label, subdomain)


@pytest.mark.parametrize(
    ("text", "valid"), [("app", True), ("example.com/app", True), ("a/b/c", False), ("/app", False), ("app_", False)]
)
def test_qualified_names(text, valid):
    assert names.is_qualified_name(text) is valid


def test_a_bad_name_is_explained_with_examples():
    assert names.dns_1035_label_errors("1web") == [
        "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic "
        "character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for "
        "validation is '[a-z]([-a-z0-9]*[a-z0-9])?')"
    ]


def test_generated_suffixes_follow_the_random_source():
    assert names.suffix(Random(1)) == names.suffix(Random(1))
    assert len(names.suffix(Random(1), 9)) == 9
    assert names.hash_suffix(b"a") != names.hash_suffix(b"b")
