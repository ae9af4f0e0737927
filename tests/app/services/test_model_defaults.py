"""What a model is used with where nobody says otherwise."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from app.workstation import Workstation
from backends.messages import TextPart
from backends.options import GenerationOptions, LoadOptions, SamplingOptions
from models.errors import InvalidOption

MODEL = "echo:?words=3"


def sampling_of(workstation: Workstation, conversation_id: str) -> SamplingOptions:
    return workstation.chat.options_of(workstation.conversations.get(conversation_id)).sampling


def test_a_conversation_without_a_wish_of_its_own_is_answered_as_its_model_wants(workstation: Workstation, recorder: Any) -> None:
    workstation.defaults.set_sampling(MODEL, {"temperature": 0.25, "top_k": 7})
    conversation = workstation.start_conversation(MODEL)
    assert conversation.preset == "Balanced"
    workstation.chat.send(conversation.id, [TextPart("hello")])
    recorder.wait_for_reply()
    run = workstation.messages.path(conversation.id)[-1].run
    assert run is not None
    assert run.options["sampling"] == {**GenerationOptions().to_json()["sampling"], "temperature": 0.25, "top_k": 7}
    assert run.options["seed"] == run.seed


def test_what_the_conversation_or_its_preset_says_wins(workstation: Workstation) -> None:
    workstation.defaults.set_sampling(MODEL, {"temperature": 0.25, "top_k": 7})
    own = workstation.conversations.create(model=MODEL, preset="Balanced")
    workstation.conversations.update(own.id, options={"sampling": {"temperature": 1.5}})
    assert sampling_of(workstation, own.id) == SamplingOptions(temperature=1.5, top_k=7)
    chosen = workstation.conversations.create(model=MODEL, preset="Creative")
    assert sampling_of(workstation, chosen.id).temperature == 1.1
    other = workstation.conversations.create(model="echo:", preset="Balanced")
    assert sampling_of(workstation, other.id) == SamplingOptions()


def test_the_starter_is_sure_of_itself_unless_somebody_chose_for_it(workstation: Workstation) -> None:
    starter = workstation.starter_model()
    assert workstation.plan_conversation(starter).preset == "Deterministic"
    workstation.defaults.set_sampling(starter, {"temperature": 0.4})
    assert workstation.plan_conversation(starter).preset == "Balanced"


def test_defaults_are_checked_kept_and_forgotten(workstation: Workstation) -> None:
    defaults = workstation.defaults
    with pytest.raises(InvalidOption):
        defaults.set_sampling(MODEL, {"temperature": 9.0})
    defaults.set_sampling(MODEL, {"min_p": 0.2})
    defaults.set_load_options(MODEL, LoadOptions(kv_type="q8_0"))
    assert defaults.sampling(MODEL) == {"min_p": 0.2}
    assert workstation.engines.options_for(MODEL).kv_type == "q8_0"
    defaults.forget(MODEL)
    assert (defaults.sampling(MODEL), defaults.load_options(MODEL)) == ({}, LoadOptions())
    assert workstation.settings.get("model.load_options") == workstation.settings.get("model.sampling") == {}


def test_what_an_older_version_wrote_counts_as_not_set(workstation: Workstation) -> None:
    workstation.settings.set("model.sampling", {MODEL: {"temperature": "hot", "unknown": 1}, "echo:": 3})
    assert workstation.defaults.sampling(MODEL) == workstation.defaults.sampling("echo:") == {}
    workstation.settings.set("model.load_options", {MODEL: {"kv_type": "q9"}})
    assert workstation.defaults.load_options(MODEL) == LoadOptions()


def test_a_request_is_completed_where_it_says_nothing(workstation: Workstation) -> None:
    workstation.defaults.set_sampling(MODEL, {"temperature": 0.25, "top_k": 7})
    asked = GenerationOptions(sampling=SamplingOptions(temperature=0.8), seed=3)
    done = workstation.defaults.complete(MODEL, asked, {"temperature"})
    assert done == replace(asked, sampling=SamplingOptions(temperature=0.8, top_k=7))
