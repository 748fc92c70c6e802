"""Asynchronous plumbing shared by every process: servers, connections, subprocesses.

Belongs here: effects over asyncio that know no Kubernetes. Does not: decisions.

    http       Request and Response, the HTTP/1.1 server and client (httptools), upgrades
    websocket  a WebSocket over an upgraded connection (wsproto), both sides
    process    run a command with a time limit; wait for a pid that is not a child
    tasks      a group of background tasks that ends as one and says which one failed
"""
