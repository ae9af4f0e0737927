"""Ollama's create: models with words and settings of their own, and models of files that a client sends."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import ollama
import openai
import pytest

from app.services.server import ServerOptions
from tests.app.api.conftest import Served, open_server
from tests.tiny_models import make_tiny_adapter, make_tiny_model


@pytest.fixture
def llama(served: Served) -> Iterator[ollama.Client]:
    client = ollama.Client(host=served.address)
    yield client
    client._client.close()
    served.workstation.settings.set("server.made_models", {})


def question(text: str = "Hello!") -> list[Any]:
    return [{"role": "user", "content": text}]


def asked(served: Served) -> Any:
    request = served.workstation.server.log.list()[-1].request
    assert request is not None
    return request


def test_a_made_model_brings_its_words_and_settings_in_every_dialect(llama: ollama.Client, served: Served) -> None:
    first = [{"role": "user", "content": "Who are you?"}, {"role": "assistant", "content": "Su Shi."}]
    told = llama.create(
        "poet",
        from_=served.tiny,
        system="You are Su Shi.",
        parameters={"temperature": 0.1, "num_predict": 5, "stop": ["墨"]},
        messages=first,
    )
    assert told.status == "success"
    llama.chat("poet:latest", question())
    request = asked(served)
    assert [(message.role, message.text) for message in request.messages] == [
        ("system", "You are Su Shi."),
        ("user", "Who are you?"),
        ("assistant", "Su Shi."),
        ("user", "Hello!"),
    ]
    assert (request.options.sampling.temperature, request.options.max_tokens, request.options.stop) == (0.1, 5, ("墨",))
    llama.generate("poet", "Hello!", options={"temperature": 0.7})
    assert asked(served).options.sampling.temperature == 0.7 and asked(served).messages[0].text == "You are Su Shi."
    with openai.OpenAI(base_url=f"{served.address}/v1", api_key="none") as client:
        reply = client.chat.completions.create(model="poet", messages=question(), max_tokens=3)
        assert reply.usage is not None and reply.usage.completion_tokens <= 3
        assert "poet" in {model.id for model in client.models.list()}
    own = [{"role": "system", "content": "Be a cat."}, *question()]
    served.post("/v1/chat/completions", {"model": "poet", "messages": own})
    assert "You are Su Shi." not in [message.text for message in asked(served).messages]
    served.post("/v1/messages", {"model": "poet", "messages": question(), "max_tokens": 4})
    assert asked(served).messages[0].text == "You are Su Shi."
    served.post("/v1/responses", {"model": "poet", "input": "Hello!", "max_output_tokens": 4, "store": False})
    assert asked(served).messages[0].text == "You are Su Shi."


def test_a_made_model_is_listed_shown_copied_built_upon_and_deleted(llama: ollama.Client, served: Served) -> None:
    statuses = [
        line.status for line in llama.create("poet", from_=served.tiny, system="Ink.", parameters={"top_k": 3}, stream=True)
    ]
    assert statuses[-1] == "success" and len(statuses) > 1
    assert "poet" in {model.model for model in llama.list().models}
    shown = llama.show("poet")
    assert shown.modelfile == f'FROM {served.tiny}\nSYSTEM "Ink."\nPARAMETER top_k 3\n'
    assert shown.parameters == "top_k 3" and shown.modelinfo["general.architecture"] == "llama"
    llama.create("second", from_="poet", parameters={"top_p": 0.5})
    llama.copy("second", "third")
    again = served.post("/api/show", {"model": "third"}).json()
    assert (again["system"], again["parameters"]) == ("Ink.", "top_k 3\ntop_p 0.5")
    for name in ("poet", "second", "third"):
        llama.delete(name)
    assert not {"poet", "second", "third"} & {model.model for model in llama.list().models}
    assert served.post("/api/show", {"model": "poet"}).status_code == 404
    assert served.post("/api/show", {"model": served.tiny}).status_code == 200


def test_a_file_that_a_client_sends_becomes_a_model(tmp_path: Path) -> None:
    own = open_server(tmp_path / "own", ServerOptions(port=0))
    client = ollama.Client(host=own.address)
    try:
        file = make_tiny_model(tmp_path / "mine.gguf", name="Mine", seed=11)
        digest = client.create_blob(file)
        assert digest == f"sha256:{hashlib.sha256(file.read_bytes()).hexdigest()}"
        assert httpx.head(f"{own.address}/api/blobs/{digest}").status_code == 200
        assert client.create("my/model", files={"mine.gguf": digest}, system="Short.").status == "success"
        assert client.generate("my/model", "ink", options={"num_predict": 3}).done
        kept = own.workstation.library.find("Mine")
        assert Path(kept.path).is_relative_to(own.workstation.paths.models) and kept.is_copy
        assert httpx.head(f"{own.address}/api/blobs/{digest}").status_code == 404
        again = client.create_blob(file)
        with pytest.raises(ollama.ResponseError, match="here already"):
            client.create("my/model", files={"mine.gguf": again})
    finally:
        client._client.close()
        own.workstation.close()


def test_a_model_is_quantized_and_gets_an_adapter_on_the_way(tmp_path: Path) -> None:
    own = open_server(tmp_path / "own", ServerOptions(port=0))
    client = ollama.Client(host=own.address)
    try:
        lines = list(client.create("small", from_=own.slow, quantize="q4_0", system="Ink.", stream=True))
        assert [line.status for line in lines][-2:] == ["writing manifest", "success"]
        told = [line for line in lines if (line.status or "").startswith("quantizing") and line.total]
        assert told[-1].completed == told[-1].total
        shown = client.show("small")
        assert shown.details is not None and shown.details.quantization_level == "Q4_0"
        assert client.generate("small", "ink", options={"num_predict": 3}).done
        with pytest.raises(ollama.ResponseError, match="here already"):
            client.create("small", from_=own.slow, quantize="q4_0")

        adapter = tmp_path / "style.gguf"
        make_tiny_adapter(adapter, seed=5)
        digest = client.create_blob(adapter)
        client.create("styled", from_=own.tiny, adapters={"style.gguf": digest})
        plain, styled = (
            client.generate(name, "Once", options={"num_predict": 12, "temperature": 0}) for name in (own.tiny, "styled")
        )
        assert plain.response != styled.response
        assert "ADAPTER" in (client.show("styled").modelfile or "")
        again = client.create_blob(make_tiny_model(tmp_path / "model.gguf", name="No adapter", seed=12))
        with pytest.raises(ollama.ResponseError, match="no LoRA adapter"):
            client.create("wrong", from_=own.tiny, adapters={"model.gguf": again})
        assert not (own.workstation.paths.models / "wrong").exists()
    finally:
        client._client.close()
        own.workstation.close()


def test_a_blob_of_another_digest_and_a_file_that_is_no_model_are_refused_and_leave_nothing(served: Served) -> None:
    blobs = served.workstation.paths.models / ".blobs"
    wrong = httpx.post(f"{served.address}/api/blobs/sha256:{'0' * 64}", content=b"ink")
    assert wrong.status_code == 400 and "digest" in wrong.json()["error"]
    assert list(blobs.iterdir()) == []
    digest = f"sha256:{hashlib.sha256(b'ink').hexdigest()}"
    assert httpx.post(f"{served.address}/api/blobs/{digest}", content=b"ink").status_code == 201
    refused = served.post("/api/create", {"model": "bad", "files": {"bad.gguf": digest}, "stream": False})
    assert refused.status_code == 400 and "not a GGUF" in refused.json()["error"]
    assert not (served.workstation.paths.models / "bad").exists()
    for path in ("/api/blobs/../../etc/passwd", "/api/blobs/sha256:xyz"):
        assert served.post(path, {}).status_code in (400, 404, 405)
    (blobs / digest.replace(":", "-")).unlink()


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ({"model": "x"}, "from"),
        ({"model": "../x", "from": "TINY"}, "name"),
        ({"model": "x", "from": "nothing"}, "not found"),
        ({"model": "x", "from": "TINY", "quantize": "q99"}, "Q99"),
        ({"model": "x", "from": "TINY", "quantize": 4}, "quantize"),
        ({"model": "x", "from": "TINY", "template": "{{ .Prompt }}"}, "template"),
        ({"model": "x", "from": "TINY", "adapters": {"a.gguf": "sha256:1"}}, "digest"),
        ({"model": "x", "from": "TINY", "adapters": {"a.bin": "sha256:1"}}, "adapters"),
        ({"model": "x", "from": "TINY", "parameters": {"temperature": "hot"}}, "temperature"),
        ({"model": "x", "from": "TINY", "parameters": {"top_p": 7}}, "top_p"),
        ({"model": "x", "from": "TINY", "messages": [{"role": "tool"}]}, "messages"),
        ({"model": "x", "files": {"a.safetensors": "sha256:1"}}, "GGUF"),
        ({"model": "x", "files": {"a.gguf": f"sha256:{'1' * 64}"}}, "not sent"),
        ({"model": "TINY", "from": "TINY"}, "already"),
    ],
)
def test_what_cannot_be_made_is_refused_with_the_reason(served: Served, body: dict[str, Any], word: str) -> None:
    text = json.dumps(body).replace("TINY", served.tiny)
    reply = served.post("/api/create", json.loads(text))
    assert reply.status_code in (400, 404), reply.text
    assert word in reply.json()["error"]
    assert served.workstation.settings.get("server.made_models") == {}


def test_a_file_may_be_longer_than_a_request(tmp_path: Path) -> None:
    own = open_server(tmp_path / "own", ServerOptions(port=0, most_bytes=100_000))
    try:
        data = bytes(300_000)
        digest = hashlib.sha256(data).hexdigest()
        assert httpx.post(f"{own.address}/api/blobs/sha256:{digest}", content=data).status_code == 201
        assert own.post("/v1/completions", {"prompt": "x" * 200_000}).status_code == 413
    finally:
        own.workstation.close()
