"""Profiles decided and compiled."""

import pytest

from wherry.engine.seccomp.bpf import Compiler, compile_bpf
from wherry.engine.seccomp.default import PROFILE
from wherry.engine.seccomp.profile import resolve


def allowed(resolved, name):
    return [rule for rule in resolved["syscalls"] if name in rule["names"] and rule["action"] == "SCMP_ACT_ALLOW"]


def test_the_default_profile_depends_on_capabilities():
    plain = resolve(PROFILE, frozenset({"CHOWN"}), "amd64")
    admin = resolve(PROFILE, frozenset({"SYS_ADMIN", "SYS_TIME"}), "amd64")
    assert allowed(plain, "read")
    assert not allowed(plain, "mount")
    assert not allowed(plain, "clock_settime")
    assert allowed(admin, "mount")
    assert allowed(admin, "clock_settime")
    assert allowed(plain, "clone")[0]["args"]
    assert not any("args" in rule for rule in allowed(admin, "clone") if "mount" in rule["names"])
    (clone3,) = [rule for rule in plain["syscalls"] if "clone3" in rule["names"]]
    assert (clone3["action"], clone3["errnoRet"]) == ("SCMP_ACT_ERRNO", 38)


def test_architectures():
    assert allowed(resolve(PROFILE, frozenset(), "amd64"), "arch_prctl")
    arm = resolve(PROFILE, frozenset(), "arm64")
    assert not allowed(arm, "arch_prctl")
    assert arm["architectures"] == ["SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"]


def test_oci_and_old_docker_forms_pass():
    profile = {
        "defaultAction": "SCMP_ACT_ALLOW",
        "syscalls": [{"name": "mkdir", "action": "SCMP_ACT_KILL", "args": []}],
    }
    assert resolve(profile, frozenset(), "amd64")["syscalls"] == [{"names": ["mkdir"], "action": "SCMP_ACT_KILL"}]


def test_programs_are_kept(tmp_path):
    resolved = resolve(PROFILE, frozenset({"CHOWN"}), "amd64")
    program = Compiler(tmp_path / "kept").program(resolved)
    assert program
    assert len(program) % 8 == 0
    (kept,) = (tmp_path / "kept").iterdir()
    kept.write_bytes(b"12345678")
    assert Compiler(tmp_path / "kept").program(resolved) == b"12345678"


def test_what_cannot_be_compiled_is_left_to_the_runtime(tmp_path):
    odd = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["read"], "action": "SCMP_ACT_NOTIFY"}]}
    with pytest.raises(ValueError, match="NOTIFY"):
        compile_bpf(odd)
    assert Compiler(tmp_path).program(odd) is None
    unknown = {
        "defaultAction": "SCMP_ACT_ALLOW",
        "syscalls": [{"names": ["no_such_call"], "action": "SCMP_ACT_KILL"}],
    }
    assert compile_bpf(unknown)
