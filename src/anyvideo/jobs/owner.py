"""Who holds a lease: named so that another process on the same machine can see that its holder is dead."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

_PROC = Path("/proc")


def owner_name() -> str:
    """A name for this process: machine boot, process namespace, process, and something random.

    Where the system does not tell the first three, only the end of the lease frees what a dead process held.
    """
    return f"{_place(os.getpid()) or 'unknown'}/{secrets.token_hex(8)}"


def is_dead(owner: str) -> bool:
    """Whether the holder ran on this machine and is gone. False whenever that cannot be known."""
    place = owner.rpartition("/")[0]
    parts = place.split("/")
    if len(parts) != 4 or not parts[2].isdigit():
        return False
    mine = _place(os.getpid())
    if mine is None or mine.split("/")[:2] != parts[:2]:
        return False
    return _place(int(parts[2])) != place


def _place(pid: int) -> str | None:
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text().strip()
        namespace = (_PROC / "self/ns/pid").stat().st_ino
        stat = (_PROC / str(pid) / "stat").read_text()
    except OSError:
        return None
    state, *fields = stat.rpartition(")")[2].split()
    return None if state == "Z" else f"{boot}/{namespace}/{pid}/{fields[18]}"
