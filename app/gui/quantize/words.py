"""Names and sentences of the Quantize page that come from data, in the language of the window."""

from __future__ import annotations

from pathlib import Path

from app.gui.translation import tr
from models.card import ModelCard
from quantize.pipeline import Step


def source_name(card: ModelCard) -> str:
    """What a model is called where one is chosen to be made smaller: the starters' checkpoints have no name of their own."""
    if not card.is_starter:
        return card.name
    return tr("Starter with eyes") if Path(card.path).parent.name == "eyes" else tr("Starter")


def preset_name(file_type: str) -> str:
    """The name of a preset in plain words; the type itself where it is none."""
    names = {
        "Q8_0": tr("As good as the original"),
        "Q6_K": tr("Hardly a difference"),
        "Q5_K_M": tr("Very good"),
        "Q4_K_M": tr("Balanced"),
        "AWQ-4": tr("Balanced, for graphics cards"),
        "IQ4_XS": tr("Small"),
        "IQ3_M": tr("Tight"),
        "IQ2_M": tr("Tiny"),
    }
    return names.get(file_type, file_type)


def advice_of(file_type: str) -> str:
    """When to take a preset; empty where the type is none."""
    advice = {
        "Q8_0": tr("half the size, no difference in answers"),
        "Q6_K": tr("for those who have the room"),
        "Q5_K_M": tr("a little smaller, hard to tell apart"),
        "Q4_K_M": tr("what most people take"),
        "AWQ-4": tr("for vLLM, SGLang and mlx"),
        "IQ4_XS": tr("the smallest with four bits"),
        "IQ3_M": tr("where four bits do not fit"),
        "IQ2_M": tr("only for large models"),
    }
    return advice.get(file_type, "")


def step_words(step: Step) -> str:
    """What a step does, with its file and where it is."""
    kinds = {
        "convert": tr("Converting"),
        "projector": tr("Making the projector for pictures"),
        "imatrix": tr("Reading the importance matrix"),
        "quantize": tr("Quantizing"),
        "measure": tr("Measuring"),
    }
    layer = step.words.removeprefix("layer ") if step.words.startswith("layer ") else ""
    where = "  " + tr("layer {which}").format(which=layer) if layer else ""
    return f"{kinds.get(step.kind, step.kind)}  {step.file}  ({step.number}/{step.count}){where}"


def fault_words(fault: str) -> str:
    """Why a file is broken."""
    faults = {
        "nan": tr("Broken: it gives no numbers."),
        "noise": tr("Broken: it predicts worse than guessing."),
        "empty": tr("Broken: it writes nothing."),
        "repeats": tr("Broken: it writes the same again and again."),
    }
    return faults.get(fault, "")
