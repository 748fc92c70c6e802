"""What a pod needs next, and what its status says: pure rules of the node agent.

`plan(view)` looks at one pod, what the engine has of it, results of probes and the time, and gives ordered actions, a
PodStatus and when to look again. Whoever runs the actions shows their progress in the next view (`busy`, `failures`,
`stops`, `hooks`); nothing here remembers anything.

    view         the vocabulary of what goes in
    actions      the vocabulary of what comes out
    decide       `plan`: the path of a living pod and of an ending one
    starting     which containers start now: init containers in order, sidecars, the rest; images and back-off
    stopping     in which order and with how much time containers end
    restarts     restart policies and CrashLoopBackOff
    probing      thresholds of probes and when the next attempt is due
    admission    whether the node takes a pod that was bound to it
    eviction     which pods the node puts out
    demand       what a pod asks of its node
    podspec      reading pods: containers, sidecars, grace periods
    qos          the quality-of-service class
    phase, conditions, container_status, status      the PodStatus

Source of the rules: Kubernetes v1.36, the kubelet's pod life cycle.
"""

from wherry.node.plan.decide import plan
from wherry.node.plan.view import View

__all__ = ["View", "plan"]
