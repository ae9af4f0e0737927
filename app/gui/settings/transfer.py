"""Export and import from the window: words of the export in the window's language."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtWidgets import QFileDialog, QWidget

from app.gui.translation import tr
from app.text.document import Labels
from app.text.export import ExportFormat
from app.workstation import Workstation


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


def ask_and_export(parent: QWidget, workstation: Workstation, language: str) -> Callable[[], str] | None:
    """Ask where everything is to be exported to; what then does it and says so, or None."""
    filters: dict[str, ExportFormat] = {"JSON (*.json)": "json", "HTML (*.html)": "html", "Markdown (*.md)": "md"}
    path, chosen = QFileDialog.getSaveFileName(parent, tr("Export everything"), "yanmo.json", ";;".join(filters))
    if not path:
        return None

    def export() -> str:
        workstation.portability.export_to(Path(path), filters.get(chosen, "json"), labels=make_labels(language))
        return tr("Exported to {file}").format(file=Path(path))

    return export


def ask_and_import(parent: QWidget, workstation: Workstation) -> Callable[[], str] | None:
    """Ask for a file of conversations; what then imports it and says what came, or None."""
    path, _ = QFileDialog.getOpenFileName(parent, tr("Import"), "", "JSON (*.json)")
    if not path:
        return None

    def take() -> str:
        imported = workstation.portability.import_and_count(Path(path))
        said = tr("{count} conversations were imported").format(count=len(imported.added))
        if imported.already_here:
            said += " " + tr("{count} were here already").format(count=imported.already_here)
        return said

    return take
