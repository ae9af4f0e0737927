"""What real loads teach the planner."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.workstation import Workstation
from backends.options import LoadOptions
from tests.tiny_models import make_tiny_model


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
