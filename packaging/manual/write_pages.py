"""Writes those pages of the manual that the program itself knows best: ``write_pages.py`` (``--check`` only says what is out of date).

Commands, settings, errors and shortcuts, in English and Chinese. What has no Chinese yet is printed as JSON for ``zh.json``.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from manual import commands, errors, keyboard, settings
from manual.catalog import LANGUAGES, Catalog, MissingWords

ROOT = Path(__file__).resolve().parents[2]
PAGES: dict[str, Callable[[Catalog], str]] = {
    "commands.md": commands.write_page,
    "settings.md": settings.write_page,
    "errors.md": errors.write_page,
    "keyboard.md": keyboard.write_page,
}


def make_pages(docs: Path) -> dict[Path, str]:
    """Every page with its text.

    Raises:
        MissingWords: there is no Chinese for something.
    """
    pages = {}
    for language in LANGUAGES:
        for name, write in PAGES.items():
            catalog = Catalog(language)
            pages[docs / language / name] = write(catalog)
            catalog.close()
    return pages


def main() -> int:
    """The command."""
    try:
        pages = make_pages(ROOT / "docs")
    except MissingWords as error:
        print(f"packaging/manual/zh.json lacks these:\n{error}", file=sys.stderr)
        return 1
    old = [path for path, text in pages.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    for path in old:
        print(f"{path.relative_to(ROOT)} is out of date" if "--check" in sys.argv else path.relative_to(ROOT))
        if "--check" not in sys.argv:
            path.write_text(text := pages[path], encoding="utf-8")
            assert text
    return int(bool(old) and "--check" in sys.argv)


if __name__ == "__main__":
    sys.exit(main())
