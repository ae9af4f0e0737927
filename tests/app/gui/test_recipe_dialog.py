"""The search for a recipe, and what importance matrices have seen, in the window."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from app.gui.main_window import MainWindow
from app.gui.quantize.recipe_dialog import RecipeDialog
from app.gui.theme import LIGHT
from app.services.matrix_coverage import read_coverages
from app.workstation import Workstation
from quantize.gguf.convert import convert_checkpoint
from quantize.gguf.matrix import Channel, ImportanceMatrix
from quantize.order import Order
from quantize.recipe import Recipe, read_recipe
from quantize.recipe_search import find_groups
from resources import resource_folder

CHECKPOINT = resource_folder() / "starter" / "checkpoint"


@pytest.fixture
def full(tmp_path: Path) -> Path:
    return convert_checkpoint(CHECKPOINT, tmp_path / "starter-BF16.gguf", "BF16")


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two types instead of six, three groups instead of twenty: the search is the same, only shorter."""
    monkeypatch.setattr("quantize.recipe_search.LADDER", ("Q4_K", "Q8_0"))
    monkeypatch.setattr("quantize.recipe_search.find_groups", lambda source: find_groups(source)[:3])


@pytest.fixture
def dialog(qtbot: QtBot, workstation: Workstation, full: Path, tmp_path: Path) -> RecipeDialog:
    dialog = RecipeDialog(workstation.jobs, LIGHT, full, None, tmp_path / "recipes")
    qtbot.addWidget(dialog)
    dialog.windows.setValue(1)
    dialog.show()
    return dialog


def test_the_smallest_file_within_a_loss_is_found_and_offered(quick: None, window: MainWindow, qtbot: QtBot, full: Path) -> None:
    window.show_page("quantize")
    form = window.quantize.form
    form.choose_source(str(full))
    qtbot.waitUntil(form.search.isEnabled, timeout=30_000)
    dialog = window.quantize.open_search()
    dialog.windows.setValue(1)
    dialog.loss.setValue(0.5)
    dialog.start.click()
    assert dialog.is_searching and not dialog.use.isEnabled()
    qtbot.waitUntil(lambda: not dialog.is_searching, timeout=120_000)
    assert "KL" in dialog._said.text(), dialog._said.text()
    assert dialog._found is not None and dialog._found.quality.kl_mean <= 0.5
    assert len(dialog.plot.points()) >= 3
    dialog.plot.grab()
    dialog.use.click()
    names = [name for name in form.chosen_types() if name.endswith(".toml")]
    assert len(names) == 1
    assert form.make_orders()[0].recipes[-1].overrides
    assert read_recipe(Path(form.target()) / names[0]).file_type


def test_a_search_is_stopped_and_says_so(dialog: RecipeDialog, qtbot: QtBot) -> None:
    dialog.start.click()
    qtbot.waitUntil(lambda: "Measuring" in dialog._said.text(), timeout=30_000)
    dialog.start.click()
    qtbot.waitUntil(lambda: not dialog.is_searching, timeout=30_000)
    assert "kept" in dialog._said.text()
    assert not dialog.use.isEnabled()


def test_what_cannot_be_reached_is_told(quick: None, dialog: RecipeDialog, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "quantize.recipe_search.RecipeSearch._measure_costs",
        lambda self: {g.name: dict.fromkeys(self.ladder, 0.1) for g in self.groups},
    )
    dialog.by_size.setChecked(True)
    dialog.most.setValue(0.1)
    dialog.start.click()
    qtbot.waitUntil(lambda: not dialog.is_searching, timeout=30_000)
    assert "at least" in dialog._said.text()


def test_a_checkpoint_and_a_quantized_model_are_not_searched(window: MainWindow, qtbot: QtBot) -> None:
    window.show_page("quantize")
    form = window.quantize.form
    form.choose_source(str(CHECKPOINT))
    qtbot.waitUntil(lambda: bool(form._sizes), timeout=30_000)
    assert not form.search.isEnabled()
    form.choose_source(str(resource_folder() / "starter" / "yanmo-starter-Q8_0.gguf"))
    qtbot.waitUntil(lambda: form._is_quantized, timeout=30_000)
    assert not form.search.isEnabled()


def test_the_card_says_what_the_matrix_never_saw(
    window: MainWindow, qtbot: QtBot, workstation: Workstation, full: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = Order(str(full), (Recipe("Q4_K_M"),), str(tmp_path / "out"), imatrix="auto", measure="", imatrix_windows=2, threads=1)
    from quantize.calibration import builtin_text
    from quantize.pipeline import Pipeline

    Pipeline(order, lambda name: builtin_text()).run()
    (tmp_path / "out" / "broken.imatrix.gguf").write_bytes(b"GGUF")
    found = read_coverages(tmp_path / "out")
    assert len(found) == 1
    coverage = next(iter(found.values()))
    assert coverage.windows == 2 and coverage.touched == coverage.total > 20
    window.show_page("quantize")
    page = window.quantize
    monkeypatch.setattr(page.form, "target", lambda: str(tmp_path / "out"))
    page._show_cards()
    qtbot.waitUntil(lambda: "2 windows read" in page.results.card.toPlainText(), timeout=10_000)
    assert f"{coverage.touched} of {coverage.total} matrices used" in page.results.card.toPlainText()


def test_experts_and_inputs_that_saw_nothing_are_told_apart() -> None:
    import numpy

    sums = numpy.ones((4, 8), numpy.float32)
    sums[1] = 0
    sums[2, :3] = 0
    matrix = ImportanceMatrix({"blk.0.ffn_down_exps.weight": Channel(sums, numpy.array([5, 0, 5, 5]))}, 1)
    assert [(one.kind, one.count, one.total) for one in matrix.iter_untouched()] == [("experts", 1, 4), ("channels", 3, 32)]
    assert matrix.untouched()[1] == "blk.0.ffn_down_exps.weight: 3 of 32 channels"
