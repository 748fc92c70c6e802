"""What is sent of a status, and how."""

import pytest

from wherry.node.publisher import difference

READY = {"type": "Ready", "status": "True"}
BASE = {"phase": "Running", "podIPs": [{"ip": "10.0.0.1"}], "conditions": [READY], "reason": "Why"}


@pytest.mark.parametrize(
    ("change", "patch"),
    [
        ({}, {}),
        ({"phase": "Failed"}, {"phase": "Failed"}),
        ({"reason": None}, {"reason": None}),
        ({"podIPs": [{"ip": "10.0.0.2"}]}, {"podIPs": [{"$patch": "replace"}, {"ip": "10.0.0.2"}]}),
        ({"conditions": [READY, {"type": "example.com/gate", "status": "True"}]}, {}),
        (
            {"conditions": [{"type": "Ready", "status": "False", "reason": "R"}]},
            {"conditions": [{"type": "Ready", "status": "False", "reason": "R", "message": None}]},
        ),
        ({"conditions": []}, {"conditions": [{"$patch": "delete", "type": "Ready"}]}),
    ],
)
def test_only_what_changed_is_sent(change, patch):
    new = {key: value for key, value in (BASE | change).items() if value is not None}
    assert difference(BASE, new) == patch
