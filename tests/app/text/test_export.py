"""Exports: what they hold, that they load nothing, and that JSON comes back equal."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.text.document import Document, ExportedAttachment, ExportedConversation, ExportedMessage, Labels
from app.text.export import export
from app.text.export_html import _make_markdown
from app.text.export_json import export_json
from app.text.import_chats import STATES, read_json
from backends.messages import AudioPart, FilePart, ImagePart, ReasoningPart, TextPart, ToolCallPart, ToolResultPart
from backends.options import GenerationOptions
from models.errors import ImportFailed

PICTURE = b"\x89PNG\r\n\x1a\n picture"
SHA = hashlib.sha256(PICTURE).hexdigest()
words = st.text(max_size=30)
moments = st.floats(0, 4e9, allow_nan=False)
files = st.sampled_from(["", f"attachment:{SHA}"])
parts = st.one_of(
    st.builds(TextPart, words),
    st.builds(ReasoningPart, words, st.floats(0, 1e6)),
    st.builds(ImagePart, files, words, words),
    st.builds(AudioPart, files, words, words),
    st.builds(FilePart, files, words, words, words),
    st.builds(ToolCallPart, words, words, words),
    st.builds(ToolResultPart, words, words),
)
plain = st.dictionaries(words, st.one_of(words, st.integers(-(2**40), 2**40), st.floats(allow_nan=False, allow_infinity=False)))


@st.composite
def conversations(draw: Any, name: str) -> ExportedConversation:
    count = draw(st.integers(0, 6))
    messages = []
    for index in range(count):
        parent = draw(st.one_of(st.none(), st.integers(0, index - 1))) if index else None
        messages.append(
            ExportedMessage(
                id=f"{name}-{index}",
                parent_id=None if parent is None else f"{name}-{parent}",
                role=draw(st.sampled_from(["system", "user", "assistant", "tool"])),
                parts=tuple(draw(st.lists(parts, max_size=3))),
                state=draw(st.sampled_from(STATES)),
                created_at=draw(moments),
                run=draw(st.one_of(st.none(), plain)),
                error=draw(st.one_of(st.none(), st.just({"code": "out_of_memory", "facts": {"model": "m"}, "details": ""}))),
            )
        )
    return ExportedConversation(
        id=name,
        title=draw(words),
        created_at=draw(moments),
        updated_at=draw(moments),
        messages=tuple(messages),
        active_leaf=draw(st.sampled_from([None, *(message.id for message in messages)])),
        folder=draw(words),
        pinned=draw(st.booleans()),
        archived=draw(st.booleans()),
        system_prompt=draw(words),
        model=draw(words),
        preset=draw(words),
        options=draw(st.sampled_from([{}, json.loads(json.dumps(GenerationOptions(seed=3, stop=("x",)).to_json()))])),
        draft=draw(words),
        title_is_automatic=draw(st.booleans()),
    )


@st.composite
def documents(draw: Any) -> Document:
    found = tuple(draw(conversations(f"c{number}")) for number in range(draw(st.integers(0, 3))))
    return Document(found, {SHA: ExportedAttachment(SHA, "图.png", "image/png", PICTURE)})


@settings(max_examples=60, deadline=None)
@given(documents())
def test_json_comes_back_equal(document: Document) -> None:
    assert read_json(export_json(document)) == document


@settings(max_examples=40, deadline=None)
@given(documents())
def test_every_document_can_be_written_in_every_format(document: Document) -> None:
    for kind in ("md", "html"):
        assert export(document, kind)  # type: ignore[arg-type]


def make(*messages: ExportedMessage, title: str = "T") -> Document:
    conversation = ExportedConversation("c", title, 0.0, 0.0, messages, messages[-1].id if messages else None)
    return Document((conversation,), {SHA: ExportedAttachment(SHA, "图.png", "image/png", PICTURE)})


def message(role: Any, *found: Any, name: str = "m", parent: str | None = None) -> ExportedMessage:
    return ExportedMessage(name, parent, role, found, "complete", 0.0)


def test_markdown_has_the_active_branch_under_headings() -> None:
    question = message("user", TextPart("What?"), FilePart("", "a`b.py", "```\ncode\n```"), name="q")
    other = message("assistant", TextPart("not this"), name="a1", parent="q")
    answer = message("assistant", ReasoningPart("hm\nhm"), TextPart("**This.**"), name="a2", parent="q")
    text = export(make(question, other, answer, title="A\nTitle"), "md", Labels(user="我", assistant="模型", reasoning="思考"))
    assert text.startswith(
        "# A Title\n\n*1970-01-01 00:00 UTC*\n\n## 我\n\nWhat?\n\n**a\\`b.py**\n\n````\n```\ncode\n```\n````\n\n"
    )
    assert text.endswith("## 模型\n\n> *思考*\n>\n> hm\n> hm\n\n**This.**\n")
    assert "not this" not in text


def test_markdown_holds_pictures_behind_its_last_line_each_once() -> None:
    picture = ImagePart(f"attachment:{SHA}", "image/png", "a]图.png")
    drawing = ImagePart(f"attachment:{SHA}", "image/svg+xml", "x.svg")
    question = message("user", picture, TextPart("What?"), name="q")
    again = message("user", picture, drawing, ImagePart("", "image/png", "lost.png"), name="r", parent="q")
    text = export(make(question, again), "md")
    mark, data = f"picture-{SHA[:12]}", base64.b64encode(PICTURE).decode()
    assert text.count(f"![a\\]图.png][{mark}]") == 2
    assert text.endswith(f"*[Image: lost.png]*\n\n[{mark}]: data:image/png;base64,{data}\n") and text.count(data) == 1
    assert "*[Image: x.svg]*" in text
    shown = _make_markdown().parse(text)
    sources = [child.attrs["src"] for token in shown for child in token.children or () if child.type == "image"]
    assert sources == [f"data:image/png;base64,{data}"] * 2


class Page(HTMLParser):
    """Collects what a browser would run or load."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[tuple[str, str]] = []
        self.handlers: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            if name in ("src", "href", "data", "poster", "srcset", "action"):
                self.addresses.append((tag, value or ""))
            if name.startswith("on"):
                self.handlers.append(name)


