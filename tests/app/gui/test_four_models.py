"""One model in four forms in the window: float, AWQ-4, Q4_K_M and Q8_0; cards side by side, and a chat with each."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from app.gui.main_window import MainWindow
from app.workstation import Workstation
from quantize.calibration import builtin_text
from tests.app.gui.test_quantize_page import choose_starter
from tests.app.gui.test_starter_sees import ask

QUESTION = "What does Yanmo mean?"


@pytest.mark.slow
@pytest.mark.timeout(600)  # a dozen processes that load torch or llama.cpp
def test_float_awq_and_two_ggufs_stand_side_by_side_and_each_answers(
    window: MainWindow, qtbot, workstation: Workstation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.gui.quantize.order_form._MEASURED_WINDOWS", 1)
    monkeypatch.setattr("backends.llamacpp.model.choose_threads", lambda _: 1)
    (tmp_path / "text.txt").write_text(builtin_text()[:6000], encoding="utf-8")
    choose_starter(window, qtbot)
    page = window.quantize
    source = page.form.source.currentData()
    page.form.choose_types(["AWQ-4", "Q4_K_M", "Q8_0"])
    page.form.awq.text.setCurrentIndex(2)
    page.form.awq._file = str(tmp_path / "text.txt")
    QTest.mouseClick(page.form.start, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: [job.state for job in workstation.quantizing.jobs()] == ["finished"] * 2, timeout=240_000)
    qtbot.waitUntil(lambda: page.results.table.rowCount() == 3, timeout=5_000)
    found = dict(workstation.quantizing.find_cards(Path(page.form.target())))
    paths = {card.file_type: path for path, card in found.items()}
    assert set(paths) == {"AWQ-4", "Q4_K_M", "Q8_0"}
    qualities = {card.file_type: card.quality or {} for card in found.values()}
    assert len({(one["tokens"], one["base_perplexity"] // 10) for one in qualities.values()}) == 1  # one text, one base
    assert 0 < qualities["Q8_0"]["kl_mean"] < min(qualities["AWQ-4"]["kl_mean"], qualities["Q4_K_M"]["kl_mean"])
    shown = [page.results.table.item(row, 0).text() for row in range(3)]
    assert sorted(shown) == ["AWQ-4", "Q4_K_M", "Q8_0"]
    for row in range(3):
        page.results.choose(row)
        assert "KL" in page.results.card.toPlainText() and shown[row] in page.results.card.toPlainText()
    if folder := os.environ.get("YANMO_SCREENSHOTS"):
        window.grab().save(str(Path(folder) / "four-models-cards.png"))
    window.show_page("chat")
    answers, engines = {}, {}
    for kind, path in {"float": source, **paths}.items():
        conversation = workstation.start_conversation(str(path))
        assert window.chat.open_conversation(conversation.id)
        answers[kind] = ask(qtbot, window, workstation, QUESTION)
        run = workstation.messages.path(conversation.id)[-1].run
        engines[kind] = run.backend if run else ""
        if folder:
            window.grab().save(str(Path(folder) / f"four-models-{kind}.png"))
    assert engines == {"float": "torch_transformers", "AWQ-4": "torch_transformers", "Q4_K_M": "llamacpp", "Q8_0": "llamacpp"}
    assert all("Yanmo" in answer or "研墨" in answer for answer in answers.values()), answers
