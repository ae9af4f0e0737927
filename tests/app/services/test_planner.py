"""What real loads teach the planner."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from app.workstation import Workstation
from backends.options import LoadOptions
from tests.tiny_eyes import make_eyes
from tests.tiny_models import make_tiny_model
from tests.tiny_vision import make_tiny_vision


@pytest.fixture
def tiny(workstation: Workstation) -> Path:
    workstation.paths.models.mkdir(parents=True, exist_ok=True)
    return make_tiny_model(workstation.paths.models / "小 tiny.gguf", context=512)


def load(workstation: Workstation, reference: str, **options: object) -> None:
    chosen = LoadOptions(context_length=512, threads=1, **options)  # type: ignore[arg-type]
    workstation.engines.load(reference, chosen)
    with workstation.engines.lease(reference) as engine:
        assert engine.facts is not None
        workstation.planner.learn(workstation.library.find(reference), chosen, engine.facts)


def test_a_real_load_corrects_the_next_plan(workstation: Workstation, tiny: Path) -> None:
    load(workstation, str(tiny))
    learnt = workstation.planner.correction("llama")
    assert 0.5 < learnt.weights < 2
    assert learnt.compute != 1


def test_a_checkpoint_in_torch_teaches_of_checkpoints_only(workstation: Workstation) -> None:
    load(workstation, str(workstation.paths.starter / "checkpoint"))
    assert workstation.planner.correction("llama (safetensors)").weights == pytest.approx(1, abs=0.05)
    assert workstation.planner.correction("llama").weights == 1


def test_the_sum_of_a_model_and_its_draft_teaches_nothing(workstation: Workstation, tiny: Path) -> None:
    before = workstation.planner.correction("llama")
    load(workstation, str(tiny), draft_model=str(tiny))
    assert workstation.planner.correction("llama") == before


def test_the_plan_of_a_model_with_eyes_holds_and_it_teaches_nothing(workstation: Workstation) -> None:
    folder = workstation.paths.models / "eyes"
    folder.mkdir(parents=True)
    made = make_tiny_vision(folder)
    made.projector.unlink()
    make_eyes(folder / "mmproj-tiny-eyes.gguf", side=176, layers=2)  # 1,936 patches, 484 places
    card = next(card for card in workstation.library.list_models() if card.path == str(made.model))
    chosen = LoadOptions(context_length=2048, threads=1, device="CPU")
    planned = workstation.planner.plan_card(card, chosen)
    taken = []
    for options in (chosen, replace(chosen, projector="none")):
        workstation.engines.load(card.id, options)
        with workstation.engines.lease(card.id) as engine:
            facts = engine.facts
        assert facts is not None and facts.can_see == (options is chosen)
        taken.append(sum(part.weights + part.kv_cache + part.compute for part in facts.memory))
    assert planned.devices[0].projector == pytest.approx(taken[0] - taken[1], rel=0.1)
    facts = replace(facts, can_see=True)
    before = workstation.planner.correction("gemma3")
    workstation.planner.learn(card, chosen, facts)
    assert workstation.planner.correction("gemma3") == before
