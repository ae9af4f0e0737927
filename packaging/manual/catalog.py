"""The Chinese of the manual's generated pages: the window's own catalog, and ``zh.json`` for what only the command line says."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
WINDOW = ROOT / "resources" / "translations" / "zh_CN.ts"
OWN = Path(__file__).with_name("zh.json")
LANGUAGES = ("en", "zh")
_RANGE = re.compile(r"(\S+) to (\S+); (\S+) where nothing is set")


class MissingWords(Exception):
    """English texts that ``zh.json`` does not know yet."""


class Catalog:
    """Words in one language of the manual. What is missing is collected, and told by :meth:`close`."""

    def __init__(self, language: str) -> None:
        self.language = language
        self._words = {**_read_window(), **json.loads(OWN.read_text(encoding="utf-8"))} if language == "zh" else {}
        self._missing: dict[str, None] = {}

    def say(self, english: str) -> str:
        """A text in this language."""
        text = " ".join(english.split())
        if self.language == "en" or not re.search("[a-zA-Z]{2}", text):
            return text
        if found := _RANGE.fullmatch(text):
            return f"{found[1]} 到 {found[2]}；没有设置时为 {found[3]}"
        if text not in self._words:
            self._missing[text] = None
        return str(self._words.get(text, text))

    def choose(self, english: str, chinese: str) -> str:
        """Whichever of two texts is in this language."""
        return english if self.language == "en" else chinese

    def close(self) -> None:
        """End of a page.

        Raises:
            MissingWords: Chinese is missing for some texts.
        """
        if self._missing:
            raise MissingWords(json.dumps(dict.fromkeys(self._missing, ""), ensure_ascii=False, indent=1))


def _read_window() -> dict[str, str]:
    found = {}
    for message in ElementTree.parse(WINDOW).getroot().iter("message"):
        source, translation = message.findtext("source"), message.findtext("translation")
        if source and translation:
            found[" ".join(source.split())] = translation
    return found
