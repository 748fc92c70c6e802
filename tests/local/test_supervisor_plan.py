"""When a part starts."""

import itertools

import pytest

from wherry.local.config import ClusterConfig
from wherry.local.layout import Layout
from wherry.local.supervisor.parts import Part, parts
from wherry.local.supervisor.plan import HEALTHY, LONGEST, Life, ended, plan, started

A, B = Part("a", ("/bin/a",)), Part("b", ("/bin/b",))
NOW = 1000.0


@pytest.mark.parametrize(
    ("lives", "start", "again"),
    [
        ({}, [A, B], None),
        ({"a": Life(True, 1.0)}, [B], None),
        ({"a": Life(True, 1.0), "b": Life(True, 1.0)}, [], None),
        ({"a": Life(True, 1.0), "b": Life(False, NOW)}, [B], None),
        ({"a": Life(True, 1.0), "b": Life(False, NOW, short_lives=1)}, [B], None),
        ({"a": Life(True, 1.0), "b": Life(False, NOW, short_lives=2)}, [], NOW + 0.2),
        ({"a": Life(True, 1.0), "b": Life(False, NOW - 0.2, short_lives=2)}, [B], None),
        ({"a": Life(False, NOW, 3), "b": Life(False, NOW, 4)}, [], NOW + 0.4),
        ({"a": Life(False, NOW, 99), "b": Life(True, 1.0)}, [], NOW + LONGEST),
        ({"other": Life(True, 1.0), "a": Life(True, 1.0), "b": Life(True, 1.0)}, [], None),
    ],
)
def test_plan(lives, start, again):
    found, at = plan([A, B], lives, NOW)
    assert found == start
    assert at == (None if again is None else pytest.approx(again))


def test_short_lives_are_counted_and_a_healthy_one_clears_them():
    life = started(None, 0)
    for count in (1, 2, 3):
        life = ended(life, life.since + 1)
        assert life.short_lives == count
        life = started(life, life.since + 1)
    assert ended(life, life.since + HEALTHY).short_lives == 0


def test_a_part_that_always_dies_is_started_ever_more_rarely():
    now, starts, lives = 0.0, [], {}
    while now < 60:
        start, again = plan([A], lives, now)
        if start:
            starts.append(now)
            lives["a"] = ended(started(lives.get("a"), now), now)
        else:
            now = again
    gaps = [round(later - earlier, 6) for earlier, later in itertools.pairwise(starts)]
    assert gaps == sorted(gaps) and gaps[0] == 0 and gaps[-1] == LONGEST


def test_a_cluster_has_an_api_server_controllers_and_an_agent_a_node(tmp_path):
    found = parts(ClusterConfig("p", index=1, node_count=2, port=9443), Layout(tmp_path, "p"))
    assert [part.name for part in found] == ["apiserver", "controllers", "node-p", "node-p-m02"]
    words = found[0].command
    assert words[words.index("--port") + 1] == "9443"
    assert [words[i + 1] for i, word in enumerate(words) if word == "--bind-address"] == ["127.0.0.1", "192.168.50.1"]
    agent = dict(zip(found[3].command[4::2], found[3].command[5::2], strict=True))
    assert agent == {
        "--name": "p-m02",
        "--kubeconfig": f"{tmp_path}/p/nodes/p-m02/kubeconfig",
        "--state-dir": f"{tmp_path}/p/nodes/p-m02",
        "--images": f"{tmp_path}/p/images",
        "--address": "192.168.50.3",
        "--pod-cidr": "10.245.1.0/24",
        "--netns": "/run/netns/wherry-p-p-m02",
        "--profile": "p",
        "--cluster-dns": "10.112.0.10",
        "--cluster-domain": "cluster.local",
    }
