"""A LoRA folder of PEFT's: which weights it names, how strongly each counts, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from models.errors import AdapterRefused, NotAModelFile, UserFacingError
from models.peft_adapter import ADAPTER_WEIGHTS, PairNames, PeftSettings


def refuse(reason: str) -> UserFacingError:
    return AdapterRefused(file="lora", model="model", reason=reason)


def read(folder: Path, **settings: Any) -> PeftSettings:
    folder.mkdir(exist_ok=True)
    (folder / "adapter_config.json").write_text(json.dumps({"peft_type": "LORA", **settings}), encoding="utf-8")
    (folder / ADAPTER_WEIGHTS).write_bytes(b"")
    return PeftSettings(folder, refuse)


def test_pairs_are_found_by_what_they_change_whatever_stands_around_the_name(tmp_path: Path) -> None:
    settings = read(tmp_path / "lora")
    names = [
        "base_model.model.model.layers.0.q_proj.lora_B.weight",
        "base_model.model.model.layers.0.q_proj.lora_A.weight",
        "model.layers.1.v_proj.lora_A.default.weight",
        "model.layers.1.v_proj.lora_B.default.weight",
        "base_model.model.model.embed_tokens.lora_embedding_A",
        "base_model.model.model.embed_tokens.lora_embedding_B",
    ]
    assert settings.pairs(names) == [
        PairNames("model.embed_tokens", names[4], names[5], True),
        PairNames("model.layers.0.q_proj", names[1], names[0], False),
        PairNames("model.layers.1.v_proj", names[2], names[3], False),
    ]


@pytest.mark.parametrize(
    ("settings", "scale"),
    [
        ({}, 1.0),
        ({"lora_alpha": 16}, 2.0),
        ({"lora_alpha": 16, "use_rslora": True}, 16 / 8**0.5),
        ({"lora_alpha": 16, "alpha_pattern": {"q_proj": 4}}, 0.5),
        ({"lora_alpha": 16, "alpha_pattern": {"v_proj": 4}}, 2.0),
    ],
)
def test_a_pair_counts_as_peft_counts_it(tmp_path: Path, settings: dict[str, Any], scale: float) -> None:
    assert read(tmp_path / "lora", **settings).scale("model.layers.0.self_attn.q_proj", 8) == pytest.approx(scale)


def test_more_than_a_plain_lora_and_less_than_a_whole_one_are_refused(tmp_path: Path) -> None:
    for setting in ({"use_dora": True}, {"bias": "all"}, {"peft_type": "IA3"}):
        with pytest.raises(AdapterRefused, match=next(iter(setting))):
            read(tmp_path / "lora", **setting)
    whole = read(tmp_path / "lora")
    with pytest.raises(AdapterRefused, match="Half of the pair"):
        whole.pairs(["model.q_proj.lora_A.weight"])
    with pytest.raises(AdapterRefused, match="no part of a LoRA"):
        whole.pairs(["model.norm.weight"])
    (tmp_path / "lora" / ADAPTER_WEIGHTS).unlink()
    with pytest.raises(NotAModelFile):
        PeftSettings(tmp_path / "lora", refuse)
