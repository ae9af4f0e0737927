"""Documents in the file parts of every dialect that has them, through the official clients: read by the guarded reader, refused by name."""

from __future__ import annotations

import base64
from typing import Any

import anthropic
import httpx
import openai
import pytest

from backends.messages import FilePart
from tests.app.api.conftest import Served
from tests.made_documents import make_docx, make_pdf, make_xlsx

PDF = make_pdf(["Rub ink slowly.", "Page two: 42 sheets."])
WORD = make_docx("<w:p><w:r><w:t>The warranty lasts 3 years. 保修三年。</w:t></w:r></w:p>")
ASK = "What does it say?"


def as_base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def as_url(data: bytes, mime: str = "application/octet-stream") -> str:
    return f"data:{mime};base64,{as_base64(data)}"


def read_last(served: Served) -> list[FilePart]:
    """The documents that the last answered request was generated from."""
    request = served.workstation.server.log.list()[-1].request
    assert request is not None
    return [part for message in request.messages for part in message.parts if isinstance(part, FilePart)]


def test_openai_s_chats_and_responses_read_them(served: Served) -> None:
    with openai.OpenAI(base_url=f"{served.address}/v1", api_key="none", max_retries=0) as client:
        file: Any = {"type": "file", "file": {"filename": "../保修 warranty.docx", "file_data": as_url(WORD)}}
        content: Any = [file, {"type": "text", "text": ASK}]
        reply = client.chat.completions.create(model=served.tiny, messages=[{"role": "user", "content": content}], max_tokens=4)
        (part,) = read_last(served)
        assert "The warranty lasts 3 years. 保修三年。" in part.text and part.name == "../保修 warranty.docx" and not part.path
        blind = client.chat.completions.create(model=served.tiny, messages=[{"role": "user", "content": ASK}], max_tokens=4)
        assert reply.usage and blind.usage and reply.usage.prompt_tokens > blind.usage.prompt_tokens + 10
        items: Any = [
            {"type": "input_file", "filename": "ink.pdf", "file_data": as_url(PDF, "application/pdf")},
            {"type": "input_text", "text": ASK},
        ]
        first = client.responses.create(model=served.tiny, input=[{"role": "user", "content": items}], max_output_tokens=4)
        assert "[page 1]\nRub ink slowly." in read_last(served)[0].text and "42 sheets" in read_last(served)[0].text
        client.responses.create(model=served.tiny, input=ASK, previous_response_id=first.id, max_output_tokens=4)
        assert "42 sheets" in read_last(served)[0].text  # it is still there in the next turn
        bare: Any = [{"type": "file", "file": {"filename": "table.xlsx", "file_data": as_base64(make_xlsx())}}]
        client.chat.completions.create(model=served.tiny, messages=[{"role": "user", "content": bare}], max_tokens=4)
        assert read_last(served)[0].text.startswith("[sheet 1")


def test_anthropic_s_blocks_read_and_count_them(served: Served) -> None:
    with anthropic.Anthropic(base_url=served.address, api_key="none", max_retries=0) as client:
        source: Any = {"type": "base64", "media_type": "application/pdf", "data": as_base64(PDF)}
        block: Any = {"type": "document", "source": source, "title": "ink"}
        messages: Any = [{"role": "user", "content": [block, {"type": "text", "text": ASK}]}]
        counted = client.messages.count_tokens(model=served.tiny, messages=messages).input_tokens
        reply = client.messages.create(model=served.tiny, messages=messages, max_tokens=4)
        assert "Page two: 42 sheets." in read_last(served)[0].text
        usage = reply.usage
        assert counted == usage.input_tokens + (usage.cache_read_input_tokens or 0) > 20
        result: Any = {"type": "tool_result", "tool_use_id": "1", "content": [block, {"type": "text", "text": "found"}]}
        client.messages.create(model=served.tiny, messages=[{"role": "user", "content": [result]}], max_tokens=4)
        assert "Rub ink slowly." in read_last(served)[0].text
        blocks: Any = {"type": "content", "content": [{"type": "text", "text": "one"}, {"type": "text", "text": "two"}]}
        told: Any = [{"role": "user", "content": [{"type": "document", "source": blocks}, {"type": "text", "text": ASK}]}]
        client.messages.create(model=served.tiny, messages=told, max_tokens=4)
        assert read_last(served)[0].text == "one\n\ntwo"


def test_the_rendered_prompt_and_the_count_hold_the_text(served: Served) -> None:
    parts = [{"type": "file", "file": {"filename": "ink.pdf", "file_data": as_url(PDF)}}, {"type": "text", "text": ASK}]
    body = {"model": served.tiny, "messages": [{"role": "user", "content": parts}]}
    assert "Rub ink slowly." in served.post("/apply-template", body).json()["prompt"]
    plain = [{"type": "file", "file": {"filename": "a.txt", "file_data": as_url("平 text".encode())}}]
    assert (
        "平 text" in served.post("/apply-template", {**body, "messages": [{"role": "user", "content": plain}]}).json()["prompt"]
    )


@pytest.mark.parametrize(
    ("part", "words"),
    [
        ({"filename": "torn.pdf", "file_data": as_url(PDF[:300])}, "torn.pdf"),
        ({"filename": "a/b/..\\evil.docx", "file_data": as_url(WORD[:-40])}, "evil.docx"),
        ({"filename": "x.docx", "file_data": as_url(b"\x00\x01nothing")}, "x.docx"),
        ({"filename": "photo.png", "file_data": as_url(b"\x89PNG\r\n\x1a\n\x00\xff")}, "It is a picture."),
        ({"file_id": "file-1"}, "base64"),
        ({"filename": "x.pdf", "file_data": "https://example.org/x.pdf"}, "base64"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_name_and_the_reason(part: dict[str, str], words: str, served: Served) -> None:
    content = [{"type": "file", "file": part}, {"type": "text", "text": ASK}]
    found = served.post("/v1/chat/completions", {"model": served.tiny, "messages": [{"role": "user", "content": content}]})
    assert found.status_code == 400 and words in found.json()["error"]["message"], found.text


def test_a_document_by_address_is_refused_and_no_file_of_a_request_stays(served: Served, tmp_path: Any) -> None:
    import tempfile
    from pathlib import Path

    block = {"type": "document", "source": {"type": "url", "url": "https://example.org/a.pdf"}}
    found = served.post(
        "/v1/messages", {"model": served.tiny, "max_tokens": 4, "messages": [{"role": "user", "content": [block]}]}
    )
    assert isinstance(found, httpx.Response) and found.status_code == 400 and "base64" in found.json()["error"]["message"]
    assert not list(Path(tempfile.gettempdir()).glob("yanmo-request-*/*/ink.pdf"))
