"""What the program is made of may be shipped with it."""

from __future__ import annotations

import pytest

from app.services.licences import LicensedPart, list_parts


def test_no_part_is_under_the_gpl_alone() -> None:
    parts = list_parts()
    assert {"numpy", "llama_cpp_python", "PySide6_Essentials", "Tabler Icons"} <= {part.name for part in parts}
    assert len(parts) > 50
    assert [f"{part.name}: {part.licence}" for part in parts if not part.is_free_to_ship] == []


def test_parts_come_with_the_text_of_their_licence() -> None:
    without = {part.name for part in list_parts() if not part.text}
    assert without <= {"PySide6_Essentials", "shiboken6", "latex2mathml", "pypdfium2"}


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
        ("Proprietary", False),
        ("?", False),
    ],
)
def test_licences_are_told_apart(licence: str, is_free: bool) -> None:
    assert LicensedPart("x", "1", licence, "").is_free_to_ship is is_free
