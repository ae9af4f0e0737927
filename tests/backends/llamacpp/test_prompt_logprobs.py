"""How likely the prompt itself was, and what the tokenizer and the template tell beside a generation."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from backends.backend import GenerationRequest
from backends.events import PromptToken, TokenChosen
from backends.llamacpp.backend import LlamaCppBackend
from backends.messages import Message, ToolCallPart, ToolResultPart, make_text_message
from backends.options import LoadOptions
from backends.questions import Detokenize, Render, Tokenize
from backends.worker_link import WorkerLink
from models.errors import EngineUnavailable, InvalidOption
from tests.backends.requests import complete, make_options, run, text_of


def prompt_tokens_of(events: list[object]) -> list[PromptToken]:
    return [event for event in events if isinstance(event, PromptToken)]


def test_the_prompt_is_as_likely_as_if_the_model_had_written_it(backend: LlamaCppBackend) -> None:
    greedy = {"temperature": 0.0, "logprobs": 2}
    written = [e for e in run(backend, complete("once upon", max_tokens=30, **greedy)) if isinstance(e, TokenChosen)]
    start = backend.tokenize("once upon", add_special=True, parse_special=True)
    request = GenerationRequest(
        prompt_tokens=(*start, *(event.token for event in written)),
        options=make_options(max_tokens=1, prompt_logprobs=True, **greedy),
    )
    told = prompt_tokens_of(run(backend, request))
    assert [event.token for event in told] == list(request.prompt_tokens)
    assert told[0].logprob is None
    for again, before in zip(told[len(start) :], written, strict=True):
        assert again.token == before.token
        assert again.logprob == pytest.approx(before.logprob, abs=1e-3)
        assert again.alternatives[0][0] == before.alternatives[0][0]


def test_a_prompt_that_is_in_the_cache_is_told_whole_nevertheless(backend: LlamaCppBackend) -> None:
    asked = complete("a prompt that was read before " * 20, max_tokens=1, logprobs=0, prompt_logprobs=True)
    first, second = (prompt_tokens_of(run(backend, asked)) for _ in range(2))
    assert len(first) == len(backend.tokenize(asked.prompt or "", add_special=True, parse_special=True))
    assert [event.token for event in first] == [event.token for event in second]
    assert [event.logprob or 0 for event in first] == pytest.approx([event.logprob or 0 for event in second], abs=1e-3)


def test_a_long_prompt_is_told_once_though_it_is_read_in_pieces(backend: LlamaCppBackend) -> None:
    tokens = tuple(number % 256 for number in range(900))
    request = GenerationRequest(prompt_tokens=tokens, options=make_options(max_tokens=1, logprobs=0, prompt_logprobs=True))
    assert [event.token for event in prompt_tokens_of(run(backend, request))] == list(tokens)


def test_ids_that_the_model_does_not_have_are_refused(backend: LlamaCppBackend) -> None:
    for wrong in (-1, 10**6):
        with pytest.raises(InvalidOption):
            run(backend, GenerationRequest(prompt_tokens=(1, wrong)))
        with pytest.raises(InvalidOption):
            backend.detokenize([wrong])


def test_an_answer_begins_as_it_is_made_to_and_does_not_say_it_again(backend: LlamaCppBackend) -> None:
    request = GenerationRequest(
        messages=(make_text_message("user", "hi"),),
        answer_prefix="Sure: ",
        options=make_options(temperature=0.0, max_tokens=12),
    )
    whole = backend.render(request) + "Sure: "
    assert text_of(run(backend, request)) == text_of(run(backend, complete(whole, temperature=0.0, max_tokens=12)))


def test_a_process_tokenizes_renders_and_detokenizes_beside_its_work(tiny_model: Path) -> None:
    link = WorkerLink("llamacpp", str(tiny_model), LoadOptions(threads=1))
    try:
        assert "im_start" in link.load().chat_template
        text = "研墨 <|im_end|> the hell 🖋"
        tokens = link.ask(Tokenize(text))
        assert link.ask(Detokenize(tuple(tokens))).decode() == text
        assert len(link.ask(Tokenize(text, parse_special=False))) > len(tokens)
        assert link.ask(Tokenize("a", add_special=True))[0] != link.ask(Tokenize("a"))[0]
        assert "user\nhi<|im_end|>" in link.ask(Render(GenerationRequest(messages=(make_text_message("user", "hi"),))))
    finally:
        link.close()


def test_an_engine_without_a_tokenizer_says_so() -> None:
    link = WorkerLink("echo", "echo:", LoadOptions())
    try:
        link.load()
        with pytest.raises(EngineUnavailable):
            link.ask(Tokenize("a"))
    finally:
        link.close()


def test_a_template_without_tools_is_told_of_them_in_words(backend: LlamaCppBackend) -> None:
    tools = [{"type": "function", "function": {"name": "look_up", "description": "d", "parameters": {"type": "object"}}}]
    messages = (
        make_text_message("system", "Be kind."),
        make_text_message("user", "hi"),
        Message("assistant", (ToolCallPart("1", "look_up", '{"a": "墨"}'),)),
        Message("tool", (ToolResultPart("1", "found it"),)),
    )
    text = backend.render(GenerationRequest(messages=messages, template_values=json.dumps({"tools": tools})))
    assert text.index("Be kind.") < text.index('"name": "look_up"') < text.index("user\nhi")
    assert '<tool_call>{"name": "look_up", "arguments": {"a": "墨"}}</tool_call>' in text
    assert "user\n<tool_response>found it</tool_response>" in text
