"""Server-side apply: who owns what, conflicts, and what goes away when nobody states it."""

import pytest

from wherry.api import schema
from wherry.api.errors import StatusError
from wherry.api.patch import apply, managed
from wherry.api.patch.managed import Writer

CONFIG_MAP = schema.definition("v1", "ConfigMap")
POD = schema.definition("v1", "Pod")
NOW = 1_767_225_600.0  # 2026-01-01T00:00:00Z


def config(data=None, **metadata):
    made = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "m", "namespace": "n", **metadata}}
    return made if data is None else made | {"data": data}


def writer(name, subresource="", kind="ConfigMap", now=NOW):
    return Writer(name, "v1", kind, subresource, now)


def applied(live, data, by, force=False):
    return apply.apply(live, config(data), CONFIG_MAP, writer(by), force)


def owners(obj):
    return {
        (entry["manager"], entry["operation"]): sorted(entry["fieldsV1"].get("f:data", {}))
        for entry in obj["metadata"].get("managedFields", ())
    }


def test_the_applier_owns_what_it_states():
    made = applied(None, {"a": "1", "b": "2"}, "one")
    assert made["data"] == {"a": "1", "b": "2"}
    assert made["metadata"]["managedFields"] == [
        {
            "manager": "one",
            "operation": "Apply",
            "apiVersion": "v1",
            "time": "2026-01-01T00:00:00Z",
            "fieldsType": "FieldsV1",
            "fieldsV1": {"f:data": {"f:a": {}, "f:b": {}}},
        }
    ]


def test_what_the_applier_drops_goes_away():
    made = applied(None, {"a": "1", "b": "2"}, "one")
    assert applied(made, {"a": "1"}, "one")["data"] == {"a": "1"}


def test_what_another_owns_stays_when_one_drops_it():
    both = applied(applied(None, {"a": "1", "b": "2"}, "one"), {"b": "2"}, "two")
    left = applied(both, {"a": "1"}, "one")
    assert left["data"] == {"a": "1", "b": "2"}
    assert owners(left) == {("one", "Apply"): ["f:a"], ("two", "Apply"): ["f:b"]}


def test_another_value_for_an_owned_field_is_a_conflict():
    made = applied(None, {"a": "1"}, "one")
    with pytest.raises(StatusError) as error:
        applied(made, {"a": "2"}, "two")
    assert error.value.code == 409
    assert error.value.message == 'Apply failed with 1 conflict: conflict with "one": .data.a'
    assert error.value.details == {
        "causes": [{"reason": "FieldManagerConflict", "message": 'conflict with "one"', "field": ".data.a"}]
    }


def test_several_conflicts_are_listed_by_manager():
    made = managed.update(None, config({"a": "1", "b": "1"}), CONFIG_MAP, writer("edit"))
    with pytest.raises(StatusError) as error:
        applied(made, {"a": "2", "b": "2"}, "two")
    assert error.value.message == (
        'Apply failed with 2 conflicts: conflicts with "edit" using v1:\n- .data.a\n- .data.b'
    )


def test_force_takes_the_field():
    made = applied(None, {"a": "1", "b": "1"}, "one")
    taken = applied(made, {"a": "2"}, "two", force=True)
    assert taken["data"] == {"a": "2", "b": "1"}
    assert owners(taken) == {("one", "Apply"): ["f:b"], ("two", "Apply"): ["f:a"]}


def test_an_update_takes_fields_without_asking():
    made = applied(None, {"a": "1", "b": "1"}, "one")
    changed = managed.update(made, {**made, "data": {"a": "2", "b": "1"}}, CONFIG_MAP, writer("edit"))
    assert owners(changed) == {("one", "Apply"): ["f:b"], ("edit", "Update"): ["f:a"]}


def test_equal_values_are_shared():
    both = applied(applied(None, {"a": "1"}, "one"), {"a": "1"}, "two")
    assert owners(both) == {("one", "Apply"): ["f:a"], ("two", "Apply"): ["f:a"]}


def test_applying_the_same_again_changes_nothing():
    made = applied(None, {"a": "1"}, "one")
    assert apply.apply(made, config({"a": "1"}), CONFIG_MAP, writer("one", now=NOW + 60)) == made


