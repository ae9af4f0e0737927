"""What may still be taken: the machine's free memory, and no more than the limit of a container leaves."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from backends import free_memory

FREE = 50_000
OLD = ("memory.limit_in_bytes", "memory.usage_in_bytes", "memory.stat", "total_cache")
NEW = ("memory.max", "memory.current", "memory.stat", "file")


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("psutil.virtual_memory", lambda: type("Memory", (), {"available": FREE}))
    monkeypatch.setattr(free_memory, "_MEMBERSHIP", tmp_path / "membership")
    monkeypatch.setattr(free_memory, "_ROOT", tmp_path / "groups")


def limit(folder: Path, names: tuple[str, ...], most: str, used: int, files: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / names[0]).write_text(f"{most}\n", encoding="ascii")
    (folder / names[1]).write_text(f"{used}\n", encoding="ascii")
    (folder / names[2]).write_text(f"anon 7\n{names[3]} {files}\nslab 3\n", encoding="ascii")


def test_without_groups_it_is_what_the_machine_has(tmp_path: Path) -> None:
    assert free_memory.free_memory() == FREE
    (tmp_path / "membership").write_text("0::/nowhere\n", encoding="ascii")
    assert free_memory.free_memory() == FREE


@pytest.mark.parametrize(
    ("names", "line", "root"), [(NEW, "0::/研墨/worker", "groups"), (OLD, "4:cpu,memory:/研墨/worker", "groups/memory")]
)
def test_the_tightest_limit_above_the_process_counts_without_pages_of_files(
    tmp_path: Path, names: tuple[str, ...], line: str, root: str
) -> None:
    (tmp_path / "membership").write_text(f"9:cpuset:/\n{line}\n", encoding="utf-8")
    group = tmp_path / root / "研墨"
    limit(group / "worker", names, "max" if names is NEW else str(2**63 - 4096), 100, 0)
    limit(group, names, "20000", 15_000, 9000)
    assert free_memory.free_memory() == 14_000
    limit(tmp_path / root, names, "16000", 15_000, 1000)
    assert free_memory.free_memory() == 2000, "a container sees its own group as the root"
    limit(tmp_path / root, names, "10000", 15_000, 1000)
    assert free_memory.free_memory() == 0


def test_what_is_written_otherwise_is_no_limit(tmp_path: Path) -> None:
    (tmp_path / "membership").write_text("0::/\n", encoding="ascii")
    limit(tmp_path / "groups", NEW, "20000", 1, 1)
    (tmp_path / "groups" / "memory.stat").write_text("nonsense\n", encoding="ascii")
    assert free_memory.free_memory() == FREE


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limits")
@pytest.mark.parametrize(("limit", "field"), [("RLIMIT_AS", "vms"), ("RLIMIT_DATA", "data")])
def test_the_limits_of_the_process_itself_count(monkeypatch: pytest.MonkeyPatch, limit: str, field: str) -> None:
    import resource

    wanted, unlimited = getattr(resource, limit), (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    monkeypatch.setattr(resource, "getrlimit", lambda kind: (30_000, unlimited[1]) if kind == wanted else unlimited)
    used = type("Used", (), {"vms": 1, "data": 1, field: 10_000})
    monkeypatch.setattr("psutil.Process", lambda: type("Process", (), {"memory_info": lambda self: used})())
    assert free_memory.free_memory() == 20_000
    setattr(used, field, 40_000)
    assert free_memory.free_memory() == 0


def test_here_it_is_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    assert free_memory.free_memory() > 0
