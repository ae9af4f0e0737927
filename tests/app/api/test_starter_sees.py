"""The starter with eyes through the official clients: right answers about a picture, in every dialect."""

from __future__ import annotations

import base64
import io
from typing import Any

import anthropic
import ollama
import openai
import pytest
from PIL import Image, ImageDraw

from tests.app.api.conftest import Served

QUESTIONS = [
    ("What colour is it?", "red"),
    ("What shape is it?", "circle"),
    ("它是什么颜色？", "红"),
    ("How many shapes are there?", "1"),
]


@pytest.fixture(scope="module")
def circle() -> str:
    """A red circle on white, as base64."""
    picture = Image.new("RGB", (216, 216), "white")
    ImageDraw.Draw(picture).ellipse((58, 58, 158, 158), fill=(225, 30, 35))
    file = io.BytesIO()
    picture.save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


@pytest.fixture
def eyes(served: Served) -> str:
    return served.workstation.starter_with_eyes()


@pytest.mark.parametrize(("question", "answer"), QUESTIONS)
def test_openais_client_gets_the_right_answer(served: Served, eyes: str, circle: str, question: str, answer: str) -> None:
    content: Any = [
        {"type": "text", "text": question},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{circle}"}},
    ]
    with openai.OpenAI(base_url=f"{served.address}/v1", api_key="none") as client:
        reply = client.chat.completions.create(model=eyes, messages=[{"role": "user", "content": content}], temperature=0)
    assert answer in (reply.choices[0].message.content or "").lower()


@pytest.mark.parametrize(("question", "answer"), QUESTIONS)
def test_anthropics_client_gets_the_right_answer(served: Served, eyes: str, circle: str, question: str, answer: str) -> None:
    picture: Any = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": circle}}
    content: Any = [picture, {"type": "text", "text": question}]
    with anthropic.Anthropic(base_url=served.address, api_key="none") as client:
        reply = client.messages.create(
            model=eyes, max_tokens=40, messages=[{"role": "user", "content": content}], extra_body={"temperature": 0}
        )
    assert answer in reply.content[0].text.lower()  # type: ignore[union-attr]


@pytest.mark.parametrize(("question", "answer"), QUESTIONS)
def test_ollamas_client_gets_the_right_answer(served: Served, eyes: str, circle: str, question: str, answer: str) -> None:
    client = ollama.Client(host=served.address)
    try:
        message: Any = {"role": "user", "content": question, "images": [circle]}
        reply = client.chat(eyes, [message], options={"temperature": 0})
    finally:
        client._client.close()
    assert answer in (reply.message.content or "").lower()
