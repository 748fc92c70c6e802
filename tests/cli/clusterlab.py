"""A cluster of its own for a test: a random profile in a home of its own, driven by the `wherry` command."""

import asyncio
import json
import os
import secrets
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from wherry.client.interface import Unreachable
from wherry.client.rest import from_kubeconfig
from wherry.linux import cgroupfs, mounts, netns
from wherry.local import config
from wherry.local.config import ClusterConfig
from wherry.local.layout import Layout
from wherry.local.supervisor import records

Done = subprocess.CompletedProcess[str]


@dataclass
class Cluster:
    """`home` is a temporary directory; nothing of the user's is touched."""

    home: Path
    profile: str = field(default_factory=lambda: f"t{secrets.token_hex(3)}")

    @property
    def layout(self) -> Layout:
        return Layout(self.home / "home", self.profile)

    @property
    def kubeconfig(self) -> Path:
        return self.home / "kubeconfig"

    @property
    def config(self) -> ClusterConfig:
        found = config.load(self.layout.config)
        assert found is not None
        return found

    @property
    def environment(self) -> dict[str, str]:
        own = {"WHERRY_HOME": str(self.layout.home), "KUBECONFIG": str(self.kubeconfig)}
        return {**os.environ, **own, "WHERRY_PROFILE": self.profile}

    def wherry(self, *words: str, **environment: str) -> Done:
        command = [sys.executable, "-m", "wherry", *words]
        return subprocess.run(
            command, capture_output=True, text=True, env={**self.environment, **environment}, timeout=180, check=False
        )

    def ok(self, *words: str) -> str:
        """Standard output of a command that must succeed."""
        done = self.wherry(*words)
        assert done.returncode == 0, done.stderr + self.logs()
        return done.stdout

    def has_namespace(self, name: str) -> bool:
        """Whether the API answers, by the user's kubeconfig, and has it."""
        return asyncio.run(self._request("GET", f"/api/v1/namespaces/{name}")) == 200

    def make_namespace(self, name: str) -> bool:
        """Whether it was acknowledged."""
        body = json.dumps({"metadata": {"name": name}}).encode()
        return asyncio.run(self._request("POST", "/api/v1/namespaces", body)) == 201

    async def _request(self, method: str, path: str, body: bytes = b"") -> int:
        client = from_kubeconfig(self.kubeconfig, self.profile)
        try:
            return (await client.request(method, path, body=body, content_type="application/json")).status
        except Unreachable:
            return 0
        finally:
            await client.close()

    def kubectl(self, *words: str) -> Done:
        command = ["kubectl", "--request-timeout", "60s", *words]
        return subprocess.run(command, capture_output=True, text=True, env=self.environment, timeout=120, check=False)

    def status(self) -> str:
        state: str = json.loads(self.wherry("status", "-o", "json").stdout)["state"]
        return state

    def pids(self) -> dict[str, int]:
        """Of the cluster's processes that are alive."""
        found = {name: records.pid_of(self.layout.run, name) for name in records.names(self.layout.run)}
        return {name: pid for name, pid in found.items() if pid}

    def logs(self) -> str:
        """The end of each process's log, for a failure's message."""
        texts = [(path.stem, path.read_text(errors="replace")) for path in sorted(self.layout.logs.glob("*.log"))]
        return "".join(f"\n--- {name}\n{text[-1500:]}" for name, text in texts)

    def leftovers(self) -> list[str]:
        """What of the cluster is still in the kernel or on disk."""
        found = [f"namespace {name}" for name in netns.names(f"wherry-{self.profile}-")]
        for link in Path("/sys/class/net").iterdir():
            alias = link / "ifalias"
            if alias.exists() and alias.read_text().strip() == f"wherry profile {self.profile}":
                found.append(f"link {link.name}")
        tables = subprocess.run(["nft", "list", "tables"], capture_output=True, text=True, check=False).stdout
        found += [line for line in tables.splitlines() if line.endswith(f"wherry-{self.profile}")]
        groups = cgroupfs.discover().folders(f"wherry/{self.profile}")
        found += [f"group {folder}" for folder in groups if folder.exists()]
        found += [f"mount {mount.target}" for mount in mounts.all_mounts() if mount.target.startswith(str(self.home))]
        found += [f"process {line}" for line in self._processes()]
        found += [str(path) for path in self.layout.home.glob("*")] if self.layout.home.exists() else []
        return found

    def _processes(self) -> list[str]:
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    command = (entry / "cmdline").read_bytes().decode(errors="replace").replace("\0", " ")
                except OSError:
                    continue
                if str(self.home) in command or f"--profile {self.profile}" in command:
                    found.append(f"{entry.name} {command}")
        return found