def pod(*containers):
    metadata = {"name": "p", "namespace": "n"}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": list(containers)}}


def applied_pod(live, by, *containers):
    return apply.apply(live, pod(*containers), POD, writer(by, kind="Pod"))


def test_elements_of_a_list_map_have_owners_of_their_own():
    one = applied_pod(None, "one", {"name": "c", "image": "i"})
    both = applied_pod(one, "two", {"name": "d", "image": "i"})
    assert [each["name"] for each in both["spec"]["containers"]] == ["c", "d"]
    left = applied_pod(both, "one", {"name": "e"})
    assert [each["name"] for each in left["spec"]["containers"]] == ["d", "e"]


def test_an_atomic_list_has_one_owner():
    one = applied_pod(None, "one", {"name": "c", "args": ["a", "b"]})
    with pytest.raises(StatusError, match=r'conflict with "one": \.spec\.containers\[name="c"\]\.args'):
        applied_pod(one, "two", {"name": "c", "args": ["a"]})


def test_ports_without_a_protocol_are_tcp():
    made = applied_pod(None, "one", {"name": "c", "ports": [{"containerPort": 80}]})
    fields = made["metadata"]["managedFields"][0]["fieldsV1"]["f:spec"]["f:containers"]['k:{"name":"c"}']
    assert list(fields["f:ports"]) == ['k:{"containerPort":80,"protocol":"TCP"}']


REFUSED = [
    (config() | {"kind": "Pod"}, "invalid object type: /v1, Kind=Pod"),
    (config(managedFields=[]), "metadata.managedFields must be nil"),
    (config() | {"data": ["x"]},
     "failed to create typed patch object (n/m; /v1, Kind=ConfigMap): .data: expected map, got &{[x]}"),
    (config() | {"odd": 1},
     "failed to create typed patch object (n/m; /v1, Kind=ConfigMap): .odd: field not declared in schema"),
]  # fmt: skip


@pytest.mark.parametrize(("configuration", "message"), REFUSED, ids=[each[1][:30] for each in REFUSED])
def test_what_cannot_be_applied_is_told(configuration, message):
    with pytest.raises(StatusError) as error:
        apply.apply(None, configuration, CONFIG_MAP, writer("one"))
    assert error.value.message == message


def test_status_has_a_manager_of_its_own():
    live = managed.update(None, pod({"name": "c"}), POD, writer("kubectl", kind="Pod"))
    status = {**live, "status": {"phase": "Running"}}
    updated = managed.update(live, status, POD, writer("kubectl", "status", "Pod"))
    assert [entry.get("subresource") for entry in updated["metadata"]["managedFields"]] == [None, "status"]


def test_an_empty_list_of_managers_starts_anew():
    made = applied(None, {"a": "1"}, "one")
    reset = {**made, "metadata": {**made["metadata"], "managedFields": []}}
    assert "managedFields" not in managed.update(made, reset, CONFIG_MAP, writer("two"))["metadata"]


def test_the_oldest_of_many_updaters_are_put_together():
    obj = config({"k0": "0"})
    live = managed.update(None, obj, CONFIG_MAP, writer("m0"))
    for index in range(1, 12):
        changed = {**live, "data": {**live["data"], f"k{index}": "x"}}
        live = managed.update(live, changed, CONFIG_MAP, writer(f"m{index}", now=NOW + index))
    names = [entry["manager"] for entry in live["metadata"]["managedFields"]]
    assert "ancient-changes" in names and len(names) <= 11


def test_an_empty_list_that_is_always_written_reads_back_as_null():
    role = schema.definition("rbac.authorization.k8s.io/v1", "Role")
    kind = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "r"}, "rules": []}
    who = Writer("one", "rbac.authorization.k8s.io/v1", "Role", now=NOW)
    made = managed.update(None, kind, role, who)
    assert made["rules"] is None
    assert made["metadata"]["managedFields"][0]["fieldsV1"] == {"f:rules": {}}


def test_an_object_that_does_not_fit_its_schema_has_no_managers():
    accounts = schema.definition("v1", "ServiceAccount")
    odd = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "a"}, "secrets": [{}]}
    assert "managedFields" not in managed.update(None, odd, accounts, writer("one"))["metadata"]
