"""Manifests on disk -> objects, or one message that says where it went wrong."""

import json

import pytest

from wherry.cli import manifests
from wherry.cli.errors import DATA, NO_INPUT, Failure

SERVICE = "apiVersion: v1\nkind: Service\nmetadata: {name: web}\n"
DEPLOYMENT = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\n"
NAMESPACE = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n"


def test_a_folder_is_read_in_order_and_what_others_need_comes_first(tmp_path):
    (tmp_path / "2-service.yaml").write_text(f"{SERVICE}---\n{DEPLOYMENT}---\n")
    (tmp_path / "3-namespace.yml").write_text(NAMESPACE)
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}}
    (tmp_path / "1-list.json").write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": [secret]}))
    (tmp_path / "README.md").write_text("not: [a manifest")
    found = manifests.read([str(tmp_path)])
    assert [manifest.kind.kind for manifest in found] == ["Namespace", "Secret", "Service", "Deployment"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: b\n  c: d\n", "m.yaml:2: not YAML: mapping values are not allowed"),
        ("kind: Service\nmetadata: {name: web}\n", "m.yaml: apiVersion is not set"),
        ("apiVersion: v1\nmetadata: {name: web}\n", "m.yaml: kind is not set"),
        ("apiVersion: v1\nkind: Servise\nmetadata: {name: web}\n", "no kind 'Servise' in 'v1'"),
        ("apiVersion: v1\nkind: Service\n", "Service has no metadata.name"),
        ("apiVersion: v1\nkind: Service\nmetadata: {}\n", "Service has no metadata.name"),
        ("- a\n- b\n", "an object is expected, not list"),
        (f"{SERVICE}---\n{SERVICE}---\njust words\n", r"m.yaml \(document 3\): an object is expected, not str"),
        ("", "there is no object"),
        ("# only a comment\n---\n", "there is no object"),
    ],
)
def test_a_malformed_manifest_is_one_message(tmp_path, text, words):
    path = tmp_path / "m.yaml"
    path.write_text(text)
    with pytest.raises(Failure, match=words) as caught:
        manifests.read([str(path)])
    assert caught.value.exit_code == DATA


def test_a_missing_file_is_named():
    with pytest.raises(Failure, match=r"nowhere\.yaml: no such file") as caught:
        manifests.read(["nowhere.yaml"])
    assert caught.value.exit_code == NO_INPUT
