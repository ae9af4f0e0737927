"""As if this process ran in a container that is nearly full."""

from __future__ import annotations

from pathlib import Path

import pytest

from backends import free_memory


def fill_container(monkeypatch: pytest.MonkeyPatch, folder: Path, left: int = 1000) -> None:
    """Let so many bytes be left of the limit of this process's control group, whatever the machine has free."""
    (folder / "membership").write_text("0::/\n", encoding="ascii")
    (folder / "groups").mkdir()
    for name, text in {"memory.max": str(2**32), "memory.current": str(2**32 - left), "memory.stat": "file 0\n"}.items():
        (folder / "groups" / name).write_text(text, encoding="ascii")
    monkeypatch.setattr(free_memory, "_MEMBERSHIP", folder / "membership")
    monkeypatch.setattr(free_memory, "_ROOT", folder / "groups")
