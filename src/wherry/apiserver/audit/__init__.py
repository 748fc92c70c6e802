"""The audit log: who asked what of the server, when, and what became of it.

    plan/policy     a policy file's rules: at which level a request is recorded (None: not at all)
    plan/events     one event of a request, as upstream writes it (audit.k8s.io/v1)
    plan/rotation   which old files go
    recorder        what the pipeline calls: notes a request's facts, hands them on
    policyfile      reads a policy
    writer          a thread that makes events of them and appends these to a file, a line each

A request costs a few assignments; events are made, bodies decoded and files written in the writer's thread. A server
without `--audit-log-path` has no `Audit`, and no request is looked at.
"""

from wherry.apiserver.audit.recorder import Audit, Record

__all__ = ["Audit", "Record"]
