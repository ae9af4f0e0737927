"""Other programs' models are used where they lie."""

from __future__ import annotations

import hashlib
import json
import time
from pathlib import Path

import pytest

from models.card import choose_projector
from models.duplicates import find_duplicates, share_room
from models.errors import ModelError
from models.library import Library
from models.other_stores import OtherStore, find_stores, iter_ollama_models
from tests.models.gguf_bytes import STRING, write_gguf


def make_ollama(folder: Path) -> tuple[str, Path]:
    """One model with a projector, one manifest that is broken and one whose file is gone."""
    blobs = folder / "blobs"
    blobs.mkdir(parents=True)
    digests = []
    for name in ("model", "projector"):
        made = write_gguf(blobs / name)
        if name == "projector":
            made.write_bytes(made.read_bytes() + b"\0")
        digest = hashlib.sha256(made.read_bytes()).hexdigest()
        made.rename(blobs / f"sha256-{digest}")
        digests.append(digest)
    layers = [
        {"mediaType": "application/vnd.ollama.image.model", "digest": f"sha256:{digests[0]}", "size": 1},
        {"mediaType": "application/vnd.ollama.image.projector", "digest": f"sha256:{digests[1]}", "size": 1},
        {"mediaType": "application/vnd.ollama.image.template", "digest": "sha256:" + "0" * 64, "size": 1},
    ]
    for place, text in {
        "registry.ollama.ai/library/qwen3/4b": json.dumps({"layers": layers}),
        "registry.ollama.ai/somebody/other/latest": json.dumps({"layers": layers[:1]}),
        "registry.ollama.ai/library/broken/latest": "{",
        "registry.ollama.ai/library/strange/latest": '{"layers": [{"mediaType": 5}]}',
        "registry.ollama.ai/library/evil/latest": json.dumps(
            {"layers": [{"mediaType": layers[0]["mediaType"], "digest": "sha256:../../../../etc/passwd"}]}
        ),
        "registry.ollama.ai/library/gone/latest": json.dumps({"layers": [{**layers[0], "digest": "sha256:" + "a" * 64}]}),
    }.items():
        path = folder / "manifests" / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return digests[0], blobs / f"sha256-{digests[0]}"


def open_library(tmp_path: Path, *stores: OtherStore) -> Library:
    return Library(tmp_path / "models", tmp_path / "data", stores=stores)


def test_ollama_models_have_their_names_and_hashes(tmp_path: Path) -> None:
    digest, blob = make_ollama(tmp_path / "ollama")
    found = {model.name: model for model in iter_ollama_models(tmp_path / "ollama")}
    assert set(found) == {"qwen3:4b", "somebody/other:latest"}
    assert found["qwen3:4b"].path == blob and found["qwen3:4b"].projector
    library = open_library(tmp_path, OtherStore("ollama", "Ollama", tmp_path / "ollama", "ollama"))
    card = library.list_models()[0]
    assert (card.store, card.path, card.is_copy) == ("Ollama", str(blob), False)
    assert card.projector.endswith(found["qwen3:4b"].projector.name)  # type: ignore[union-attr]
    assert library.known_sha256(card) == digest
    assert library.verify(card.id).state == "same"


def test_a_file_in_the_cache_of_a_hub_is_told_once_however_many_names_lead_to_it(tmp_path: Path) -> None:
    hub = tmp_path / "hub" / "models--owner--name"
    (hub / "blobs").mkdir(parents=True)
    blob = write_gguf(hub / "blobs" / "abc")
    for revision in ("one", "two"):
        snapshot = hub / "snapshots" / revision
        snapshot.mkdir(parents=True)
        (snapshot / "model-Q8_0.gguf").symlink_to(blob)
    library = open_library(tmp_path, OtherStore("huggingface", "Hugging Face", tmp_path / "hub"))
    assert [card.store for card in library.list_models()] == ["Hugging Face"]


def test_what_lies_in_another_program_is_not_deleted(tmp_path: Path) -> None:
    make_ollama(tmp_path / "ollama")
    library = open_library(tmp_path, OtherStore("ollama", "Ollama", tmp_path / "ollama", "ollama"))
    card = library.list_models()[0]
    with pytest.raises(ModelError, match="only looks into"):
        library.remove(card.id)
    assert Path(card.path).exists()


