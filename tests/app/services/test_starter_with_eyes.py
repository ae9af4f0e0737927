"""The starter with eyes in the library: listed beside the other starter, with its projector, and found by its name."""

from __future__ import annotations

from pathlib import Path

from app.workstation import Workstation
from models.library import Library
from resources import resource_folder


def test_both_starters_are_listed_and_the_one_with_eyes_has_its_projector(workstation: Workstation) -> None:
    plain, seeing = workstation.starter_model(), workstation.starter_with_eyes()
    cards = {card.id: card for card in workstation.library.list_models()}
    assert plain != seeing and cards[plain].name == "Yanmo Starter" and not cards[plain].projector
    assert cards[seeing].name == "Yanmo Starter with eyes" and cards[seeing].is_starter
    assert Path(cards[seeing].projector).name == "mmproj-starter-eyes.gguf"
    assert workstation.engines.default_model() == plain


def test_it_is_found_by_the_name_that_people_type(workstation: Workstation) -> None:
    for name in ("starter-eyes", "starter-eyes.gguf", "Yanmo Starter with eyes"):
        assert workstation.find_model(name) == workstation.starter_with_eyes()
    assert workstation.find_model("Yanmo Starter") == workstation.starter_model()


def test_conversations_with_it_are_at_its_surest(workstation: Workstation) -> None:
    assert workstation.plan_conversation(workstation.starter_with_eyes()).preset == "Deterministic"


def test_without_it_nothing_else_changes(tmp_path: Path) -> None:
    (tmp_path / "starter").mkdir()
    source = resource_folder() / "starter" / "yanmo-starter-Q8_0.gguf"
    (tmp_path / "starter" / source.name).symlink_to(source)
    library = Library(tmp_path / "models", tmp_path / "data", starter_folder=tmp_path / "starter")
    assert [card.name for card in library.list_models()] == ["Yanmo Starter"]
