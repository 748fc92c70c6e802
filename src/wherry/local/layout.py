"""The state directory of a profile: every path in one place.

    <home>/<profile>/
      config.json            ClusterConfig
      previous-context       what the user's kubeconfig goes back to
      apiserver/             the API server's data directory: store.db, pki/, admin.kubeconfig, kubeconfig/<component>
      nodes/<node>/          a node's state directory: kubeconfig, server.crt, server.key, pods, containers, logs
      images/                the image store that all nodes share
      run/                   pid files and locks
      logs/                  output of the cluster's processes

`home` is /var/lib/wherry, or $WHERRY_HOME. Images that were made are kept across clusters in `cache`.
"""

import os
from dataclasses import dataclass
from pathlib import Path

DEFAULT_PROFILE = "wherry"


def home() -> Path:
    """Where profiles live."""
    return Path(os.environ.get("WHERRY_HOME") or "/var/lib/wherry")


def cache() -> Path:
    """What can be made again: $WHERRY_CACHE, else `wherry` in the user's cache directory."""
    if chosen := os.environ.get("WHERRY_CACHE"):
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "wherry"


@dataclass(frozen=True, slots=True)
class Layout:
    """The paths of one profile. Nothing here touches the disk."""

    home: Path
    profile: str

    @property
    def directory(self) -> Path:
        return self.home / self.profile

    @property
    def config(self) -> Path:
        return self.directory / "config.json"

    @property
    def apiserver(self) -> Path:
        return self.directory / "apiserver"

    @property
    def pki(self) -> Path:
        return self.apiserver / "pki"

    @property
    def admin_kubeconfig(self) -> Path:
        return self.apiserver / "admin.kubeconfig"

    def component_kubeconfig(self, component: str) -> Path:
        """`component` is a key of `pki.identities.COMPONENTS`."""
        return self.apiserver / "kubeconfig" / component

    @property
    def nodes(self) -> Path:
        return self.directory / "nodes"

    def node(self, name: str) -> Path:
        return self.nodes / name

    @property
    def images(self) -> Path:
        return self.directory / "images"

    @property
    def previous_context(self) -> Path:
        """Names the kubeconfig's context that was current before this profile's."""
        return self.directory / "previous-context"

    @property
    def run(self) -> Path:
        return self.directory / "run"

    @property
    def logs(self) -> Path:
        return self.directory / "logs"


def layout(profile: str = DEFAULT_PROFILE) -> Layout:
    return Layout(home(), profile)


def profiles(directory: Path) -> list[str]:
    """Names of the profiles under a home."""
    if not directory.is_dir():
        return []
    return sorted(path.parent.name for path in directory.glob("*/config.json"))
