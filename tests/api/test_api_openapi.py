"""OpenAPI documents: what kubectl explain and client-side validation read."""

import json

import pytest

from wherry.api import kinds, openapi

APPS = "apis/apps/v1"


@pytest.fixture(scope="module")
def apps():
    return json.loads(openapi.v3(kinds.KINDS, APPS))


@pytest.fixture(scope="module")
def everything():
    return json.loads(openapi.v2(kinds.KINDS))


def test_the_index_lists_every_group_with_a_hash():
    paths = json.loads(openapi.v3_index(kinds.KINDS))["paths"]
    assert {"api/v1", APPS, "apis/batch/v1", "apis/rbac.authorization.k8s.io/v1"} <= set(paths)
    assert paths[APPS]["serverRelativeURL"].startswith("/openapi/v3/apis/apps/v1?hash=")


def test_a_group_has_its_paths_and_schemas(apps):
    path = apps["paths"]["/apis/apps/v1/namespaces/{namespace}/deployments/{name}"]
    assert {"get", "put", "patch", "delete"} <= set(path)
    assert path["get"]["x-kubernetes-group-version-kind"] == {"group": "apps", "version": "v1", "kind": "Deployment"}
    schema = apps["components"]["schemas"]["io.k8s.api.apps.v1.Deployment"]
    assert schema["description"].startswith("Deployment enables declarative updates")
    assert schema["x-kubernetes-group-version-kind"] == [{"group": "apps", "version": "v1", "kind": "Deployment"}]


def test_a_group_is_closed_under_references(apps):
    names = set(apps["components"]["schemas"])
    found = {part.split('"')[0] for part in json.dumps(apps).split('"#/components/schemas/')[1:]}
    assert found <= names


def test_version_2_holds_everything(everything):
    assert everything["swagger"] == "2.0"
    assert "io.k8s.api.core.v1.Pod" in everything["definitions"]
    assert "/api/v1/namespaces/{namespace}/pods" in everything["paths"]
    found = {part.split('"')[0] for part in json.dumps(everything).split('"#/definitions/')[1:]}
    assert found <= set(everything["definitions"])


def test_patches_can_be_validated_before_they_are_sent(everything):
    patch = everything["paths"]["/api/v1/namespaces/{namespace}/pods/{name}"]["patch"]
    assert "application/apply-patch+yaml" in patch["consumes"]
    assert any(each["name"] == "fieldValidation" for each in patch["parameters"])


def test_a_document_is_made_once():
    assert openapi.v3(kinds.KINDS, APPS) is openapi.v3(kinds.KINDS, APPS)
