"""Pictures and sounds through the official clients of every dialect, answered by a tiny model that sees and one that hears."""

from __future__ import annotations

import base64
import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anthropic
import httpx
import ollama
import openai
import pytest

from app.api.server import run_server
from app.paths import make_paths
from app.services.engine_pool import PoolOptions
from app.services.server import ServerOptions
from app.workstation import Workstation, make_workstation
from tests.tiny_eyes import draw, make_ears, sing
from tests.tiny_models import make_tiny_model
from tests.tiny_vision import make_tiny_vision


class Gallery:
    """A server with a model that sees, one that hears and one that does neither; pictures as clients send them."""

    def __init__(self, workstation: Workstation, address: str, folder: Path) -> None:
        self.workstation = workstation
        self.address = address
        cards = {Path(card.path).stem: card.id for card in workstation.library.list_models()}
        self.eyes, self.ears, self.blind = cards["tiny-eyes-F32"], cards["ears"], cards["blind"]
        self.red = self._read(draw(folder / "red.png", (230, 20, 20)))
        self.green = self._read(draw(folder / "green.png", (20, 230, 20), seed=9))
        self.song = self._read(sing(folder / "song.wav", 500.0))

    def _read(self, path: Path) -> str:
        return base64.b64encode(path.read_bytes()).decode()

    def get(self, path: str) -> Any:
        return httpx.get(self.address + path, timeout=60).json()

    def post(self, path: str, body: object) -> httpx.Response:
        return httpx.post(self.address + path, json=body, timeout=60)


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gallery]:
    folder = tmp_path_factory.mktemp("gallery")
    paths = make_paths(folder / "data")
    for name in ("eyes", "ears", "blind"):
        (paths.models / name).mkdir(parents=True)
    make_tiny_vision(paths.models / "eyes")
    make_tiny_model(paths.models / "ears" / "ears.gguf", name="Ears", context=4096)
    make_ears(paths.models / "ears" / "mmproj-ears.gguf")
    make_tiny_model(paths.models / "blind" / "blind.gguf", name="Blind")
    workstation = make_workstation(paths)
    workstation.server.start_server = functools.partial(run_server, workstation)
    address = workstation.server.start(ServerOptions(port=0), PoolOptions(parallel=4), ())
    gallery = Gallery(workstation, address, folder)
    for model in (gallery.eyes, gallery.ears, gallery.blind):
        workstation.server.pool.acquire(model).give_back()
    yield gallery
    workstation.close()


def openai_messages(*pictures: str) -> list[Any]:
    parts: list[Any] = [{"type": "text", "text": "What is this?"}]
    parts += [{"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data}"}} for data in pictures]
    return [{"role": "user", "content": parts}]


def test_openais_client_shows_pictures_and_each_changes_what_is_likely(gallery: Gallery) -> None:
    with openai.OpenAI(base_url=f"{gallery.address}/v1", api_key="none", max_retries=0) as client:
        likely = []
        for pictures in ((gallery.red,), (gallery.green,), (gallery.red, gallery.green)):
            done = client.chat.completions.create(
                model=gallery.eyes,
                messages=openai_messages(*pictures),
                max_tokens=4,
                temperature=0,
                logprobs=True,
                top_logprobs=3,
            )
            logprobs = done.choices[0].logprobs
            assert logprobs is not None and logprobs.content
            likely.append(tuple(round(piece.logprob, 4) for piece in logprobs.content))
        assert len(set(likely)) == 3


def test_the_same_picture_from_another_client_is_read_from_the_cache(gallery: Gallery) -> None:
    body = {"model": gallery.eyes, "messages": openai_messages(gallery.red), "max_tokens": 2}
    first = gallery.post("/v1/chat/completions", body).json()["usage"]
    again = gallery.post("/v1/chat/completions", body).json()["usage"]
    assert again["prompt_tokens_details"]["cached_tokens"] == first["prompt_tokens"] - 1


def test_anthropics_client_shows_pictures(gallery: Gallery) -> None:
    def asked(picture: str) -> Any:
        source = {"type": "base64", "media_type": "image/png", "data": picture}
        return [{"role": "user", "content": [{"type": "image", "source": source}, {"type": "text", "text": "What?"}]}]

    with anthropic.Anthropic(base_url=gallery.address, api_key="none", max_retries=0) as client:
        answer = client.messages.create(model=gallery.eyes, max_tokens=3, messages=asked(gallery.red))
        assert answer.usage.output_tokens == 3
        counted = client.messages.count_tokens(model=gallery.eyes, messages=asked(gallery.red))
        used = answer.usage.input_tokens + (answer.usage.cache_read_input_tokens or 0)
        assert counted.input_tokens == used
        with pytest.raises(anthropic.BadRequestError, match="cannot see"):
            client.messages.create(model=gallery.blind, max_tokens=3, messages=asked(gallery.red))


