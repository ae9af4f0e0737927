"""What the system opens for us begins without the packaged app's libraries."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from PySide6.QtCore import QUrl
from PySide6.QtGui import QDesktopServices

from app.gui.outside import open_outside


@pytest.mark.skipif(sys.platform != "linux", reason="only there the packaged app changes the search path")
def test_the_packaged_app_opens_a_page_with_the_environment_from_before(qtbot, monkeypatch, tmp_path: Path) -> None:
    said = tmp_path / "said"
    opener = tmp_path / "xdg-open"
    opener.write_text(f'#!/bin/sh\necho "$1 [$LD_LIBRARY_PATH]" > "{said}.part"; mv "{said}.part" "{said}"\n', encoding="utf-8")
    opener.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setenv("LD_LIBRARY_PATH", "/opt/yanmo/_internal")
    monkeypatch.setattr("sys.frozen", True, raising=False)
    open_outside(QUrl("https://example.org/a b?研=墨"))
    qtbot.waitUntil(said.exists, timeout=5000)
    assert said.read_text(encoding="utf-8") == "https://example.org/a%20b?%E7%A0%94=%E5%A2%A8 []\n"


def test_elsewhere_qt_opens_it(qtbot, monkeypatch) -> None:
    opened: list[QUrl] = []
    monkeypatch.setattr(QDesktopServices, "openUrl", opened.append)
    open_outside(QUrl("https://example.org"))
    assert opened == [QUrl("https://example.org")]
