"""Settings of a request that change the answer: each does what its name says in every dialect that takes it, or is refused."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from backends.options import SAMPLER_STEPS
from tests.app.api.conftest import Served, open_server
from tests.tiny_models import make_tiny_model

HOT: dict[str, Any] = {"temperature": 1.8, "seed": 3, "max_tokens": 24, "top_k": 0, "top_p": 0.6, "min_p": 0.2}
USUAL = "edskypmxt"
HELLO = [{"role": "user", "content": "Hello!"}]
SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}}


def complete(served: Served, **more: Any) -> str:
    body = {"model": served.tiny, "prompt": "Once upon a time", **HOT, **more}
    return str(served.post("/v1/completions", body).json()["choices"][0]["text"])


def asked(served: Served) -> Any:
    """The settings of the newest call, as the engine was given them."""
    request = served.workstation.server.log.list()[-1].request
    assert request is not None
    return request.options


def refusal(served: Served, path: str = "/v1/completions", **more: Any) -> tuple[int, str | None]:
    reply = served.post(path, {"model": served.tiny, "prompt": "x", "messages": HELLO, "input": "x", "max_tokens": 2, **more})
    error = reply.json().get("error")
    return reply.status_code, error["param"] if isinstance(error, dict) and "param" in error else None


def test_the_order_of_samplers_changes_the_text_and_letters_say_the_same_as_names(served: Served) -> None:
    usual = complete(served)
    hot_first = ["temperature", "top_p", "min_p"]
    turned = complete(served, samplers=hot_first)
    assert turned != usual
    assert complete(served, samplers="tpm") == complete(served, samplers=["TEMP", "top-p", "minp"]) == turned
    assert asked(served).sampler_order == tuple(hot_first)
    assert complete(served, samplers=USUAL) == complete(served, samplers=list(SAMPLER_STEPS)) == usual
    assert complete(served, samplers=["penalties", "typ_p"]) == complete(served, samplers=["penalties", "typical_p"]) != usual


def test_a_sampler_that_is_left_out_is_off(served: Served) -> None:
    off = {"top_p": 1.0, "min_p": 0.0}
    assert complete(served, samplers=["temperature"]) == complete(served, **off) != complete(served)
    assert complete(served, samplers=[]) == complete(served, **off, temperature=1.0)
    assert complete(served, samplers=["temperature", "adaptive_p"]) == complete(served, samplers="ta") == complete(served, **off)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/chat/completions", {"messages": HELLO}),
        ("/v1/responses", {"input": "x", "max_output_tokens": 2}),
        ("/v1/messages", {"messages": HELLO}),
        ("/infill", {"input_prefix": "a", "input_suffix": "b"}),
        ("/api/v0/chat/completions", {"messages": HELLO}),
        ("/api/v1/chat", {"input": "x"}),
    ],
)
def test_every_dialect_takes_an_order_of_samplers(served: Served, path: str, body: dict[str, Any]) -> None:
    served.post(path, {"model": served.tiny, "max_tokens": 2, "samplers": "kt", **body})
    if path != "/infill":  # the tiny model cannot fill gaps, but its settings are read first
        assert asked(served).sampler_order == ("top_k", "temperature")
    assert served.post(path, {"model": served.tiny, "max_tokens": 2, "samplers": "kz", **body}).status_code == 400


def test_ollamas_options_take_an_order_of_samplers(served: Served) -> None:
    options = {"num_predict": 2, "samplers": ["top_k", "temperature"]}
    assert served.post("/api/chat", {"model": served.tiny, "messages": HELLO, "options": options}).status_code == 200
    assert asked(served).sampler_order == ("top_k", "temperature")
    wrong = {"num_predict": 2, "samplers": 5}
    assert served.post("/api/chat", {"model": served.tiny, "messages": HELLO, "options": wrong}).status_code == 400


@pytest.mark.parametrize("wrong", ["kz", "top_k;top_p", "kk", ["top_k", "top_k"], ["typ_p", "typical_p"], ["magic"], [5], 5, {}])
def test_samplers_that_make_no_sense_are_refused(served: Served, wrong: Any) -> None:
    assert refusal(served, samplers=wrong) == (400, "samplers")


def test_the_exponent_of_a_moving_temperature_counts(served: Served) -> None:
    moving = {"dynatemp_range": 1.5, "temperature": 1.5}
    assert complete(served, **moving, dynatemp_exponent=4.0) != complete(served, **moving)
    assert asked(served).sampling.temperature_exponent == 1.0
    assert refusal(served, dynatemp_exponent="steep") == (400, "dynatemp_exponent")


def test_top_k_of_minus_one_is_off_and_less_is_refused(served: Served) -> None:
    assert complete(served, top_k=-1) == complete(served, top_k=0)
    assert asked(served).sampling.top_k == 0
    assert refusal(served, top_k=-2)[0] == 400


def test_ends_of_text_can_be_forbidden(served: Served) -> None:
    complete(served, ignore_eos=True)
    assert asked(served).ignore_eos
    assert refusal(served, ignore_eos="perhaps") == (400, "ignore_eos")
    assert complete(served, ignore_eos=False) == complete(served)


@pytest.mark.parametrize(
    "form",
    [
        {"json_schema": SCHEMA},
        {"response_format": {"type": "json_object"}},
        {"response_format": {"type": "json_schema", "json_schema": {"schema": SCHEMA}}},
    ],
)
def test_a_grammar_beside_a_schema_is_refused(served: Served, form: dict[str, Any]) -> None:
    for path in ("/v1/completions", "/v1/chat/completions"):
        assert refusal(served, path, grammar='root ::= "a"', **form) == (400, "grammar")
        assert refusal(served, path, grammar="", **form) == (200, None)
    assert refusal(served, grammar='root ::= "a"', response_format={"type": "text"}) == (200, None)


def test_n_probs_tells_as_many_likelihoods_as_logprobs_would(served: Served) -> None:
    body = {"model": served.tiny, "prompt": "Once", "max_tokens": 4, "temperature": 0}
    text, same = (
        served.post("/v1/completions", {**body, name: 3}).json()["choices"][0]["logprobs"] for name in ("n_probs", "logprobs")
    )
    assert (len(text["tokens"]), text["tokens"]) == (4, same["tokens"])
    assert [list(top) for top in text["top_logprobs"]] == [list(top) for top in same["top_logprobs"]]
    assert text["token_logprobs"] == pytest.approx(same["token_logprobs"], abs=1e-4)
    chat = {"model": served.tiny, "messages": HELLO, "max_tokens": 4, "temperature": 0}
    told = served.post("/v1/chat/completions", {**chat, "n_probs": 3}).json()["choices"][0]["logprobs"]["content"]
    assert [len(token["top_logprobs"]) for token in told] == [3] * 4
    assert served.post("/v1/chat/completions", {**chat, "n_probs": 0}).json()["choices"][0]["logprobs"] is None
    for wrong in (-1, 101, "many", 1.5):
        assert refusal(served, n_probs=wrong) == (400, "n_probs")


@pytest.fixture(scope="module")
def guessing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The slow model guesses what it repeats: with steps that long guessing pays on a busy machine too."""
    served = open_server(tmp_path_factory.mktemp("guessing") / "data", most=2)
    defaults = served.workstation.defaults
    defaults.set_load_options(served.slow, replace(defaults.load_options(served.slow), lookup_tokens=8))
    yield served
    served.workstation.close()


