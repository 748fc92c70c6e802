"""The node agent: makes the pods that are bound to this node true, and says how they are.

plan/        pure: a pod, what the engine has, probe results and a time -> actions and a PodStatus
agent        the shell: watch pods of this node, a worker a pod, act through the engine
probes       liveness, readiness, startup: HTTP, TCP, exec, gRPC
volumes/     a file a volume type: emptyDir, hostPath, configMap, secret, projected, downwardAPI
environment  env, envFrom, field references, service variables (pure)
status       node registration, capacity, conditions, leases
server/      the node's own API on port 10250: logs, exec, attach, port-forward, stats
network/     pod addresses, links and the routes between nodes
"""
