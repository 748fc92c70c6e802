"""NodeRoutes: keeps the routes to other nodes' pods as Node objects say."""

from wherry.client.interface import Client


class NodeRoutes:
    """Watches Nodes for ever. `netns` as in NetworkConfig."""

    def __init__(self, client: Client, node_name: str, *, netns: str | None = None) -> None:
        self._client, self._node_name, self._netns = client, node_name, netns

    async def run(self) -> None:
        raise NotImplementedError
