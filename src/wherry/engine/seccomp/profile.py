"""Profiles for one container: conditions on capabilities and architecture decided, OCI's `linux.seccomp` form out."""

from collections.abc import Set as AbstractSet
from typing import Any

_ARCHITECTURES = {
    "amd64": ("SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"),
    "arm64": ("SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"),
    "ppc64le": ("SCMP_ARCH_PPC64LE",),
    "riscv64": ("SCMP_ARCH_RISCV64",),
    "s390x": ("SCMP_ARCH_S390X", "SCMP_ARCH_S390"),
}


def resolve(profile: dict[str, Any], capabilities: AbstractSet[str], architecture: str) -> dict[str, Any]:
    """`capabilities`: the container's, without CAP_; `architecture`: as images name it. Docker's files carry
    conditions (`includes`, `excludes`) and one name or many a rule; OCI's files pass through."""
    rules = [_plain(rule) for rule in profile.get("syscalls") or () if _applies(rule, capabilities, architecture)]
    resolved: dict[str, Any] = {
        "defaultAction": profile["defaultAction"],
        "architectures": list(_ARCHITECTURES.get(architecture, ())),
        "syscalls": rules,
    }
    if "defaultErrnoRet" in profile:
        resolved["defaultErrnoRet"] = profile["defaultErrnoRet"]
    return resolved


def _applies(rule: dict[str, Any], capabilities: AbstractSet[str], architecture: str) -> bool:
    includes, excludes = rule.get("includes") or {}, rule.get("excludes") or {}
    if not {name.removeprefix("CAP_") for name in includes.get("caps") or ()} <= capabilities:
        return False
    if includes.get("arches") and architecture not in includes["arches"]:
        return False
    if {name.removeprefix("CAP_") for name in excludes.get("caps") or ()} & capabilities:
        return False
    return architecture not in (excludes.get("arches") or ())


def _plain(rule: dict[str, Any]) -> dict[str, Any]:
    plain: dict[str, Any] = {"names": rule.get("names") or [rule["name"]], "action": rule["action"]}
    if rule.get("args"):
        plain["args"] = rule["args"]
    if rule.get("errnoRet") is not None:
        plain["errnoRet"] = rule["errnoRet"]
    return plain