def test_ollamas_client_shows_pictures_and_asks_what_a_model_can(gallery: Gallery) -> None:
    client = ollama.Client(host=gallery.address)
    question = {"role": "user", "content": "What?", "images": [gallery.red]}
    with_picture = client.chat(model=gallery.eyes, messages=[question], options={"num_predict": 3})
    without = client.chat(model=gallery.eyes, messages=[{"role": "user", "content": "What?"}], options={"num_predict": 3})
    assert (with_picture.prompt_eval_count or 0) > (without.prompt_eval_count or 0)
    assert "vision" in (client.show(gallery.eyes).capabilities or [])
    assert "vision" not in (client.show(gallery.blind).capabilities or [])
    done = client.generate(model=gallery.eyes, prompt="What?", images=[gallery.green], options={"num_predict": 2})
    assert done.eval_count == 2
    client.close()


def test_responses_take_pictures(gallery: Gallery) -> None:
    with openai.OpenAI(base_url=f"{gallery.address}/v1", api_key="none", max_retries=0) as client:
        picture: Any = {"type": "input_image", "image_url": f"data:image/png;base64,{gallery.red}", "detail": "auto"}
        content: Any = [{"type": "input_text", "text": "What?"}, picture]
        done = client.responses.create(model=gallery.eyes, max_output_tokens=3, input=[{"role": "user", "content": content}])
        assert done.usage is not None and done.usage.output_tokens == 3
        plain = client.responses.create(model=gallery.eyes, max_output_tokens=3, input="What?")
        assert plain.usage is not None and done.usage.input_tokens > plain.usage.input_tokens


def test_sounds_are_heard_by_a_model_with_ears_and_refused_by_one_without(gallery: Gallery) -> None:
    part = {"type": "input_audio", "input_audio": {"data": gallery.song, "format": "wav"}}
    messages = [{"role": "user", "content": [part, {"type": "text", "text": "What?"}]}]
    heard = gallery.post("/v1/chat/completions", {"model": gallery.ears, "messages": messages, "max_tokens": 2})
    assert heard.status_code == 200, heard.text
    assert heard.json()["usage"]["prompt_tokens"] > 500
    refused = gallery.post("/v1/chat/completions", {"model": gallery.eyes, "messages": messages, "max_tokens": 2})
    assert refused.status_code == 400 and "cannot hear" in refused.json()["error"]["message"]


def test_what_models_can_is_told_in_every_dialect(gallery: Gallery) -> None:
    studio = {model["id"]: model for model in gallery.get("/api/v0/models")["data"]}
    assert studio[gallery.eyes]["type"] == "vlm" and studio[gallery.blind]["type"] == "llm"
    newer = {model["key"]: model for model in gallery.get("/api/v1/models")["models"]}
    assert newer[gallery.eyes]["capabilities"]["vision"] is True and newer[gallery.blind]["capabilities"]["vision"] is False
    listed = {model["id"]: model for model in gallery.get("/v1/models")["data"]}
    assert "vision" in str(listed[gallery.eyes])


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 50, "picture"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "drawing"),
        (b"", "empty"),
    ],
)
def test_damaged_pictures_are_bad_requests_with_the_reason(gallery: Gallery, data: bytes, reason: str) -> None:
    body = {"model": gallery.eyes, "messages": openai_messages(base64.b64encode(data).decode()), "max_tokens": 2}
    refused = gallery.post("/v1/chat/completions", body)
    assert refused.status_code == 400
    assert reason in refused.json()["error"]["message"]
    assert gallery.post("/v1/chat/completions", {**body, "messages": openai_messages(gallery.red)}).status_code == 200


def test_nothing_is_fetched_from_elsewhere(gallery: Gallery) -> None:
    messages = [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "http://127.0.0.1:9/x.png"}}]}]
    refused = gallery.post("/v1/chat/completions", {"model": gallery.eyes, "messages": messages})
    assert refused.status_code == 400 and "data:" in refused.json()["error"]["message"]
