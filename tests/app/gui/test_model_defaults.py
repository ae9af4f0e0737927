"""A model's defaults, edited in the window."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from app.gui.main_window import MainWindow
from app.gui.models.defaults_dialog import DefaultsDialog
from app.gui.theme import LIGHT
from app.workstation import Workstation
from backends.options import Adapter, LoadOptions
from models.card import ModelCard
from models.errors import ModelError
from tests.quantize.test_lora import make_adapter
from tests.tiny_checkpoints import make_tiny_checkpoint
from tests.tiny_models import make_tiny_adapter, make_tiny_model


@pytest.fixture
def card(workstation: Workstation) -> ModelCard:
    folder = workstation.paths.models
    folder.mkdir(parents=True)
    make_tiny_model(folder / "big.gguf", name="Big")
    make_tiny_model(folder / "small.gguf", name="Small", layers=1)
    make_tiny_adapter(folder / "style.gguf", seed=3)
    make_tiny_adapter(folder / "foreign.gguf", seed=3, architecture="qwen2")
    return next(card for card in workstation.library.list_models() if card.name == "Big")


@pytest.fixture
def dialog(qtbot: QtBot, workstation: Workstation, card: ModelCard) -> DefaultsDialog:
    dialog = DefaultsDialog(workstation, LIGHT, card)
    qtbot.addWidget(dialog)
    return dialog


def style_of(workstation: Workstation) -> str:
    return str(workstation.paths.models / "style.gguf")


def test_what_is_chosen_is_kept_and_shown_again(
    qtbot: QtBot, dialog: DefaultsDialog, workstation: Workstation, card: ModelCard
) -> None:
    small = workstation.library.find("Small").id
    dialog.sampling.fields["temperature"].setText("0,6")
    dialog.sampling.fields["top_k"].setText("20")
    dialog.context.setValue(256)
    dialog.cache.setCurrentText("q8_0")
    dialog.engine.setCurrentIndex(dialog.engine.findData("llamacpp"))
    dialog.draft.setCurrentIndex(dialog.draft.findData(small))
    assert list(dialog.adapters.rows) == [style_of(workstation)]
    switch, strength = dialog.adapters.rows[style_of(workstation)]
    switch.setChecked(True)
    strength.setValue(0.4)
    dialog._begin_template()
    assert "im_start" in dialog.template.toPlainText()
    dialog.keep.click()
    assert dialog.result() == 1
    assert workstation.defaults.sampling(card.id) == {"temperature": 0.6, "top_k": 20}
    options = workstation.defaults.load_options(card.id)
    assert (options.context_length, options.kv_type, options.engine, options.draft_model) == (256, "q8_0", "llamacpp", small)
    assert options.adapters == (Adapter(style_of(workstation), 0.4),)
    assert "im_start" in options.chat_template
    again = DefaultsDialog(workstation, LIGHT, card)
    qtbot.addWidget(again)
    assert again.sampling.values() == {"temperature": 0.6, "top_k": 20}
    assert again.options() == options


@pytest.mark.parametrize("text", ["hot", "9", "1e400", "-1"])
def test_a_number_that_cannot_be_is_told_and_nothing_is_kept(
    dialog: DefaultsDialog, workstation: Workstation, card: ModelCard, text: str
) -> None:
    dialog.sampling.fields["temperature"].setText(text)
    dialog.context.setValue(256)
    dialog.keep.click()
    assert dialog.result() == 0
    assert "temperature" in dialog._trouble.text()
    assert workstation.defaults.load_options(card.id) == LoadOptions()


def test_a_broken_template_is_told(dialog: DefaultsDialog, workstation: Workstation, card: ModelCard) -> None:
    dialog.template.setPlainText("{% for %}")
    dialog.keep.click()
    assert dialog.result() == 0
    assert not dialog._trouble.isHidden()
    assert workstation.defaults.load_options(card.id) == LoadOptions()


def test_all_as_usual_forgets_everything(dialog: DefaultsDialog, workstation: Workstation, card: ModelCard) -> None:
    workstation.defaults.set_sampling(card.id, {"temperature": 0.1})
    workstation.defaults.set_load_options(card.id, LoadOptions(kv_type="q4_0", adapters=(Adapter(style_of(workstation)),)))
    dialog._show(LoadOptions(), {})
    dialog.keep.click()
    assert workstation.defaults.sampling(card.id) == {}
    assert workstation.defaults.load_options(card.id) == LoadOptions()


def test_an_adapter_that_lies_elsewhere_stays_chosen(
    qtbot: QtBot, workstation: Workstation, card: ModelCard, tmp_path: Path
) -> None:
    make_tiny_adapter(tmp_path / "elsewhere.gguf", seed=3)
    chosen = LoadOptions(adapters=(Adapter(str(tmp_path / "elsewhere.gguf"), 2.0),), draft_model="gone-123456")
    workstation.defaults.set_load_options(card.id, chosen)
    dialog = DefaultsDialog(workstation, LIGHT, card)
    qtbot.addWidget(dialog)
    assert dialog.options() == chosen


def test_a_checkpoint_is_offered_folders_of_peft_and_a_gguf_model_adapters_in_gguf(
    qtbot: QtBot, workstation: Workstation, card: ModelCard
) -> None:
    folder = workstation.paths.models
    checkpoint = make_tiny_checkpoint(folder / "checkpoint")
    make_adapter(folder / "manners", checkpoint, ("q_proj", "v_proj"))
    workstation.library.list_models()
    found = workstation.library.find(str(checkpoint))
    dialog = DefaultsDialog(workstation, LIGHT, found)
    qtbot.addWidget(dialog)
    assert list(dialog.adapters.rows) == [str(folder / "manners")]
    switch, strength = dialog.adapters.rows[str(folder / "manners")]
    switch.setChecked(True)
    strength.setValue(0.7)
    dialog.keep.click()
    assert workstation.defaults.load_options(found.id).adapters == (Adapter(str(folder / "manners"), 0.7),)
    other = DefaultsDialog(workstation, LIGHT, card)
    qtbot.addWidget(other)
    assert list(other.adapters.rows) == [style_of(workstation)]


def test_the_chat_shows_and_uses_what_was_chosen(
    window: MainWindow, qtbot: QtBot, workstation: Workstation, card: ModelCard
) -> None:
    workstation.defaults.set_sampling(card.id, {"temperature": 0.6, "top_k": 20})
    conversation = workstation.start_conversation(card.id)
    window.chat.open_conversation(conversation.id)
    sliders = window.chat.inspector._sliders
    assert (sliders["temperature"].value(), sliders["top_k"].value()) == (0.6, 20)
    workstation.defaults.set_sampling(card.id, {"temperature": 0.7})
    qtbot.waitUntil(lambda: sliders["temperature"].value() == 0.7, timeout=5000)
    assert sliders["top_k"].value() == 40


def test_a_model_of_another_server_has_sampling_of_its_own_and_no_memory(
    window: MainWindow, qtbot: QtBot, workstation: Workstation, card: ModelCard
) -> None:
    far = replace(card, id="far", path="remote:office/far", name="Far", format="remote", files=(), kind="chat")
    window.show_page("library")
    panel = window.library.library.panel
    panel.show_card(far)
    assert panel._defaults.isVisibleTo(panel) and not panel._context.isVisibleTo(panel)
    dialog = DefaultsDialog(workstation, LIGHT, far)
    qtbot.addWidget(dialog)
    assert dialog.tabs.isHidden()
    dialog.sampling.fields["temperature"].setText("0.3")
    dialog.keep.click()
    assert workstation.defaults.sampling("far") == {"temperature": 0.3}
    with pytest.raises(ModelError, match="another server"):
        workstation.planner.plan_card(far, LoadOptions())
