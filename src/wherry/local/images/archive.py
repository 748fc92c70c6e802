"""Layers and a recipe -> a docker archive, as `docker save` writes it and every tool reads it."""

import io
import json
import tarfile
from collections.abc import Sequence
from hashlib import sha256
from typing import Any

from wherry.local.images.layers import Layer
from wherry.local.images.recipes import Recipe

CREATED = "1970-01-01T00:00:00Z"  # the same packages give the same image
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "i686": "386"}


def tags(name: str, version: str) -> list[str]:
    """`redis`, `7.0.15` -> redis:latest, redis:7, redis:7.0, redis:7.0.15."""
    parts = version.split(".") if version else []
    return [f"{name}:latest", *(f"{name}:{'.'.join(parts[: i + 1])}" for i in range(len(parts)))]


def architecture(machine: str) -> str:
    """The kernel's name of an architecture -> that of images."""
    return ARCHITECTURES.get(machine, machine)


def image_config(recipe: Recipe, layers: Sequence[Layer], machine: str) -> dict[str, Any]:
    """The OCI image config. `machine` is the kernel's name of the architecture."""
    config: dict[str, Any] = {
        "Env": list(recipe.env),
        "Cmd": list(recipe.command) or None,
        "Entrypoint": list(recipe.entrypoint) or None,
        "User": recipe.user,
        "WorkingDir": recipe.working_dir,
        "StopSignal": recipe.stop_signal,
    }
    return {
        "architecture": architecture(machine),
        "os": "linux",
        "created": CREATED,
        "config": {key: value for key, value in config.items() if value},
        "rootfs": {"type": "layers", "diff_ids": [layer.digest for layer in layers]},
        "history": [{"created": CREATED, "created_by": f"wherry image make {recipe.name}"} for _ in layers],
    }


def docker_archive(config: dict[str, Any], layers: Sequence[Layer], repo_tags: Sequence[str]) -> bytes:
    """The archive: the config, each layer once, and the manifest that names them."""
    raw_config = json.dumps(config, sort_keys=True).encode()
    config_name = f"{sha256(raw_config).hexdigest()}.json"
    names = [f"{layer.digest.removeprefix('sha256:')}/layer.tar" for layer in layers]
    manifest = [{"Config": config_name, "RepoTags": list(repo_tags), "Layers": names}]
    entries = [(name, layer.data) for name, layer in zip(names, layers, strict=True)]
    entries += [(config_name, raw_config), ("manifest.json", json.dumps(manifest, sort_keys=True).encode())]
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for name, data in entries:
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(data), 0o644
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()
