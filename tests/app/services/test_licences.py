"""What the program is made of may be shipped with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.services.licences import LicensedPart, list_parts


def test_no_part_is_under_the_gpl_alone() -> None:
    parts = list_parts()
    assert {"numpy", "llama_cpp_python", "PySide6_Essentials", "Tabler Icons"} <= {part.name for part in parts}
    assert len(parts) > 50
    assert [f"{part.name}: {part.licence}" for part in parts if not part.is_free_to_ship] == []


def test_parts_come_with_the_text_of_their_licence() -> None:
    without = {part.name for part in list_parts() if not part.text}
    assert without <= {"latex2mathml", "pypdfium2"}
    (qt,) = (part for part in list_parts() if part.name == "PySide6_Essentials")
    assert "GNU LESSER GENERAL PUBLIC LICENSE" in qt.text and "GNU GENERAL PUBLIC LICENSE" in qt.text


def test_the_packaged_app_tells_of_the_libraries_of_the_system_it_was_built_on(tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "licences").mkdir()
    (tmp_path / "licences" / "libz.so.1.txt").write_text("Zlib\n\nThis software is provided as it is.\n", encoding="utf-8")
    monkeypatch.setattr("sys._MEIPASS", str(tmp_path), raising=False)
    assert LicensedPart("libz.so.1", "", "Zlib", "This software is provided as it is.") in list_parts()


@pytest.mark.parametrize(
    ("licence", "is_free"),
    [
        ("MIT", True),
        ("Apache-2.0 OR BSD-3-Clause", True),
        ("LGPL-3.0-only OR GPL-2.0-only OR GPL-3.0-only", True),
        ("GPL-3.0-or-later", False),
        ("GNU General Public License v3 (GPLv3)", False),
        ("AGPL-3.0-only", False),
        ("MIT AND GPL-3.0-only", False),
        ("GPL-3.0-or-later WITH GCC-exception-3.1", True),
        ("GPL-2.0-or-later WITH Bootloader-exception", True),
        ("FTL OR GPL-2.0-or-later", True),
        ("Proprietary", False),
        ("?", False),
    ],
)
def test_licences_are_told_apart(licence: str, is_free: bool) -> None:
    assert LicensedPart("x", "1", licence, "").is_free_to_ship is is_free
