"""The order of the sampling steps and the rarer temperatures are chosen beside the other samplers."""

from __future__ import annotations

from app.gui.chat.inspector import Inspector
from app.gui.main_window import MainWindow
from app.workstation import Workstation
from backends.options import SAMPLER_STEPS


def write(inspector: Inspector, text: str) -> None:
    inspector.sampler_order.field.setText(text)
    inspector.sampler_order.field.editingFinished.emit()


def test_an_order_and_the_rarer_samplers_are_kept_with_the_conversation(window: MainWindow, workstation: Workstation) -> None:
    conversation = window.chat.conversation_id
    assert conversation is not None
    inspector = window.chat.inspector
    write(inspector, "temperature,  top_k")
    for name, value in (("top_n_sigma", 1.5), ("temperature_range", 0.4), ("temperature_exponent", 2.0)):
        inspector._sliders[name].field.setValue(value)
    inspector.flush()
    kept = workstation.conversations.get(conversation).options
    assert kept["sampler_order"] == ["temperature", "top_k"]
    sampling = kept["sampling"]
    assert [sampling[name] for name in ("top_n_sigma", "temperature_range", "temperature_exponent")] == [1.5, 0.4, 2.0]
    write(inspector, "")
    inspector.flush()
    assert tuple(workstation.conversations.get(conversation).options["sampler_order"]) == SAMPLER_STEPS


def test_an_order_that_makes_no_sense_is_explained_and_not_kept(window: MainWindow) -> None:
    inspector = window.chat.inspector
    told: list[object] = []
    inspector.sampler_order.changed.connect(told.append)
    for wrong in ("top_k, top_q", "top_k, top_k"):
        write(inspector, wrong)
        assert not inspector.sampler_order.error.isHidden()
        assert "sampler_order" in inspector.sampler_order.error.text()
    assert told == []
    write(inspector, "top_k")
    assert inspector.sampler_order.error.isHidden()
    assert told == [("top_k",)]
