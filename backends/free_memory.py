"""Memory that a process may still take: what the machine has free, and what limits leave of it, its own and its container's (cgroup)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

_MEMBERSHIP = Path("/proc/self/cgroup")
_ROOT = Path("/sys/fs/cgroup")
_UNLIMITED = 2**60
"""No limit is a number near 2**63 in version 1. The statistics of a group take half a millisecond to read: only where they count."""


def free_memory() -> int:
    """Bytes; pages of files that the system would give back count as free."""
    import psutil

    return min([int(psutil.virtual_memory().available), *_own_rooms(), *_rooms()])


def _own_rooms() -> Iterator[int]:
    """What the process's own limits leave (``ulimit -v`` and ``-d``)."""
    try:
        import resource
    except ImportError:  # Windows has none
        return
    import psutil

    used = psutil.Process().memory_info()
    for limit, taken in ((resource.RLIMIT_AS, used.vms), (resource.RLIMIT_DATA, getattr(used, "data", 0))):
        most = resource.getrlimit(limit)[0]
        if most != resource.RLIM_INFINITY:
            yield max(0, most - taken)


def _rooms() -> Iterator[int]:
    """What each limit above this process leaves (cgroups of version 2 and 1, see cgroups(7))."""
    for folder, names in _folders():
        try:
            limit = (folder / names[0]).read_text(encoding="ascii").strip()
            if limit.isdigit() and int(limit) < _UNLIMITED:
                used, pages = ((folder / name).read_text(encoding="ascii") for name in names[1:3])
                statistics = dict(line.split(maxsplit=1) for line in pages.splitlines())
                yield max(0, int(limit) - int(used) + int(statistics.get(names[3], 0)))
        except (OSError, ValueError):
            continue  # no limit here, or nothing that is known


def _folders() -> Iterator[tuple[Path, tuple[str, str, str, str]]]:
    """Folders of this process's groups up to the root, each with the names of: limit, use, statistics, and in these pages of files."""
    try:
        lines = _MEMBERSHIP.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, group = line.split(":", 2)
        if not controllers:
            root, names = _ROOT, ("memory.max", "memory.current", "memory.stat", "file")
        elif "memory" in controllers.split(","):
            root, names = _ROOT / "memory", ("memory.limit_in_bytes", "memory.usage_in_bytes", "memory.stat", "total_cache")
        else:
            continue
        folder = root / group.strip("/")
        for place in (folder, *folder.parents):
            yield place, names
            if place == root:
                break
