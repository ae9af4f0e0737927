"""The Quantize page as a person uses it: the starter is made smaller, measured, plotted, picked and exported in the window."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from app.gui.main_window import MainWindow
from app.gui.quantize.frontier_plot import FrontierPlot
from app.gui.theme import DARK, LIGHT
from app.gui.translation import Translations
from app.services.quant_choice import pick, write_csv, write_table
from app.services.quantizing import QuantizeJob
from models.errors import QuantizationFailed, UserFacingError
from quantize.awq.recipe import AwqRecipe
from quantize.order import Order
from quantize.quality_card import QualityCard
from quantize.recipe import Recipe


def choose_starter(window: MainWindow, qtbot: object) -> None:
    window.show_page("quantize")
    sources = [str(window.quantize.form.source.itemData(i)) for i in range(window.quantize.form.source.count())]
    window.quantize.form.choose_source(next(path for path in sources if path.endswith("checkpoint")))
    qtbot.waitUntil(lambda: window.quantize.form.types.item(0).text().count("MB") == 1, timeout=20_000)  # type: ignore[attr-defined]


def test_the_starter_is_quantized_measured_and_shown(
    window: MainWindow, qtbot: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.gui.quantize.order_form._MEASURED_WINDOWS", 1)
    monkeypatch.setattr("backends.llamacpp.model.choose_threads", lambda _: 1)
    choose_starter(window, qtbot)
    page = window.quantize
    assert page.form.chosen_types() == ["Q4_K_M"] and page.form.start.isEnabled()
    page.form.choose_types(["Q4_0", "Q8_0"])
    QTest.mouseClick(page.form.start, Qt.MouseButton.LeftButton)

    def states() -> list[str]:
        return [job.state for job in window._workstation.quantizing.jobs()]

    qtbot.waitUntil(lambda: states() == ["finished"], timeout=90_000)  # type: ignore[attr-defined]
    qtbot.waitUntil(lambda: page.results.table.rowCount() == 2, timeout=5_000)  # type: ignore[attr-defined]
    qtbot.waitUntil(lambda: not page.jobs.isVisible(), timeout=5_000)  # type: ignore[attr-defined]
    assert "checkpoint-Q8_0.gguf" in page.results.card.toPlainText() and "KL" in page.results.card.toPlainText()
    assert "Where it differs most" in page.results.card.toPlainText()
    page.pick()
    assert page.results._said.isVisible()
    for name, kind in (("p.png", "png"), ("t.csv", "csv"), ("t.md", "markdown"), ("r.toml", "toml")):
        page.results.export_to(tmp_path / name, kind)
        assert (tmp_path / name).stat().st_size > 10
    assert (tmp_path / "t.csv").read_text().count("\n") == 3
    page.results.export_to(tmp_path / "no" / "such.csv", "csv")
    assert "such.csv" in page.results._said.text()
    asked: list[str] = []
    page.load_requested.disconnect()
    page.load_requested.connect(asked.append)
    QTest.mouseClick(page.results.load_button, Qt.MouseButton.LeftButton)
    assert asked and asked[0].endswith(".gguf")


def test_types_that_need_a_matrix_wait_for_one(window: MainWindow, qtbot: object) -> None:
    choose_starter(window, qtbot)
    form = window.quantize.form
    form.choose_types(["IQ2_M"])
    assert not form.start.isEnabled() and "IQ2_M" in form._note.text()
    form.matrix.setCurrentIndex(1)
    form._matrix_chosen(1)
    assert form.start.isEnabled()
    form.choose_types(["IQ2_M", "Q4_K_M"])
    form.both.setChecked(True)
    orders = form.make_orders()
    assert [(order.imatrix, [recipe.file_type for recipe in order.recipes]) for order in orders] == [
        ("auto", ["Q4_K_M", "IQ2_M"]), ("none", ["Q4_K_M"]),
    ]  # fmt: skip


def test_a_recipe_of_ones_own_is_ordered(window: MainWindow, qtbot: object, tmp_path: Path) -> None:
    choose_starter(window, qtbot)
    form = window.quantize.form
    (tmp_path / "mine.toml").write_text('file_type = "Q4_K_M"\n[overrides]\n"ffn_down" = "Q6_K"\n', encoding="utf-8")
    form.add_recipe(tmp_path / "mine.toml")
    form.choose_types(["mine.toml"])
    assert form.make_orders()[0].recipes == (Recipe("Q4_K_M", (("ffn_down", "Q6_K"),)),)
    (tmp_path / "bad.toml").write_text("x")
    with pytest.raises(UserFacingError):
        form.add_recipe(tmp_path / "bad.toml")


def test_awq_is_offered_for_a_checkpoint_and_ordered_by_itself(window: MainWindow, qtbot: object) -> None:
    choose_starter(window, qtbot)
    form = window.quantize.form
    assert not form.awq.isVisibleTo(form)
    form.choose_types(["AWQ-4", "Q8_0"])
    assert form.awq.isVisibleTo(form) and "2 files" in form._total.text() and form.start.isEnabled()
    form.awq.group.setCurrentIndex(1)
    form.awq.layout_choice.setCurrentIndex(1)
    form.awq.text.setCurrentIndex(1)
    files, folders = form.make_orders()
    assert [recipe.file_type for recipe in files.recipes] == ["Q8_0"]
    assert folders.recipes == (AwqRecipe(group_size=64, layout="compressed-tensors"),)
    assert (folders.calibration, folders.imatrix) == ("conversations", "none")
    starter = next(
        str(form.source.itemData(i)) for i in range(form.source.count()) if str(form.source.itemData(i)).endswith(".gguf")
    )
    form.choose_source(starter)
    assert "AWQ-4" not in [str(form.types.item(row).data(256)) for row in range(form.types.count())]
    assert not form.awq.isVisibleTo(form)


def test_a_quantized_source_asks_twice(window: MainWindow, qtbot: object) -> None:
    window.show_page("quantize")
    form = window.quantize.form
    form.choose_source(
        next(p for p in (str(form.source.itemData(i)) for i in range(form.source.count())) if p.endswith("Q8_0.gguf"))
    )
    qtbot.waitUntil(lambda: form.again.isVisible(), timeout=20_000)  # type: ignore[attr-defined]
    assert not form.start.isEnabled()
    form.again.setChecked(True)
    assert form.start.isEnabled() and form.make_orders()[0].may_requantize


def test_jobs_say_how_they_stand_and_obey(window: MainWindow, qtbot: object) -> None:
    window.show_page("quantize")
    panel = window.quantize.jobs
    order = Order("m.gguf", (Recipe("Q4_0"),))
    asked: list[tuple[str, str]] = []
    panel.asked.disconnect()
    panel.asked.connect(lambda what, job: asked.append((what, job)))
    error = QuantizationFailed(file="m.gguf", reason="The disk is full.")
    panel.show_jobs(
        [
            QuantizeJob("a", order, "waiting"),
            QuantizeJob("b", order, "failed", error=error),
            QuantizeJob("c", order, "interrupted"),
        ]
    )
    from PySide6.QtWidgets import QPushButton

    words = [button.text() for button in panel.findChildren(QPushButton)]
    assert words == ["Cancel", "Try again", "Put away", "Go on", "Put away"]
    panel.findChildren(QPushButton)[0].click()
    panel.findChildren(QPushButton)[3].click()
    assert asked == [("cancel", "a"), ("resume", "c")]
    panel.clear()


def make_card(kind: str, megabytes: float, kl: float, speed: float, *, fault: str = "", matrix: str = "") -> QualityCard:
    quality = {"kl_mean": kl, "kl_99": kl * 4, "same_top_1": 0.9, "perplexity": 9.0, "perplexity_error": 0.1, "has_base": True}
    quality |= {
        "base_perplexity": 8.0,
        "kl_median": kl,
        "kl_max": 1.0,
        "same_top_5": 0.9,
        "worst": [],
        "tokens": 9,
        "is_broken": False,
    }
    probe = {
        "prefill_tokens_per_second": 100.0,
        "decode_tokens_per_second": speed,
        "memory_bytes": 10**8,
        "sample": "",
        "fault": "",
    }
    recipe = Recipe(kind, imatrix_sha256=matrix).to_json()
    return QualityCard(
        f"m-{kind}.gguf", int(megabytes * 2**20), "0" * 64, 4.5, kind, recipe, "r", "b.gguf", 10**9, "b", "x", "d",
        quality=quality, probe=probe, fault=fault,
    )  # fmt: skip


def test_the_pick_fits_is_quick_enough_and_loses_least() -> None:
    cards = [
        make_card("Q8_0", 8000, 0.001, 4), make_card("Q5_K_M", 5600, 0.01, 9), make_card("Q4_K_M", 4700, 0.03, 11),
        make_card("Q2_K", 3000, 0.0001, 20, fault="noise"),
    ]  # fmt: skip
    assert pick(cards, 16 << 30).index == 1
    assert pick(cards, 7 << 30).index == 2
    assert pick(cards, 1 << 30).reason == "nothing"
    assert pick(cards[:1], 64 << 30).reason == "slow"
    assert write_csv(cards).count("\n") == 5 and write_table(cards).startswith("| type |")


@pytest.mark.parametrize("tokens", [LIGHT, DARK])
def test_the_plot_shows_every_measured_quant_and_answers_mouse_and_keys(tokens: object, qtbot: object, themed: object) -> None:
    plot = FrontierPlot(tokens)  # type: ignore[arg-type]
    qtbot.addWidget(plot)  # type: ignore[attr-defined]
    plot.resize(700, 400)
    plot.show()
    plot.show_cards([])
    plot.grab()
    kinds = ("Q2_K", "Q3_K_S", "Q4_0", "Q4_K_M", "Q5_0", "Q6_K", "Q8_0")
    cards = [make_card(kind, 1000 * n, 10.0**-n, 10 + n, matrix="x" * (n % 2)) for n, kind in enumerate(kinds, 1)]
    plot.show_cards([*cards, make_card("IQ1_S", 500, 9.0, 5, fault="nan")])
    assert len(plot._plotted()) == 7
    seen: list[int] = []
    plot.chosen.connect(seen.append)
    QTest.mouseClick(plot, Qt.MouseButton.LeftButton, pos=plot._place(3).toPoint())
    assert seen == [3]
    plot.set_current(3)
    QTest.keyClick(plot, Qt.Key.Key_Right)
    assert seen == [3, 4]
    image = plot.grab().toImage()
    assert image.pixelColor(plot._place(3).toPoint()) != image.pixelColor(QPoint(5, 5))
    plot.show_cards(cards[:1])  # one alone has a place too
    plot.grab()


def test_the_page_speaks_chinese_and_wears_the_dark(window: MainWindow, translations: Translations) -> None:
    window.show_page("quantize")
    translations.use("zh_CN")
    window.quantize.retheme(DARK)
    QApplication.processEvents()
    assert window.quantize.form.start.text() == "开始" and "量化" in window.quantize._heading.text()
    window.run_action("pick_quant")