def metric(served: Served, name: str) -> float:
    return float(served.get("/metrics").text.split(f"\nyanmo:{name} ")[1].split("\n")[0])


def test_timings_and_metrics_tell_how_many_guesses_were_right(guessing: Served) -> None:
    body = {"model": guessing.slow, "prompt": "a" * 20, "max_tokens": 100, "temperature": 0, "logit_bias": {str(ord("a")): 100}}
    made = guessing.post("/v1/completions", body).json()
    timings = made["timings"]
    assert made["choices"][0]["text"] == "a" * 100
    assert timings["draft_n"] >= timings["draft_n_accepted"] > 0
    assert metric(guessing, "drafted_tokens_total") == timings["draft_n"]
    assert metric(guessing, "drafted_tokens_accepted_total") == timings["draft_n_accepted"]
    plain = guessing.post("/v1/completions", {"model": guessing.starter, "prompt": "Hello", "max_tokens": 4}).json()["timings"]
    assert not {"draft_n", "draft_n_accepted"} & set(plain)


def test_a_filled_gap_tells_likelihoods_in_llama_servers_shape(guessing: Served) -> None:
    file = make_tiny_model(Path(guessing.workstation.paths.data) / "filler.gguf", name="Filler", infill=True)
    model = guessing.workstation.library.import_model(file).id
    body = {"model": model, "input_prefix": "a", "input_suffix": "b", "n_predict": 5, "n_probs": 2, "temperature": 0}
    told = guessing.post("/infill", body).json()["completion_probabilities"]
    assert len(told) == 5 and all(set(one) == {"id", "token", "bytes", "logprob", "top_logprobs"} for one in told)
    assert all(len(one["top_logprobs"]) == 2 and one["top_logprobs"][0]["id"] == one["id"] for one in told)
    lines = guessing.post("/infill", {**body, "stream": True}).text.split("\n")
    pieces = [json.loads(line[6:]) for line in lines if line.startswith("data: {")]
    streamed = [one["id"] for piece in pieces for one in piece.get("completion_probabilities", ())]
    assert streamed == [one["id"] for one in told]
    assert "completion_probabilities" not in guessing.post("/infill", {**body, "n_probs": 0}).json()
