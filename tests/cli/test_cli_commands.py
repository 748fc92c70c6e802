"""The command as a user meets it: real processes, their output and exit codes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from wherry.cli.commands import COMMANDS
from wherry.cli.main import main
from wherry.cli.output import table
from wherry.local import config
from wherry.local.config import ClusterConfig
from wherry.local.layout import Layout

ROOT = Path(__file__).parent.parent.parent


def wherry(*words: str, home: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "WHERRY_HOME": str(home or "/nonexistent"), **environment}
    command = [sys.executable, "-m", "wherry", *words]
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60, check=False)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """With one profile, `p`, that does not run."""
    config.save(Layout(tmp_path, "p").config, ClusterConfig("p", index=3, node_count=2, port=9443))
    return tmp_path


@pytest.mark.parametrize("entry", COMMANDS, ids=lambda entry: entry.name)
def test_every_command_is_there_and_helps(entry):
    command = main.get_command(None, entry.name)
    assert command is not None and command.help


def test_help_imports_no_command():
    code = (
        "import sys; from wherry.cli.main import main; main(['--help'], standalone_mode=False); print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "start" in done.stdout
    assert not loaded & {"asyncio", "ssl", "yaml", "rich", "cryptography", "numpy", "wherry.cli.cluster"}


def test_a_word_that_is_no_command_gets_a_hint():
    done = wherry("strat")
    assert done.returncode == 2 and "Did you mean 'start'?" in done.stderr


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["ip"], 66, "there is no cluster 'wherry'"),
        (["ip", "--profile", "Not_A_Name"], 2, "cannot be a profile's name"),
        (["ip", "--profile", "p", "--node", "p-m03"], 2, "its nodes: p, p-m02"),
        (["ssh", "--profile", "p", "p-m03"], 2, "its nodes: p, p-m02"),
        (["logs", "--profile", "p", "etcd"], 66, "no process 'etcd' has a log"),
        (["kubeconfig", "--profile", "p"], 69, "wherry start"),
        (["start", "--nodes", "many"], 2, "not a valid integer"),
        (["apply"], 2, "Missing option"),
        (["apply", "--profile", "p", "-f", "nowhere.yaml"], 66, "nowhere.yaml: no such file"),
        (["image", "make", "--profile", "p", "postgres"], 69, "no recipe makes an image 'postgres'"),
        (["status", "--profile", "q"], 66, "there are p"),
    ],
)
def test_wrong_input_is_one_message_and_an_exit_code(home, words, code, message):
    done = wherry(*words, home=home)
    assert (done.returncode, done.stdout) == (code, "")
    assert message in done.stderr and "Traceback" not in done.stderr


def test_a_bug_is_one_line_with_its_place_and_a_traceback_on_request():
    code = "from wherry.cli import main, machine; machine.existing = lambda p: 1 / 0; main.main(['ip'])"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 70 and "a bug: ZeroDivisionError" in done.stderr and "Traceback" not in done.stderr
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, "WHERRY_DEBUG": "1"}
    )
    assert "Traceback" in done.stderr


def test_a_damaged_config_is_named(home):
    path = Layout(home, "p").config
    path.write_text("{")
    done = wherry("ip", "--profile", "p", home=home)
    assert done.returncode == 78 and str(path) in done.stderr


def test_a_stopped_cluster_says_so(home):
    done = wherry("status", "--profile", "p", "-o", "json", home=home)
    found = json.loads(done.stdout)
    assert (done.returncode, found["state"]) == (3, "stopped")
    assert [part["name"] for part in found["parts"]] == [
        "supervisor", "apiserver", "controllers", "node-p", "node-p-m02", "node p", "node p-m02",
    ]  # fmt: skip


def test_profiles_are_listed_for_people_and_for_programs(home):
    assert wherry("profile", "list", home=home).stdout.splitlines()[1].split()[:3] == ["p", "stopped", "2"]
    (row,) = json.loads(wherry("profile", "list", "-o", "json", home=home).stdout)
    assert (row["server"], row["running"]) == ("https://192.168.52.1:9443", False)


def test_the_address_of_a_node(home):
    assert wherry("ip", "--profile", "p", home=home).stdout == "192.168.52.2\n"
    assert wherry("ip", "--profile", "p", "--node", "p-m02", home=home).stdout == "192.168.52.3\n"


def test_logs_of_several_processes_say_which_is_which(home):
    logs = Layout(home, "p").logs
    logs.mkdir()
    (logs / "apiserver.log").write_text("one\ntwo\nthree\n")
    (logs / "node-p.log").write_text("four\n")
    found = wherry("logs", "--profile", "p", "-n", "2", home=home).stdout.splitlines()
    assert found == ["apiserver | two", "apiserver | three", "node-p    | four"]
    assert wherry("logs", "--profile", "p", "-n", "1", "apiserver", home=home).stdout == "three\n"


def test_version_is_the_package_s(home):
    found = json.loads(wherry("version", "-o", "json").stdout)
    assert found["wherry"] == wherry("version", "-o", "short").stdout.strip()
    assert found["kubernetes"].startswith("v1.36.")


def test_the_doctor_has_a_verdict():
    done = wherry("doctor", "-o", "json", home=Path("/var/lib/wherry"))
    findings = json.loads(done.stdout)
    lacking = [finding for finding in findings if finding["level"] == "required" and not finding["ok"]]
    assert done.returncode == (69 if lacking else 0)


def test_columns_are_aligned_whatever_is_in_them():
    assert table(["name", "state"], [["a", "up"], ["longer", ""]]).splitlines() == [
        "NAME     STATE",
        "a        up",
        "longer",
    ]


def test_every_exit_code_is_explained():
    text = (ROOT / "docs/cli.md").read_text()
    from wherry.cli import errors

    codes = {value for name, value in vars(errors).items() if name.isupper() and isinstance(value, int)}
    assert [code for code in sorted(codes) if f"| {code} |" not in text] == []


@pytest.mark.parametrize("entry", COMMANDS, ids=lambda entry: entry.name)
def test_every_command_is_documented(entry):
    assert f"wherry {entry.name}" in (ROOT / "docs/cli.md").read_text()
