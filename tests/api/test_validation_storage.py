"""What is wrong with objects of storage.k8s.io, in upstream's words."""

import pytest
from apitools import SUBDOMAIN, alone, change_problems, kinds, named, problems


def attachment(source=None, attacher="a.b", **fields):
    source = source or {"persistentVolumeName": "v"}
    return alone(spec={"attacher": attacher, "nodeName": "n", "source": source}, **fields)


def drivers(*found):
    return alone(spec={"drivers": list(found)})


NEW = [
    (kinds.STORAGE_CLASS, alone(),
     ["provisioner: Required value"]),
    (kinds.STORAGE_CLASS, alone(provisioner="e.x/p", reclaimPolicy="Recycle", volumeBindingMode="Later"),
     ['reclaimPolicy: Unsupported value: "Recycle": supported values: "Delete", "Retain"',
      'volumeBindingMode: Unsupported value: "Later": supported values: "Immediate", '
      '"WaitForFirstConsumer"']),
    (kinds.STORAGE_CLASS, alone(provisioner="e.x/p", parameters={"": "x"}),
     ['parameters: Invalid value: "": field can not be empty.']),
    (kinds.STORAGE_CLASS,
     alone(provisioner="e.x/p", allowedTopologies=[{"matchLabelExpressions": [{"key": "k", "values": []}]}]),
     ["allowedTopologies[0].matchLabelExpressions[0].values: Required value"]),
    (kinds.CSI_DRIVER,
     alone(spec={"volumeLifecycleModes": ["Never"], "tokenRequests": [{"audience": "a"}, {"audience": "a",
     "expirationSeconds": 1}]}),
     ['spec.tokenRequests[1].audience: Duplicate value: "a"',
      'spec.volumeLifecycleModes: Unsupported value: "Never": supported values: "Persistent", '
      '"Ephemeral"']),
    (kinds.CSI_DRIVER, alone(spec={"fsGroupPolicy": "X", "nodeAllocatableUpdatePeriodSeconds": 3}),
     ['spec.fsGroupPolicy: Unsupported value: "X": supported values: "File", "None", '
      '"ReadWriteOnceWithFSType"',
      "spec.nodeAllocatableUpdatePeriodSeconds: Invalid value: 3: must be greater than or equal to 10 "
      "seconds"]),
    (kinds.CSI_NODE, drivers({"name": "d", "nodeID": "n", "topologyKeys": ["a", "a"]}, {"name": "d", "nodeID": ""}),
     ['spec.drivers[0]: Duplicate value: "a"',
      "spec.drivers[1].nodeID: Required value",
      'spec.drivers[1].name: Duplicate value: "d"']),
    (kinds.CSI_STORAGE_CAPACITY, named(storageClassName="A", capacity="-1"),
     ['storageClassName: Invalid value: "A": ' + SUBDOMAIN,
      'capacity: Invalid value: "-1": must be greater than or equal to 0']),
    (kinds.VOLUME_ATTACHMENT, attachment(attacher=""),
     ["spec.attacher: Required value"]),
    (kinds.VOLUME_ATTACHMENT,
     attachment({"persistentVolumeName": "v", "inlineVolumeSpec": {"capacity": {"storage": "1"}}}),
     ["spec.source: Forbidden: must specify exactly one of inlineVolumeSpec and persistentVolumeName"]),
    (kinds.VOLUME_ATTRIBUTES_CLASS, alone(driverName="a.b", parameters={}),
     ["parameters: Required value: must contain at least one key/value pair"]),
]  # fmt: skip

CHANGED = [
    (kinds.STORAGE_CLASS,
     alone(provisioner="e.x/p", parameters={"a": "c"}, reclaimPolicy="Retain"), alone(provisioner="e.x/p",
     parameters={"a": "b"}), "",
     ['parameters: Invalid value: {"a":"c"}: field is immutable',
      'reclaimPolicy: Invalid value: "Retain": field is immutable']),
    (kinds.CSI_DRIVER, alone(spec={"attachRequired": False}), alone(spec={}), "",
     ["spec.attachedRequired: Invalid value: false: field is immutable"]),
    (kinds.CSI_NODE, drivers({"name": "d", "nodeID": "m"}), drivers({"name": "d", "nodeID": "n"}), "",
     ['spec.drivers: Invalid value: {"Name":"d","NodeID":"m","TopologyKeys":null,"Allocatable":null}: '
      "field is immutable"]),
    (kinds.VOLUME_ATTACHMENT, attachment(attacher="a.c"), attachment(), "",
     ["spec: Invalid value: "
      '{"Attacher":"a.c","Source":{"PersistentVolumeName":"v","InlineVolumeSpec":null},"NodeName":"n"}:'
      " field is immutable"]),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "obj", "expected"), NEW)
def test_what_is_wrong_with_new_objects(kind, obj, expected):
    assert problems(kind, obj) == expected


@pytest.mark.parametrize(("kind", "new", "old", "subresource", "expected"), CHANGED)
def test_what_is_wrong_with_changes(kind, new, old, subresource, expected):
    assert change_problems(kind, new, old, subresource) == expected
