"""Controllers: each drives the world towards what one kind of object asks for.

A controller is a folder with `plan.py` (objects and a time in, actions out; pure) and `controller.py` (which kinds it
watches, which key an event concerns, how it calls `plan`). `ALL` is the one list of them. What they share:

    actions, apply     what a plan may ask for, and how it is carried out
    attempt            what a plan learns beside the objects: the time, the last failure
    loop, queue        events to keys, passes over keys, back-off
    expectations       no pass before the caches show the last pass's writes
    caches, watching   one informer a kind; indexes and mappings that many use
    manager, leader    all of them together, in one process of several
    pods, services, taints, ownership, templates, intstr   pure rules that several plans need
"""

from wherry.controllers.clusterroleaggregation.controller import ClusterRoleAggregationController
from wherry.controllers.cronjob.controller import CronJobController
from wherry.controllers.daemonset.controller import DaemonSetController
from wherry.controllers.deployment.controller import DeploymentController
from wherry.controllers.disruption.controller import DisruptionController
from wherry.controllers.endpoints.controller import EndpointsController
from wherry.controllers.endpointslice.controller import EndpointSliceController
from wherry.controllers.endpointslicemirroring.controller import EndpointSliceMirroringController
from wherry.controllers.garbagecollector.controller import GarbageCollector
from wherry.controllers.job.controller import JobController
from wherry.controllers.namespace.controller import NamespaceController
from wherry.controllers.nodelifecycle.controller import NodeLifecycleController
from wherry.controllers.podgc.controller import PodGCController
from wherry.controllers.replicaset.controller import ReplicaSetController, ReplicationControllerController
from wherry.controllers.resourcequota.controller import ResourceQuotaController
from wherry.controllers.rootca.controller import RootCAController
from wherry.controllers.serviceaccount.controller import ServiceAccountController
from wherry.controllers.statefulset.controller import StatefulSetController
from wherry.controllers.tainteviction.controller import TaintEvictionController
from wherry.controllers.ttlafterfinished.controller import TTLAfterFinishedController
from wherry.controllers.volumeprotection.controller import VolumeProtectionController

# In the order in which they start: what every pod needs comes first.
ALL = (
    ServiceAccountController,
    RootCAController,
    NamespaceController,
    DeploymentController,
    ReplicaSetController,
    ReplicationControllerController,
    StatefulSetController,
    DaemonSetController,
    JobController,
    CronJobController,
    TTLAfterFinishedController,
    DisruptionController,
    EndpointSliceController,
    EndpointsController,
    EndpointSliceMirroringController,
    NodeLifecycleController,
    TaintEvictionController,
    PodGCController,
    VolumeProtectionController,
    ClusterRoleAggregationController,
    ResourceQuotaController,
    GarbageCollector,
)