HOSTILE = [
    "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "![x](http://evil.example/x.png) ![y](data:image/svg+xml;base64,AAAA)",
    "[x](javascript:alert(1)) <a href='javascript:alert(1)'>x</a>",
    '"><script>alert(1)</script>',
    "`</pre><script>alert(1)</script>`",
    '![a" onload="alert(1)](http://evil.example/" onload="alert(1))',
]


@pytest.mark.parametrize("text", HOSTILE)
def test_html_runs_and_loads_nothing(text: str) -> None:
    found = (
        TextPart(text),
        ReasoningPart(text),
        FilePart("", text, text),
        ImagePart("http://evil.example/x.png", "image/png", text),
    )
    document = make(*(message(role, *found, name=role) for role in ("user", "assistant", "system", "tool")), title=text)
    for last in ("user", "assistant", "system", "tool"):
        one = document.conversations[0]
        page_text = export(Document((ExportedConversation("c", text, 0, 0, one.messages, last),)), "html")
        page = Page()
        page.feed(page_text)
        assert "script" not in page.tags
        assert page.handlers == []
        for tag, address in page.addresses:
            assert tag == "a", (tag, address)
            assert re.match(r"(https?|mailto):", address), address


def test_html_embeds_pictures_and_shows_markdown() -> None:
    text = export(
        make(
            message("user", ImagePart(f"attachment:{SHA}", "image/png", "图.png"), TextPart("look\nhere"), name="q"),
            message("assistant", TextPart("| a | b |\n|---|---|\n| 1 | 2 |\n\n**bold** [link](https://example.org)"), parent="q"),
        ),
        "html",
    )
    assert base64.b64encode(PICTURE).decode() in text
    assert "<td>1</td>" in text
    assert "<strong>bold</strong>" in text
    assert 'href="https://example.org"' in text
    assert "look<br>\nhere" in text
    assert "prefers-color-scheme: dark" in text


def valid() -> dict[str, Any]:
    value: dict[str, Any] = json.loads(
        export_json(
            make(message("user", TextPart("hi"), name="q"), message("assistant", ImagePart(f"attachment:{SHA}"), parent="q"))
        )
    )
    return value


def break_at(path: tuple[Any, ...], value: Any) -> str:
    document = valid()
    place: Any = document
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return json.dumps(document)


FIRST = ("conversations", 0)
MESSAGE = (*FIRST, "messages", 0)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("format",), "chatgpt"),
        (("version",), 2),
        (("conversations",), {}),
        (("attachments",), []),
        (FIRST, None),
        ((*FIRST, "id"), "../../etc"),
        ((*FIRST, "id"), "q"),
        ((*FIRST, "title"), 5),
        ((*FIRST, "title"), "\ud800"),
        ((*FIRST, "created_at"), "yesterday"),
        ((*FIRST, "created_at"), -1),
        ((*FIRST, "created_at"), 10**400),
        ((*FIRST, "pinned"), 1),
        ((*FIRST, "options"), {"sampling": 5}),
        ((*FIRST, "options"), {"sampling": {"temperature": 99}}),
        ((*FIRST, "options"), {"max_tokens": "many"}),
        ((*FIRST, "options"), {"stop": "abc"}),
        ((*FIRST, "active_leaf"), "nobody"),
        ((*FIRST, "active_leaf"), ["q"]),
        ((*MESSAGE, "role"), "root"),
        ((*MESSAGE, "role"), ["user"]),
        ((*MESSAGE, "state"), "done"),
        ((*MESSAGE, "state"), {}),
        ((*MESSAGE, "parent_id"), "m"),
        ((*MESSAGE, "parent_id"), "q"),
        ((*MESSAGE, "id"), "m"),
        ((*MESSAGE, "parts"), "hi"),
        ((*MESSAGE, "parts"), [5]),
        ((*MESSAGE, "parts"), [{"kind": "code"}]),
        ((*MESSAGE, "parts"), [{"kind": ["text"]}]),
        ((*MESSAGE, "parts"), [{"kind": "text"}]),
        ((*MESSAGE, "parts"), [{"kind": "text", "text": 5}]),
        ((*MESSAGE, "parts"), [{"kind": "text", "text": "\udfff"}]),
        ((*MESSAGE, "parts"), [{"kind": "reasoning", "text": "x", "seconds": True}]),
        ((*MESSAGE, "parts"), [{"kind": "image", "path": "/etc/passwd"}]),
        ((*MESSAGE, "parts"), [{"kind": "image", "path": SHA}]),
        ((*MESSAGE, "parts"), [{"kind": "image", "path": "attachment:" + "0" * 64}]),
        ((*MESSAGE, "run"), 5),
        ((*MESSAGE, "run"), {"seed": {}}),
        ((*MESSAGE, "error"), {"code": 5}),
        ((*MESSAGE, "error"), {"code": "x", "facts": {"a": 1}}),
        (("attachments", SHA, "data"), "!!!"),
        (("attachments", SHA, "data"), "AAAA"),
        (("attachments", SHA, "name"), None),
    ],
)
def test_a_file_with_something_wrong_is_refused(path: tuple[Any, ...], value: Any) -> None:
    read_json(json.dumps(valid()))
    with pytest.raises(ImportFailed):
        read_json(break_at(path, value))


@pytest.mark.parametrize(
    "text", ["", "null", "[]", "{}", "not json", "[" * 100_000, '{"a": NaN}', "1" * 10_000, json.dumps(valid())[:-20]]
)
def test_what_is_no_export_is_refused(text: str) -> None:
    with pytest.raises(ImportFailed):
        read_json(text)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_no_damage_brings_more_than_a_refusal(data: Any) -> None:
    text = json.dumps(valid(), ensure_ascii=False)
    start = data.draw(st.integers(0, len(text) - 1))
    length = data.draw(st.integers(0, 20))
    damaged = text[:start] + data.draw(st.text(max_size=5)) + text[start + length :]
    try:
        read_json(damaged)
    except ImportFailed:
        pass