def test_stores_are_found_where_programs_put_them(tmp_path: Path) -> None:
    for place in (".lmstudio/models", ".ollama/models", ".cache/huggingface/hub", "elsewhere/hub"):
        (tmp_path / place).mkdir(parents=True)
    assert {store.key for store in find_stores(tmp_path, {})} >= {"lmstudio", "ollama", "huggingface"}
    moved = find_stores(tmp_path, {"HF_HOME": str(tmp_path / "elsewhere"), "OLLAMA_MODELS": str(tmp_path / "none")})
    assert {store.folder for store in moved if store.key == "huggingface"} == {tmp_path / "elsewhere" / "hub"}
    assert tmp_path / "none" not in {store.folder for store in moved}


def test_two_thousand_models_open_at_once_and_are_known_in_the_next_session(tmp_path: Path) -> None:
    folder = tmp_path / "models"
    folder.mkdir()
    data = write_gguf(tmp_path / "one.gguf").read_bytes()
    for number in range(2000):
        (folder / f"model-{number:04d}.gguf").write_bytes(data)
    first = open_library(tmp_path).list_models()
    assert len(first) == 2000
    began = time.process_time()  # of the processor: other work on the machine decides nothing here
    again = open_library(tmp_path)
    known = again.list_known()
    took = time.process_time() - began
    assert known == first
    assert took < 0.3, f"{took * 1000:.0f} ms"
    (folder / "model-0000.gguf").unlink()
    (folder / "model-0001.gguf").write_bytes(write_gguf(tmp_path / "b.gguf", {"general.name": (STRING, "Other")}).read_bytes())
    names = [card.name for card in again.list_models()]
    assert len(names) == 1999 and names.count("Other") == 1


@pytest.mark.parametrize("text", ["", "[]", '{"version": 1, "cards": [1, [2], [[1, 2], {"id": 5}]]}', '{"version": 9}'])
def test_a_cache_that_makes_no_sense_is_no_cache(tmp_path: Path, text: str) -> None:
    (tmp_path / "models").mkdir()
    write_gguf(tmp_path / "models" / "a.gguf")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "library-cards.json").write_text(text)
    library = open_library(tmp_path)
    assert library.list_known() == []
    assert len(library.list_models()) == 1


@pytest.mark.parametrize(
    ("name", "beside", "chosen"),
    [
        ("gemma-3-4b-Q4_K_M.gguf", ["gemma-3-4b-Q4_K_M.gguf", "gemma-3-4b-Q8_0.gguf", "mmproj-F16.gguf"], "mmproj-F16.gguf"),
        ("a-7b-Q4_0.gguf", ["a-7b-Q4_0.gguf", "other-Q4_0.gguf", "mmproj-F16.gguf"], ""),
        ("llava-7b-Q4_0.gguf", ["llava-7b-Q4_0.gguf", "x.gguf", "mmproj-llava-7b-f16.gguf"], "mmproj-llava-7b-f16.gguf"),
        ("m-Q4_0.gguf", ["m-Q4_0.gguf", "mmproj-BF16.gguf", "mmproj-F16.gguf"], "mmproj-F16.gguf"),
        ("m-Q4_0.gguf", ["m-Q4_0.gguf"], ""),
    ],
)
def test_a_projector_belongs_to_the_model_that_it_lies_beside(name: str, beside: list[str], chosen: str) -> None:
    assert choose_projector(name, beside) == chosen


def test_equal_files_are_found_by_content_and_share_their_room(tmp_path: Path) -> None:
    folder = tmp_path / "models"
    folder.mkdir()
    one = write_gguf(folder / "one.gguf")
    two = write_gguf(folder / "two.gguf")
    other = write_gguf(folder / "other.gguf", data=8192)
    other.write_bytes(other.read_bytes()[:-1] + b"x")
    cards = open_library(tmp_path).list_models()
    groups = find_duplicates(cards, lambda name: hashlib.sha256(Path(name).read_bytes()).hexdigest())
    assert [group.paths for group in groups] == [(str(one), str(two))]
    assert groups[0].spared == one.stat().st_size
    content = two.read_bytes()
    assert share_room(one, two) in ("reflink", "hard link")
    assert two.read_bytes() == content and not list(folder.glob("*.part"))
    if one.stat().st_ino == two.stat().st_ino:
        assert find_duplicates(cards, lambda name: hashlib.sha256(Path(name).read_bytes()).hexdigest()) == []
    with pytest.raises(ModelError):
        share_room(one, write_gguf(tmp_path / "longer.gguf", data=9000))
