"""A request of ours as the JSON body that OpenAI-compatible servers take."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from backends.backend import GenerationRequest
from backends.messages import (
    AudioPart,
    FilePart,
    ImagePart,
    Message,
    Part,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)
from backends.options import SAMPLER_STEPS, GenerationOptions, SamplingOptions
from backends.remote.address import RemoteAddress
from backends.remote.capabilities import Capabilities
from models.errors import AttachmentRefused
from models.remote_errors import RemoteRefused

_USUAL = SamplingOptions()
_SHARED = ("top_k", "min_p")
"""Settings that all local servers have beside OpenAI's, under one name; what a person sees set is what is sent."""
_LLAMA = (
    *("typical_p", "repeat_last_n", "dry_multiplier", "dry_base", "dry_allowed_length"),
    *("xtc_probability", "xtc_threshold", "mirostat", "mirostat_tau", "mirostat_eta", "top_n_sigma"),
)
"""Those that only llama.cpp knows, and so llama-server and another Yanmo."""
_LLAMA_SERVERS = ("llamacpp", "yanmo")


def make_body(request: GenerationRequest, address: RemoteAddress, can: Capabilities) -> tuple[str, dict[str, Any]]:
    """The endpoint under the base address, and the body for it.

    Raises:
        RemoteRefused: something is asked for that cannot be asked of this server.
        AttachmentRefused: a picture or a sound cannot be read.
    """
    body: dict[str, Any] = {"model": address.model, "stream": True, "stream_options": {"include_usage": True}}
    body |= _make_settings(request.options, address, can)
    if request.messages:
        body["messages"] = make_messages(request.messages)
        body |= _make_chat_fields(request, address, can)
        return "/chat/completions", body
    body["prompt"] = list(request.prompt_tokens) if request.prompt_tokens else request.prompt or ""
    if request.suffix is not None:
        body["suffix"] = request.suffix
    if request.options.logprobs is not None:
        body["logprobs"] = request.options.logprobs
    return "/completions", body


def _make_settings(options: GenerationOptions, address: RemoteAddress, can: Capabilities) -> dict[str, Any]:
    sampling = options.sampling
    if options.prompt_logprobs:
        raise RemoteRefused(server=address.server, reason="The probabilities of a prompt are not asked of other servers.")
    body: dict[str, Any] = {"temperature": sampling.temperature, "top_p": sampling.top_p}
    for name in ("presence_penalty", "frequency_penalty"):
        if getattr(sampling, name):
            body[name] = getattr(sampling, name)
    if can.takes_extensions:
        body |= {name: getattr(sampling, name) for name in _SHARED}
        unusual = [name for name in _LLAMA if getattr(sampling, name) != getattr(_USUAL, name)]
        body |= {name: getattr(sampling, name) for name in unusual if can.server in _LLAMA_SERVERS}
        if options.ignore_eos:
            body["ignore_eos"] = True
        if options.sampler_order != SAMPLER_STEPS and can.server in _LLAMA_SERVERS:
            body["samplers"] = list(options.sampler_order)
        if sampling.repeat_penalty != _USUAL.repeat_penalty:
            body |= {"repeat_penalty": sampling.repeat_penalty, "repetition_penalty": sampling.repeat_penalty}
    if options.max_tokens:
        body[can.limit_name] = options.max_tokens
    if options.stop:
        body["stop"] = list(options.stop)
    if options.seed is not None:
        body["seed"] = options.seed
    if options.logit_bias:
        body["logit_bias"] = {str(token): bias for token, bias in options.logit_bias}
    if options.schema:
        form = {"name": "answer", "schema": json.loads(options.schema), "strict": True}
        body["response_format"] = {"type": "json_schema", "json_schema": form}
    if options.grammar:
        if can.server not in _LLAMA_SERVERS:
            raise RemoteRefused(server=address.server, reason="It takes a JSON schema as the form of a reply, and no grammar.")
        body["grammar"] = options.grammar
    return body


def _make_chat_fields(request: GenerationRequest, address: RemoteAddress, can: Capabilities) -> dict[str, Any]:
    body: dict[str, Any] = {}
    if request.options.logprobs is not None:
        body |= {"logprobs": True, "top_logprobs": request.options.logprobs}
    values = json.loads(request.template_values) if request.template_values else {}
    tools = values.pop("tools", None)
    if tools:
        body["tools"] = tools
        if request.must_call:
            names = [tool["function"]["name"] for tool in tools]
            body["tool_choice"] = "required" if len(names) > 1 else {"type": "function", "function": {"name": names[0]}}
    if "reasoning_effort" in values:
        body["reasoning_effort"] = values.pop("reasoning_effort")
    if values and can.takes_extensions:
        body["chat_template_kwargs"] = values
    if request.continue_last:
        if not can.takes_extensions:
            raise RemoteRefused(server=address.server, reason="It cannot go on with a reply that was begun.")
        body |= {"continue_final_message": True, "add_generation_prompt": False}
    return body


def make_messages(messages: Sequence[Message]) -> list[dict[str, Any]]:
    """Messages in OpenAI's shape. Raises AttachmentRefused."""
    shown = []
    for message in messages:
        results = [part for part in message.parts if isinstance(part, ToolResultPart)]
        shown += [{"role": "tool", "tool_call_id": part.id, "content": part.content} for part in results]
        parts = [part for part in message.parts if not isinstance(part, ToolResultPart)]
        if parts or not results:
            shown.append(_make_message(message.role, parts))
    return shown


def _make_message(role: str, parts: Sequence[Part]) -> dict[str, Any]:
    calls = [part for part in parts if isinstance(part, ToolCallPart)]
    thoughts = "".join(part.text for part in parts if isinstance(part, ReasoningPart))
    content = [_make_part(part) for part in parts if not isinstance(part, ToolCallPart | ReasoningPart)]
    value: dict[str, Any] = {"role": role}
    if all(part["type"] == "text" for part in content):
        text = "".join(part["text"] for part in content)
        value["content"] = text if text or not calls else None
    else:
        value["content"] = content
    if calls:
        function = [{"name": call.name, "arguments": call.arguments} for call in calls]
        ids = [call.id or f"call_{number}" for number, call in enumerate(calls)]
        value["tool_calls"] = [
            {"id": number, "type": "function", "function": each} for number, each in zip(ids, function, strict=True)
        ]
        if thoughts:
            value["reasoning_content"] = thoughts  # models that think between calls want to see what they thought
    return value


def _make_part(part: Part) -> dict[str, Any]:
    match part:
        case ImagePart():
            return {"type": "image_url", "image_url": {"url": f"data:{part.mime};base64,{_read_file(part.path)}"}}
        case AudioPart():
            kind = part.mime.partition("/")[2].removeprefix("x-")
            return {"type": "input_audio", "input_audio": {"data": _read_file(part.path), "format": kind}}
        case FilePart():
            return {"type": "text", "text": f"{part.name}\n```\n{part.text}\n```\n"}
        case TextPart():
            return {"type": "text", "text": part.text}
        case _:
            return {"type": "text", "text": ""}


def _read_file(path: str) -> str:
    try:
        return base64.b64encode(Path(path).read_bytes()).decode("ascii")
    except OSError as error:
        raise AttachmentRefused(file=Path(path).name, reason=f"It cannot be read: {error.strerror or error}.") from error
