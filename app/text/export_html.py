"""The active branch of conversations as one HTML page that needs nothing else and loads nothing."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from datetime import UTC, datetime
from html import escape
from typing import TYPE_CHECKING, Any

from app.text.document import EMBEDDED_PICTURES, ENGLISH, Document, ExportedConversation, ExportedMessage, Labels
from backends.messages import AudioPart, FilePart, ImagePart, Part, PassagePart, ReasoningPart, TextPart, ToolCallPart

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

_POLICY = "default-src 'none'; img-src data:; media-src data:; style-src 'unsafe-inline'"
_STYLE = """
:root { color-scheme: light dark; --text: #1d1f24; --quiet: #5c626e; --back: #ffffff; --bubble: #f2f3f5; --code: #f6f7f9;
  --line: #e5e6ea; --link: #5757d9; }
@media (prefers-color-scheme: dark) { :root { --text: #e9eaee; --quiet: #a5abb6; --back: #1b1c1f; --bubble: #2a2c31;
  --code: #141518; --line: #2a2c32; --link: #b3b3ff; } }
body { margin: 2rem auto; max-width: 46rem; padding: 0 1rem; color: var(--text); background: var(--back);
  font: 16px/1.6 Inter, "Noto Sans SC", "Microsoft YaHei UI", "PingFang SC", system-ui, sans-serif; overflow-wrap: break-word; }
article { margin: 1.5rem 0; }
article.user, article.system { background: var(--bubble); border-radius: 16px; padding: .6rem 1.1rem; }
h2.who { font-size: .85rem; color: var(--quiet); margin: 0; } time, summary, .file { color: var(--quiet); font-size: .85rem; }
pre { background: var(--code); border: 1px solid var(--line); border-radius: 10px; padding: .8rem; overflow-x: auto; }
code { font-family: "JetBrains Mono", ui-monospace, monospace; font-size: .9em; } a { color: var(--link); }
table { border-collapse: collapse; } th, td { border: 1px solid var(--line); padding: .3rem .6rem; }
img { max-width: 100%; border-radius: 10px; } hr { border: 0; border-top: 1px solid var(--line); }
blockquote { margin-left: 0; padding-left: 1rem; border-left: 3px solid var(--line); color: var(--quiet); }
"""


def export_html(document: Document, labels: Labels = ENGLISH) -> str:
    """One page, light or dark as the reader prefers. Pictures are embedded; links stay links; everything else is escaped."""
    renderer = _Renderer(document, labels)
    body = "\n<hr>\n".join(renderer.conversation(conversation) for conversation in document.conversations)
    only = document.conversations[0].title if len(document.conversations) == 1 else ""
    return (
        f'<!DOCTYPE html>\n<html lang="{escape(labels.language)}">\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n<meta name="referrer" content="no-referrer">\n'
        f"<title>{escape(only or 'Yanmo')}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n{body}\n</body>\n</html>\n"
    )


class _Renderer:
    def __init__(self, document: Document, labels: Labels) -> None:
        self._document = document
        self._labels = labels
        self._markdown = _make_markdown()

    def conversation(self, conversation: ExportedConversation) -> str:
        moment = datetime.fromtimestamp(conversation.created_at, UTC)
        pieces = [
            f"<h1>{escape(conversation.title or self._labels.untitled)}</h1>",
            f'<time datetime="{moment.isoformat()}">{moment:%Y-%m-%d %H:%M} UTC</time>',
        ]
        if conversation.system_prompt.strip():
            pieces.append(self._article("system", _preformatted(conversation.system_prompt)))
        pieces += [self._message(message) for message in conversation.active_branch()]
        return "\n".join(pieces)

    def _message(self, message: ExportedMessage) -> str:
        return self._article(message.role, "\n".join(self._part(part, message.role) for part in message.parts))

    def _article(self, role: Any, body: str) -> str:
        return f'<article class="{role}">\n<h2 class="who">{escape(self._labels.of(role))}</h2>\n{body}\n</article>'

    def _part(self, part: Part, role: str) -> str:
        match part:
            case TextPart(text):
                return str(self._markdown.render(text)) if role == "assistant" else _paragraphs(text)
            case ReasoningPart(text):
                return f"<details><summary>{escape(self._labels.reasoning)}</summary>{_paragraphs(text)}</details>"
            case ImagePart(path, mime, name):
                return self._image(path, mime, name)
            case AudioPart(_, _, name):
                return f'<p class="file">{escape(self._labels.audio)}: {escape(name)}</p>'
            case FilePart(_, name, text):
                return f'<details><summary class="file">{escape(name)}</summary>{_preformatted(text)}</details>'
            case PassagePart(number, _, name, place, text):
                return f'<details><summary class="file">[{number}] {escape(f"{name}, {place}")}</summary>{_preformatted(text)}</details>'
            case ToolCallPart(_, name, arguments):
                return f'<p class="file">{escape(name)}</p>{_preformatted(arguments)}'
            case _:
                return _preformatted(part.content)

    def _image(self, path: str, mime: str, name: str) -> str:
        file = self._document.attachment_of(path)
        if file is None or mime not in EMBEDDED_PICTURES:
            return f'<p class="file">{escape(self._labels.image)}: {escape(name)}</p>'
        data = base64.b64encode(file.data).decode("ascii")
        return f'<p><img alt="{escape(name)}" src="data:{mime};base64,{data}"></p>'


def _make_markdown() -> MarkdownIt:
    """CommonMark with tables and strikethrough; raw HTML is shown as text, a picture by address becomes a link."""
    from markdown_it import MarkdownIt

    markdown = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])

    def image(tokens: Sequence[Token], index: int, *_: Any) -> str:
        token = tokens[index]
        address = escape(str(token.attrs.get("src", "")))
        return f'<a href="{address}" rel="noreferrer">{escape(token.content) or address}</a>'

    markdown.renderer.rules["image"] = image  # type: ignore[attr-defined]
    return markdown


def _paragraphs(text: str) -> str:
    blocks = [block for block in text.replace("\r\n", "\n").split("\n\n") if block.strip()]
    return "\n".join("<p>" + escape(block.strip("\n")).replace("\n", "<br>\n") + "</p>" for block in blocks)


def _preformatted(text: str) -> str:
    return f"<pre>{escape(text)}</pre>"
