import stat
from pathlib import Path

import pytest
import yaml

from wherry.client import kubeconfig
from wherry.client.kubeconfig import Access, KubeconfigError
from wherry.pki.authority import Authority

OTHERS = """\
apiVersion: v1
kind: Config
preferences: {colors: true}
current-context: theirs
clusters:
- name: theirs
  cluster: {server: "https://theirs:6443", extensions: [{name: kept}]}
contexts:
- name: theirs
  context: {cluster: theirs, user: them}
- name: broken
  context: {cluster: gone, user: them}
users:
- name: them
  user: {token: secret}
- name: cloud
  user: {exec: {command: get-token}}
"""
OURS = Access("https://127.0.0.1:8443", ca=b"CA", certificate=b"CERT", key=b"KEY", namespace="work")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "config"
    path.write_text(OTHERS)
    return path


def test_merging_and_removing_leaves_others_as_they_were(path: Path) -> None:
    before = yaml.safe_load(OTHERS)
    for _ in range(2):  # a second time changes nothing more
        kubeconfig.merge(path, "wherry", OURS)
    assert kubeconfig.load(path) == OURS
    assert kubeconfig.load(path, "theirs").token == "secret"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    merged = yaml.safe_load(path.read_text())
    assert [entry["name"] for entry in merged["contexts"]] == ["theirs", "broken", "wherry"]
    assert kubeconfig.remove(path, "wherry")
    assert not kubeconfig.remove(path, "wherry")
    assert yaml.safe_load(path.read_text()) == before | {"current-context": ""}
    assert [each.name for each in path.parent.iterdir()] == ["config"]


def test_the_current_context_can_be_left_alone(path: Path) -> None:
    kubeconfig.merge(path, "wherry", OURS, current=False)
    assert kubeconfig.load(path).server == "https://theirs:6443"
    kubeconfig.remove(path, "wherry")
    assert kubeconfig.load(path).server == "https://theirs:6443"


def test_a_file_and_its_directory_are_made(tmp_path: Path) -> None:
    path = tmp_path / "home" / ".kube" / "config"
    assert not kubeconfig.remove(path, "wherry")
    kubeconfig.merge(path, "wherry", OURS)
    assert kubeconfig.load(path) == OURS
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_link_stays_a_link(path: Path) -> None:
    link = path.parent / "link"
    link.symlink_to(path)
    kubeconfig.merge(link, "wherry", OURS)
    assert link.is_symlink() and kubeconfig.load(path) == OURS


def test_files_are_read_relative_to_the_kubeconfig(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_bytes(b"CA")
    (tmp_path / "token").write_text("abc\n")
    path = tmp_path / "config"
    path.write_text(
        "current-context: c\n"
        "clusters: [{name: k, cluster: {server: s, certificate-authority: ca.pem, tls-server-name: other}}]\n"
        "contexts: [{name: c, context: {cluster: k, user: u}}]\n"
        "users: [{name: u, user: {tokenFile: token}}]\n"
    )
    assert kubeconfig.load(path) == Access("s", ca=b"CA", token="abc", tls_server_name="other")


def test_several_files_are_one(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    second = path.parent / "second"
    kubeconfig.merge(second, "wherry", OURS)
    monkeypatch.setenv("KUBECONFIG", f"{path}:{second}:{path.parent / 'missing'}")
    assert kubeconfig.load().server == "https://theirs:6443"
    assert kubeconfig.load(context="wherry") == OURS


@pytest.mark.parametrize(
    ("content", "context", "message"),
    [
        ("{", "", "config: while parsing"),
        ("[]", "", "not a kubeconfig"),
        ("clusters: 3", "", "not a kubeconfig"),
        ("", "", "no context is current"),
        (OTHERS, "none", "there is no context 'none'"),
        (OTHERS, "broken", "there is no cluster 'gone'"),
        (OTHERS.replace("user: them", "user: cloud"), "", "users with 'exec' are not supported"),
        (
            OTHERS.replace("token: secret", "client-certificate-data: '%'"),
            "",
            "client-certificate-data is not base64",
        ),
        (OTHERS.replace("token: secret", "client-key: nowhere"), "", "No such file"),
    ],
)
def test_what_cannot_be_used_is_said(tmp_path: Path, content: str, context: str, message: str) -> None:
    path = tmp_path / "config"
    path.write_text(content)
    with pytest.raises(KubeconfigError, match=message) as error:
        kubeconfig.load(path, context)
    assert str(path) in str(error.value)


def test_a_broken_file_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text("{")
    with pytest.raises(KubeconfigError):
        kubeconfig.merge(path, "wherry", OURS)
    assert path.read_text() == "{"
    assert [each.name for each in tmp_path.iterdir()] == ["config"]


def test_a_locked_file_is_left_alone(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kubeconfig, "LOCK_WAIT", 0.1)
    (path.parent / "config.lock").touch()
    with pytest.raises(KubeconfigError, match="locked"):
        kubeconfig.merge(path, "wherry", OURS)
    assert path.read_text() == OTHERS


def test_certificates_become_a_tls_context(tmp_path: Path) -> None:
    authority = Authority.load_or_create(tmp_path, "ca")
    issued = authority.issue("me")
    access = Access("https://x", ca=authority.certificate_pem, certificate=issued.cert_pem, key=issued.key_pem)
    assert kubeconfig.ssl_context(access).check_hostname
    assert not kubeconfig.ssl_context(Access("https://x", insecure=True)).check_hostname
    with pytest.raises(KubeconfigError, match="cannot be used"):
        kubeconfig.ssl_context(OURS)
