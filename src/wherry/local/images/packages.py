"""Which Debian packages a recipe needs, and getting them.

The dependencies are followed here and not by apt's solver because the solver starts from what is installed on this
machine, and because a recipe names dependencies that an image does not need.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from wherry.local.errors import PackageError

# As if nothing were installed: an image needs all of it, whatever the machine has.
APT_OPTIONS = ("-o", "Dir::State::status=/dev/null", "-o", "Debug::NoLocking=1", "-o", "APT::Sandbox::User=root")
LISTS = Path("/var/lib/apt/lists")

Graph = Mapping[str, list[tuple[str, ...]]]  # package -> for each dependency the packages that satisfy it


def parse_depends(text: str) -> dict[str, list[tuple[str, ...]]]:
    """The output of `apt-cache depends --recurse --important` as a graph. Virtual packages give their providers."""
    graph: dict[str, list[tuple[str, ...]]] = {}
    choices: list[str] = []  # of the dependency that is being read
    dependencies: list[tuple[str, ...]] = []
    open_choice = False  # the last line was `|Depends`: the next one is an alternative to it
    for line in text.splitlines():
        if not line.startswith(" "):
            dependencies = graph.setdefault(line.strip(), [])
            open_choice = False
        elif match := re.match(r" ([ |])(?:Pre)?Depends: (\S+)", line):
            if not open_choice:
                choices = []
                dependencies.append(())
            if not match[2].startswith("<"):
                choices.append(match[2].removesuffix(":any"))
            open_choice = match[1] == "|"
            dependencies[-1] = tuple(choices)
        elif dependencies:
            choices.append(line.strip())
            dependencies[-1] = tuple(choices)
    return graph


def closure(graph: Graph, wanted: Iterable[str], without: Collection[str]) -> list[str]:
    """`wanted` and all they need, sorted. Of alternatives the first is taken unless another is there already; nothing
    in `without`, nor what only that needs. Raises PackageError for a package that the graph does not have."""
    found: set[str] = set()
    queue = list(wanted)
    while queue:
        name = queue.pop(0)
        if name in found or name in without:
            continue
        if name not in graph:
            raise PackageError(f"apt knows no package {name!r}; run `apt-get update` first")
        found.add(name)
        for choices in graph[name]:
            if choices and not found.intersection(choices) and not set(choices).intersection(without):
                queue.append(choices[0])
    return sorted(found)


def dependencies(packages: Collection[str]) -> Graph:
    """What apt knows of the packages' dependencies, all the way down. Raises PackageError."""
    return parse_depends(_run(["apt-cache", *APT_OPTIONS, "depends", "--recurse", "--important", *sorted(packages)]))


def download(packages: Collection[str], directory: Path) -> dict[str, Path]:
    """Fetch the newest version of each into `directory`, verified by apt: name -> file. Raises PackageError."""
    directory.mkdir(parents=True, exist_ok=True)
    missing = sorted(set(packages) - set(_archives(directory)))
    if missing:
        _run(["apt-get", *APT_OPTIONS, "-q", "download", *missing], directory)
    archives = _archives(directory)
    return {name: archives[name] for name in packages}


def files(archive: Path) -> bytes:
    """The files in a package, as a tar."""
    return _run_bytes(["dpkg-deb", "--fsys-tarfile", str(archive)])


def upstream_version(archive: Path) -> str:
    """`5:7.0.15-1~deb12u7` -> `7.0.15`."""
    version = archive.name.split("_")[1].replace("%3a", ":")
    return re.sub(r"[-+~].*", "", version.split(":")[-1])


def lists_state() -> list[tuple[str, int, int]]:
    """Changes whenever apt may know other versions."""
    if not LISTS.is_dir():
        return []
    found = (entry for entry in os.scandir(LISTS) if entry.name.endswith(("_Packages", "_Packages.lz4")))
    return sorted((entry.name, entry.stat().st_size, entry.stat().st_mtime_ns) for entry in found)


def _archives(directory: Path) -> dict[str, Path]:
    return {path.name.split("_")[0]: path for path in directory.glob("*.deb")}


def _run(command: list[str], directory: Path | None = None) -> str:
    return _run_bytes(command, directory).decode()


def _run_bytes(command: list[str], directory: Path | None = None) -> bytes:
    if shutil.which(command[0]) is None:
        raise PackageError(
            f"{command[0]} is not on this machine: images can only be made on Debian and its relatives"
        )
    environment = {**os.environ, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(command, cwd=directory, capture_output=True, env=environment, timeout=300, check=False)
    if done.returncode:
        raise PackageError(_explain(command[0], done.stderr.decode(errors="replace")))
    return done.stdout


def _explain(program: str, output: str) -> str:
    errors = [line.removeprefix("E: ").strip() for line in output.splitlines() if line.startswith("E: ")]
    reason = errors[0] if errors else output.strip().splitlines()[-1] if output.strip() else "it failed"
    if "Unable to locate" in reason or "404" in reason:
        return f"{program}: {reason}; run `apt-get update` first"
    if "Failed to fetch" in reason or "resolv" in reason or "onnect" in reason:
        return f"{program}: {reason}; making an image needs Debian's mirror (or a cached image)"
    return f"{program}: {reason}"
