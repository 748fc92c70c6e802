"""Following dependencies: what apt prints -> the packages of an image."""

import pytest

from wherry.local.errors import PackageError
from wherry.local.images.packages import closure, parse_depends, upstream_version

DEPENDS = """\
web
  PreDepends: init-system-helpers
  Depends: libc6
 |Depends: debconf
  Depends: <debconf-2.0>
    cdebconf
    debconf
  Depends: <web-abi-1>
    web-core
  Depends: python3:any
 |Depends: logger-small
  Depends: logger-big
  Depends: libc6
init-system-helpers
  Depends: perl-base
libc6
  Depends: libgcc-s1
web-core
  Depends: libc6
python3:any
  Depends: libc6
python3
logger-small
logger-big
libgcc-s1
  Depends: gcc-12-base
gcc-12-base
perl-base
debconf
cdebconf
"""


def test_alternatives_and_virtual_packages_are_choices():
    assert parse_depends(DEPENDS)["web"] == [
        ("init-system-helpers",),
        ("libc6",),
        ("debconf", "cdebconf", "debconf"),
        ("web-core",),
        ("python3",),
        ("logger-small", "logger-big"),
        ("libc6",),
    ]


@pytest.mark.parametrize(
    ("wanted", "without", "packages"),
    [
        (["gcc-12-base"], (), "gcc-12-base"),
        (["libc6"], (), "gcc-12-base libc6 libgcc-s1"),
        (["libc6"], ("gcc-12-base",), "libc6 libgcc-s1"),
        (
            ["web"],
            ("init-system-helpers", "debconf", "gcc-12-base"),
            "libc6 libgcc-s1 logger-small python3 web web-core",
        ),
        (["logger-big", "web"], ("init-system-helpers", "debconf", "libc6"), "logger-big python3 web web-core"),
    ],
)
def test_closure(wanted, without, packages):
    assert " ".join(closure(parse_depends(DEPENDS), wanted, without)) == packages


def test_an_unknown_package_says_what_to_do():
    with pytest.raises(PackageError, match=r"no package 'nonesuch'; run `apt-get update`"):
        closure(parse_depends(DEPENDS), ["nonesuch"], ())


@pytest.mark.parametrize(
    ("file", "version"),
    [
        ("redis-server_5%3a7.0.15-1~deb12u7_amd64.deb", "7.0.15"),
        ("libacl1_2.3.1-3_amd64.deb", "2.3.1"),
        ("busybox-static_1%3a1.35.0-4+deb12u1+b1_amd64.deb", "1.35.0"),
        ("nginx_1.22.1+dfsg~rc1-9_amd64.deb", "1.22.1"),
    ],
)
def test_upstream_version(tmp_path, file, version):
    assert upstream_version(tmp_path / file) == version
