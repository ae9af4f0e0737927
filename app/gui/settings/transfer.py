"""Export and import from the window: words of the export in the window's language."""

from __future__ import annotations

from app.gui.translation import tr
from app.text.document import Labels


def make_labels(language: str) -> Labels:
    """The words that an export adds."""
    return Labels(
        user=tr("You"),
        assistant=tr("Assistant"),
        system=tr("System"),
        tool=tr("Tool"),
        reasoning=tr("Reasoning"),
        image=tr("Image"),
        audio=tr("Audio"),
        untitled=tr("Untitled"),
        language="zh-CN" if language == "zh_CN" else "en",
    )


def safe_file_name(title: str) -> str:
    """A title as a file name that every system takes."""
    return "".join("_" if character in '/\\:*?"<>|\n\r\t' else character for character in title).strip(" .")[:80] or "yanmo"
