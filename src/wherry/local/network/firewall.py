"""Room in a host firewall that drops by default (Docker and ufw set one): the cluster's own link is let through.

Only iptables' FORWARD and INPUT chains, and only when their policy is DROP, get rules; a machine without such a
firewall is not touched. The rules are iptables' own, so that its users see and understand them.
"""

import logging
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from wherry.linux.nft import Nft

log = logging.getLogger(__name__)

_ESTABLISHED = ("-m", "conntrack", "--ctstate", "RELATED,ESTABLISHED")
_COMMENT = ("-m", "comment", "--comment", "wherry")


def rules(bridge: str) -> dict[str, list[tuple[str, ...]]]:
    """By chain: nodes may reach the machine, each other and the outside, and get answers."""
    accept = (*_COMMENT, "-j", "ACCEPT")
    return {
        "INPUT": [("-i", bridge, *accept)],
        "FORWARD": [("-i", bridge, *accept), ("-o", bridge, *_ESTABLISHED, *accept)],
    }


def allow(bridge: str) -> None:
    """Add what is missing to chains that drop. A firewall that refuses is logged: the cluster may work all the
    same."""
    for program in _active():
        for chain, wanted in rules(bridge).items():
            if not _run(program, "-S", chain).startswith(f"-P {chain} DROP"):
                continue
            for rule in wanted:
                if not _has(program, chain, rule):
                    _run(program, "-I", chain, "1", *rule)


def forget(bridge: str) -> None:
    """Take the rules away, whatever the policy is now."""
    for program in _active():
        for chain, wanted in rules(bridge).items():
            for rule in wanted:
                while _has(program, chain, rule):
                    _run(program, "-D", chain, *rule)


def _active() -> list[str]:
    """The kinds of iptables whose filter table exists here; asking one that is not in use might bring it to life."""
    found = []
    if _nft_filter_exists():
        found.append("iptables-nft")
    try:
        legacy = Path("/proc/thread-self/net/ip_tables_names").read_text().split()
    except OSError:
        legacy = []
    if "filter" in legacy:
        found.append("iptables-legacy")
    return [program for program in found if shutil.which(program)]


def _nft_filter_exists() -> bool:
    nft = Nft()
    try:
        return nft.has_table("ip", "filter")
    finally:
        nft.close()


def _has(program: str, chain: str, rule: Sequence[str]) -> bool:
    command = [program, "-w", "-C", chain, *rule]
    return subprocess.run(command, capture_output=True, timeout=10).returncode == 0


def _run(program: str, *arguments: str) -> str:
    done = subprocess.run([program, "-w", *arguments], capture_output=True, text=True, timeout=10)
    if done.returncode:
        log.warning("%s %s: %s", program, " ".join(arguments), done.stderr.strip())
    return done.stdout
