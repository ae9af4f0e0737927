"""The parts that this program is made of, with their licences, as the installed packages tell them; nothing of it is loaded."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from resources import resource_folder

_FREE = re.compile(
    r"\b(0BSD|Apache|BSD|CC0|HPND|ISC|MIT|MIT-CMU|MPL|OFL|PSF|PSFL|Python Software Foundation|Public Domain|Unlicense|Zlib|LGPL|"
    r"Mozilla Public License|FTL|libpng|bzip2)\b|WITH (GCC|Bootloader)-exception",
    re.IGNORECASE,
)
# Exceptions let what GCC compiled and what PyInstaller starts have any licence.
_COPYLEFT = re.compile(r"(?<!L)\bA?GPL(?!\S* WITH (GCC|Bootloader)-exception)|GNU (Affero )?General Public", re.IGNORECASE)
_TEXTS = {
    "pyside6-essentials": ("LGPL-3.0.txt", "GPL-3.0.txt"),
    "shiboken6": ("LGPL-3.0.txt", "GPL-3.0.txt"),
    "soundfile": ("LGPL-2.1.txt",),
}
"""Whole texts in ``resources/licences`` of what a package only names."""
_FILE = re.compile(r"(licen[cs]e|copying|notice)", re.IGNORECASE)
_KNOWN = {
    # Their packages carry no text, or one that does not name what is inside.
    "pypdfium2": "BSD-3-Clause, Apache-2.0; PDFium: BSD-3-Clause, Apache-2.0",
    "llama-cpp-python": "MIT; llama.cpp and ggml: MIT",
    "pyside6-essentials": "LGPL-3.0-only OR GPL-2.0-only OR GPL-3.0-only (used under the LGPL; Qt: LGPL-3.0-only)",
    "soundfile": "BSD-3-Clause; libsndfile: LGPL-2.1-or-later",
}


@dataclass(frozen=True, slots=True)
class LicensedPart:
    """``licence`` as its authors write it; ``text`` is empty where the package brings none."""

    name: str
    version: str
    licence: str
    text: str

    @property
    def is_free_to_ship(self) -> bool:
        """Whether it may be shipped inside a program under the MIT licence: no part may be under the GPL alone."""
        choices = re.split(r"\bOR\b", self.licence)
        return any(_FREE.search(choice) and not _COPYLEFT.search(choice) for choice in choices)


def list_parts(root: str = "yanmo") -> list[LicensedPart]:
    """Every package that the program needs to run, as far as it is installed, and the pictures and letters that are not packages."""
    found: dict[str, metadata.Distribution] = {}
    waiting = [root]
    while waiting:
        name = waiting.pop()
        key = re.sub(r"[-_.]+", "-", name).lower()
        if key in found:
            continue
        try:
            distribution = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue
        found[key] = distribution
        for requirement in distribution.requires or ():
            if "extra ==" not in requirement.replace("extra==", "extra =="):
                waiting.append(re.split(r"[^\w.-]", requirement, maxsplit=1)[0])
    parts = [_read(name, distribution) for name, distribution in found.items() if name != root]
    folder = resource_folder()
    parts.append(LicensedPart("Tabler Icons", "", "MIT", _text(folder / "icons" / "LICENSE-tabler.txt")))
    parts.append(LicensedPart("Inter, JetBrains Mono, Noto Sans SC", "", "OFL-1.1", _text(folder / "fonts" / "OFL.txt")))
    return sorted([*parts, *_list_libraries()], key=lambda part: part.name.lower())


def _list_libraries() -> Iterator[LicensedPart]:
    """Libraries that the packaged app took from the system it was built on; each has a file whose first line is the licence."""
    for path in Path(getattr(sys, "_MEIPASS", "/nowhere")).glob("licences/*.txt"):
        licence, _, text = _text(path).partition("\n")
        yield LicensedPart(path.stem, "", licence, text.strip())


def _read(name: str, distribution: metadata.Distribution) -> LicensedPart:
    told = distribution.metadata.json
    classes = [value.rsplit("::", 1)[-1].strip() for value in told.get("classifier") or () if value.startswith("License")]
    declared = (str(told.get("license") or "")).strip()
    short = declared if declared and "\n" not in declared and len(declared) < 120 and declared != "UNKNOWN" else ""
    licence = _KNOWN.get(name) or str(told.get("license_expression") or "") or short or " OR ".join(classes) or "?"
    texts = []
    for file in distribution.files or ():
        if _FILE.search(file.name) and file.suffix not in (".py", ".pyc", ".so", ".h"):
            texts.append(_text(Path(str(distribution.locate_file(file)))))
    key = re.sub(r"[-_.]+", "-", name).lower()
    texts += [_text(resource_folder() / "licences" / text) for text in _TEXTS.get(key, ())]
    whole = "\n\n".join(text for text in dict.fromkeys(texts) if text) or (declared if "\n" in declared else "")
    return LicensedPart(str(told.get("name") or name), distribution.version, licence, whole)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
