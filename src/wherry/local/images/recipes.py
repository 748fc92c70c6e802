"""What each image is made of. To add an image, add a recipe to `RECIPES`.

An image's layers are its base's and one of its own, so that images share what they have in common. `python`, `redis`
and `nginx` take the arguments that Docker Hub's images of these names take, so a manifest runs with either.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Directory:
    """A directory that no package brings."""

    mode: int = 0o755
    uid: int = 0


@dataclass(frozen=True, slots=True)
class Recipe:
    """One image. `packages` come with what they depend on, except what the base has already and `without`.
    `version_of`: the package whose upstream version gives the tags (7.0.15 -> 7, 7.0, 7.0.15 and latest).
    `drop`: path prefixes left out. `links`: path -> target; `applets`: link everything that busybox can be."""

    name: str
    packages: tuple[str, ...]
    version_of: str
    base: str = ""
    without: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    links: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    directories: Mapping[str, Directory] = field(default_factory=dict)
    applets: bool = False
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    env: tuple[str, ...] = ("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",)
    user: str = ""
    working_dir: str = "/"
    stop_signal: str = ""


# Packages that only serve installing, and never a program at run time.
ADMINISTRATION = (
    "adduser",
    "debconf",
    "debianutils",
    "dpkg",
    "gcc-12-base",
    "init-system-helpers",
    "install-info",
    "lsb-base",
    "passwd",
    "perl-base",
    "readline-common",
    "sysvinit-utils",
    "tar",
    "usr-is-merged",
    "usrmerge",
)

# Files that only people at a Debian machine need.
DOCUMENTATION = (
    "etc/bash_completion.d/",
    "etc/cron",
    "etc/init.d/",
    "etc/logrotate.d/",
    "etc/ufw/",
    "usr/lib/systemd/",
    "usr/lib/tmpfiles.d/",
    "usr/share/apport/",
    "usr/share/bash-completion/",
    "usr/share/doc-base/",
    "usr/share/doc/",
    "usr/share/gcc/",
    "usr/share/gdb/",
    "usr/share/info/",
    "usr/share/initramfs-tools/",
    "usr/share/lintian/",
    "usr/share/locale/",
    "usr/share/man/",
    "usr/share/menu/",
    "usr/share/pixmaps/",
    "usr/share/applications/",
)

_PASSWD = """\
root:x:0:0:root:/root:/bin/sh
daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin
www-data:x:33:33:www-data:/var/www:/usr/sbin/nologin
redis:x:999:999:redis:/data:/usr/sbin/nologin
nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin
"""

_GROUP = """\
root:x:0:
daemon:x:1:
tty:x:5:
www-data:x:33:
redis:x:999:
nogroup:x:65534:
"""

_NGINX = """\
user www-data;
worker_processes 1;
pid /run/nginx.pid;
error_log /dev/stderr notice;
events { worker_connections 1024; }
http {
    include /etc/nginx/mime.types;
    default_type application/octet-stream;
    access_log /dev/stdout;
    sendfile on;
    keepalive_timeout 65;
    include /etc/nginx/conf.d/*.conf;
}
"""

_NGINX_SITE = """\
server {
    listen 80;
    location / {
        root /usr/share/nginx/html;
        index index.html;
    }
}
"""

_NGINX_PAGE = "<!doctype html><title>nginx</title><h1>nginx is at work.</h1>\n"

BUSYBOX = Recipe(
    name="busybox",
    packages=("busybox-static", "bash-static"),
    version_of="busybox-static",
    without=ADMINISTRATION,
    applets=True,
    # Debian's busybox shell runs its applets in place of files of the same name and drops environment variables
    # whose names are no identifiers; programs that start others through sh expect neither.
    links={"usr/bin/bash": "bash-static", "usr/bin/sh": "bash-static", "bin": "usr/bin", "sbin": "usr/sbin"}
    | {"lib": "usr/lib", "lib64": "usr/lib64"},
    files={
        "etc/passwd": _PASSWD,
        "etc/group": _GROUP,
        "etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
    },
    directories={
        "root": Directory(0o700),
        "tmp": Directory(0o1777),
        "var/tmp": Directory(0o1777),
        "var/www": Directory(),
        "run": Directory(),
        "home": Directory(),
        "usr/lib": Directory(),
        "usr/lib64": Directory(),
        "usr/sbin": Directory(),
    },
    command=("sh",),
)

LIBC = Recipe(
    name="libc",
    base="busybox",
    packages=("libc6", "libgcc-s1", "zlib1g"),
    version_of="libc6",
    without=ADMINISTRATION,
    drop=("usr/lib/*/gconv/", "usr/lib/*/audit/", "usr/bin/", "usr/sbin/", "etc/ld.so.conf.d/fakeroot"),
    command=("sh",),
)

PYTHON = Recipe(
    name="python",
    base="libc",
    packages=("python3",),
    version_of="python3",
    without=(*ADMINISTRATION, "python3-doc"),
    drop=(
        "usr/lib/python3*/ensurepip/",
        "usr/lib/python3*/idlelib/",
        "usr/lib/python3*/lib2to3/",
        "usr/lib/python3*/pydoc_data/",
        "usr/lib/python3*/test/",
        "usr/share/binfmts/",
        "usr/share/python3/",
    ),
    links={"usr/bin/python": "python3"},
    command=("python3",),
)

REDIS = Recipe(
    name="redis",
    base="libc",
    packages=("redis-server",),
    version_of="redis-server",
    without=ADMINISTRATION,
    drop=("etc/redis/", "etc/default/", "usr/bin/redis-benchmark"),
    directories={"data": Directory(uid=999)},
    command=("redis-server", "--protected-mode", "no"),
    user="redis",
    working_dir="/data",
)

NGINX = Recipe(
    name="nginx",
    base="libc",
    packages=("nginx-light",),
    version_of="nginx-light",
    without=(*ADMINISTRATION, "iproute2", "libnginx-mod-http-echo"),
    drop=("etc/default/", "etc/nginx/sites-", "etc/nginx/nginx.conf", "etc/nginx/modules-", "usr/share/vim/"),
    files={
        "etc/nginx/nginx.conf": _NGINX,
        "etc/nginx/conf.d/default.conf": _NGINX_SITE,
        "usr/share/nginx/html/index.html": _NGINX_PAGE,
    },
    directories={"var/lib/nginx": Directory(), "var/log/nginx": Directory()},
    command=("nginx", "-g", "daemon off;"),
    stop_signal="SIGQUIT",
)

RECIPES: tuple[Recipe, ...] = (BUSYBOX, LIBC, PYTHON, REDIS, NGINX)


def find(name: str) -> Recipe | None:
    return next((recipe for recipe in RECIPES if recipe.name == name), None)


def chain(recipe: Recipe) -> list[Recipe]:
    """The recipe's bases, the lowest first, and itself."""
    base = find(recipe.base)
    return [*(chain(base) if base else []), recipe]
