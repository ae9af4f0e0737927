"""LoRA adapters in llama-server's words, against a model that was loaded with two of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from backends.options import Adapter
from tests.app.api.conftest import Served, open_server
from tests.tiny_models import make_tiny_adapter


@pytest.fixture
def styled(tmp_path: Path) -> Iterator[Served]:
    """Only the tiny model is in memory, with two adapters, the second of which is silent."""
    served = open_server(tmp_path / "data", most=1)
    paths = [str(tmp_path / name) for name in ("风格.gguf", "b.gguf")]
    for seed, path in enumerate(paths):
        make_tiny_adapter(Path(path), seed=seed + 5)
    defaults = served.workstation.defaults
    chosen = (Adapter(paths[0], 1.0), Adapter(paths[1], 0.0))
    defaults.set_load_options(served.tiny, replace(defaults.load_options(served.tiny), adapters=chosen))
    yield served
    served.workstation.close()


def say(served: Served, **more: Any) -> str:
    body = {"model": served.tiny, "prompt": "Once upon a time", "max_tokens": 12, "temperature": 0, **more}
    return str(served.post("/v1/completions", body).json()["choices"][0]["text"])


def test_scales_are_set_for_all_and_for_one_request(styled: Served) -> None:
    usual = say(styled)
    rows = styled.get("/lora-adapters").json()
    assert [(row["id"], Path(row["path"]).name, row["scale"]) for row in rows] == [(0, "风格.gguf", 1.0), (1, "b.gguf", 0.0)]
    plain, other = say(styled, lora=[]), say(styled, lora=[{"id": 1, "scale": 1.0}])
    assert len({usual, plain, other}) == 3
    assert styled.post("/lora-adapters", [{"id": 1, "scale": 1.0}]).json() == {"success": True}
    assert [row["scale"] for row in styled.get("/lora-adapters").json()] == [0.0, 1.0]
    assert say(styled) == other
    assert say(styled, lora=[{"id": 0, "scale": 1.0}]) == usual
    chat = {"model": styled.tiny, "messages": [{"role": "user", "content": "hi"}], "max_tokens": 12, "temperature": 0}
    texts = {
        styled.post("/v1/chat/completions", {**chat, **more}).json()["choices"][0]["message"]["content"]
        for more in ({}, {"lora": [{"id": 1, "scale": 1.0}]})
    }
    assert len(texts) == 1


def test_an_adapter_that_was_chosen_by_its_id_takes_scales_too(styled: Served, tmp_path: Path) -> None:
    library, defaults = styled.workstation.library, styled.workstation.defaults
    file = tmp_path / "风格.gguf"
    card = library.import_model(file)
    defaults.set_load_options(styled.tiny, replace(defaults.load_options(styled.tiny), adapters=(Adapter(card.id, 1.0),)))
    usual, plain = say(styled), say(styled, lora=[])
    half = say(styled, lora=[{"id": 0, "scale": 0.5}])
    assert usual != plain
    assert say(styled, lora=[{"id": 0, "scale": 1.0}]) == usual
    assert [(Path(row["path"]).name, row["scale"]) for row in styled.get("/lora-adapters").json()] == [("风格.gguf", 1.0)]
    assert styled.post("/lora-adapters", [{"id": 0, "scale": 0.5}]).json() == {"success": True}
    assert say(styled) == half
    defaults.set_load_options(styled.tiny, replace(defaults.load_options(styled.tiny), adapters=()))
    assert say(styled) == half  # ids are those of the load, whatever was chosen since for the next one


@pytest.mark.parametrize(
    "wrong",
    [
        {"id": 0},
        [{"id": 2, "scale": 1}],
        [{"id": 0, "scale": "much"}],
        [{"id": True, "scale": 1}],
        [{"id": 0, "scale": 1e9}],
        "x",
    ],
)
def test_what_names_no_adapter_is_refused(styled: Served, wrong: Any) -> None:
    say(styled)
    assert styled.post("/lora-adapters", wrong).status_code == 400
    refused = styled.post("/v1/completions", {"model": styled.tiny, "prompt": "x", "lora": wrong})
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "lora")


def test_properties_and_slots_are_not_changed_by_request(styled: Served) -> None:
    for path in ("/props", "/slots/0?action=save"):
        refused = styled.post(path, {})
        assert (refused.status_code, refused.json()["error"]["code"]) == (400, "not_supported_error")
