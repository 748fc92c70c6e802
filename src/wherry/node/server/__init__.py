"""The node's own API on port 10250: logs, exec, attach, port-forward, statistics.

routes       the one list of what is answered, by method and path
access       who asks (client certificate or token), and whether they may
logs         /containerLogs
remote       /exec and /attach over WebSocket
portforward  /portForward
stats        /stats/summary and /metrics
pods         finding a pod and its container by what the path says
"""

from wherry.node.server.routes import NodeServer

__all__ = ["NodeServer"]
