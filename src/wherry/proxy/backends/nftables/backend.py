"""Applies rules by libnftables."""

from collections.abc import Mapping

from wherry.linux.nft import Nft, NftError
from wherry.proxy.backends.interface import BackendError, NodeAddresses
from wherry.proxy.backends.nftables.chains import TABLE, chains, define, table
from wherry.proxy.backends.nftables.elements import Contents
from wherry.proxy.plan import Frontend, Rule


class NftablesBackend:
    """See `wherry.proxy.backends.interface`."""

    def __init__(self) -> None:
        self._nft = Nft()
        self._contents = Contents()
        self._chains: set[str] = set()

    def load(self, node: NodeAddresses, table_: Mapping[Frontend, Rule]) -> None:
        self._contents = Contents()
        commands, verdicts = self._contents.change(table_)
        needed = chains(verdicts)
        text = table(node.ip, node.pods) + define(needed.values()) + commands
        try:
            self._nft.run(text)
        except NftError:
            # a table of another version: its sets cannot be redefined in place
            self._run(f"add table ip {TABLE}\ndelete table ip {TABLE}\n{text}")
        self._chains = set(needed)

    def change(self, changes: Mapping[Frontend, Rule | None]) -> None:
        commands, verdicts = self._contents.change(changes)
        missing = {name: text for name, text in chains(verdicts).items() if name not in self._chains}
        self._run(define(missing.values()) + commands)
        self._chains |= missing.keys()

    def intact(self) -> bool:
        try:
            return self._nft.has_table("ip", TABLE)
        except NftError as error:
            raise BackendError(f"nftables does not answer: {error}") from error

    def close(self) -> None:
        self._nft.close()

    def _run(self, text: str) -> None:
        try:
            self._nft.run(text)
        except NftError as error:
            raise BackendError(f"nftables refused the services' rules: {error}") from error
