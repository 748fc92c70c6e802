"""What the doctor sees, on this machine and on one that lacks things."""

import subprocess
import sys

import pytest

from wherry.local import doctor


def by_name() -> dict[str, doctor.Finding]:
    return {finding.name: finding for finding in doctor.examine()}


def test_every_check_looks_and_says_what_it_found():
    findings = doctor.examine()
    assert [finding.name for finding in findings] == [check.name for check in doctor.CHECKS]
    assert all(finding.found for finding in findings)


def test_required_checks_are_a_part_of_all():
    required = doctor.examine("required")
    assert {finding.level for finding in required} == {"required"}
    assert len(required) < len(doctor.CHECKS)


@pytest.mark.parametrize(
    ("name", "package"), [("container runtime", "crun"), ("container monitor", "conmon"), ("iproute2", "iproute2")]
)
def test_a_missing_program_is_named_with_its_remedy(tmp_path, monkeypatch, name, package):
    monkeypatch.setattr(doctor, "SYSTEM_PATH", str(tmp_path))
    finding = by_name()[name]
    assert not finding.ok and finding.remedy == f"install the package {package}"
    (tmp_path / "apt-get").symlink_to("/bin/true")
    assert by_name()[name].remedy == f"apt-get install {package}"


def test_either_runtime_will_do(tmp_path, monkeypatch):
    monkeypatch.setattr(doctor, "SYSTEM_PATH", str(tmp_path))
    (tmp_path / "runc").symlink_to("/bin/true")
    assert by_name()["container runtime"].ok


@pytest.mark.root
def test_an_ordinary_user_is_told_to_become_root():
    code = (
        "from wherry.local import doctor; import os; os.seteuid(65534); print(doctor.examine('required')[0].remedy)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "sudo" in done.stdout


def test_a_full_disk_is_named(monkeypatch):
    monkeypatch.setattr(doctor, "DISK", 1 << 62)
    assert "WHERRY_HOME" in by_name()["disk"].remedy


@pytest.mark.root
def test_a_home_on_an_overlay_is_refused(tmp_path, monkeypatch):
    for name in ("lower", "upper", "work", "merged"):
        (tmp_path / name).mkdir()
    data = f"lowerdir={tmp_path}/lower,upperdir={tmp_path}/upper,workdir={tmp_path}/work"
    subprocess.run(["mount", "-t", "overlay", "overlay", "-o", data, tmp_path / "merged"], check=True)
    try:
        monkeypatch.setenv("WHERRY_HOME", str(tmp_path / "merged" / "home"))
        assert "WHERRY_HOME" in by_name()["overlay"].remedy
    finally:
        subprocess.run(["umount", tmp_path / "merged"], check=True)
