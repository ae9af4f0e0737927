"""One door to the formats of an export."""

from __future__ import annotations

from typing import Literal

from app.text.document import ENGLISH, Document, Labels
from app.text.export_html import export_html
from app.text.export_json import export_json
from app.text.export_markdown import export_markdown

ExportFormat = Literal["md", "json", "html"]
EXPORT_FORMATS: tuple[ExportFormat, ...] = ("md", "json", "html")


def export(document: Document, kind: ExportFormat, labels: Labels = ENGLISH) -> str:
    """The text of a file of that kind. Only JSON holds every branch and can be imported."""
    if kind == "json":
        return export_json(document)
    return export_html(document, labels) if kind == "html" else export_markdown(document, labels)
