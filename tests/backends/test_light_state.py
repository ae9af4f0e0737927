"""What travels with every request is the same on the other side, and nobody looks up its fields on the way."""

from __future__ import annotations

import copy
import dataclasses
import pickle

import pytest

from backends import events, options
from backends.backend import GenerationRequest
from backends.light_state import travelling
from backends.messages import make_text_message
from backends.worker_protocol import Command, Events, Generate, Report, pack

REQUEST = GenerationRequest(
    (make_text_message("user", "你好"),),
    options=options.GenerationOptions(
        options.SamplingOptions(temperature=0.5, top_k=3),
        7,
        ("。",),
        1,
        logit_bias=((3, -1.0),),
        adapters=(options.Adapter("a.gguf", 0.5),),
    ),
    prompt_tokens=(1, 2, 3),
    template_values='{"a": 1}',
)
TOKEN = (5, b"\xe4\xbd", -0.5, ((6, b"b", -1.5),))
NEWS = (
    events.PromptProgress(1, 2, 1),
    events.TextDelta("研墨", 3),
    events.ReasoningDelta("hm", 2),
    events.TokenChosen(*TOKEN),
    events.PromptToken(5, b"a", None),
    events.Finished("stop", events.Usage(1, 2, 3, 0.5, drafted_tokens=4), 9, "end"),
)


@pytest.mark.parametrize("message", [Generate(4, REQUEST), Events(tuple((3, event) for event in NEWS))], ids=["there", "back"])
def test_a_message_is_the_same_on_the_other_side(message: Command | Report, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dataclasses, "fields", None)
    read = pickle.loads(pack(message))
    assert read == message
    assert repr(read) == repr(message), "also what no comparison looks at"


def test_what_stands_in_for_a_value_by_copying_is_complete_too() -> None:
    assert repr(copy.deepcopy(REQUEST)) == repr(REQUEST)
    copied = copy.copy(NEWS[0])
    assert repr(copied) == repr(NEWS[0])
    with pytest.raises(dataclasses.FrozenInstanceError):
        copied.done = 5  # type: ignore[misc]


def test_a_state_of_another_shape_is_refused() -> None:
    @travelling
    @dataclasses.dataclass(frozen=True, slots=True)
    class Pair:
        left: int
        right: int

    with pytest.raises(ValueError, match="zip"):
        Pair.__new__(Pair).__setstate__((1,))  # type: ignore[attr-defined]
