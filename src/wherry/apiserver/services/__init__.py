"""What Services are given: cluster IPs and node ports.

    pool     which addresses and ports are taken
    families the IP families of a Service (pure)
    claims   a Service being written: what it takes, and what becomes free if it is stored or if it is not

The pools are made from the stored Services when the server starts, so they are as durable as these. Each cluster IP
also has an IPAddress object, written in the same commit as its Service.
"""

from wherry.apiserver.services.claims import Claim, Services

__all__ = ["Claim", "Services"]
