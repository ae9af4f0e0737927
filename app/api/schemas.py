"""What the bodies of requests look like, for the OpenAPI document. Unknown fields are always accepted."""

from __future__ import annotations

from typing import Any

_TEXT = {"type": "string"}
_SWITCH = {"type": "boolean"}
_NUMBER = {"type": "number"}
_WHOLE = {"type": "integer"}
_OBJECT = {"type": "object"}
_TEXTS = {"type": "array", "items": _TEXT}
_IDS = {"type": "array", "items": {"type": "integer", "minimum": 0}, "minItems": 1}


def _say(schema: dict[str, Any], description: str) -> dict[str, Any]:
    return {**schema, "description": description}


def _body(needed: tuple[str, ...], **fields: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": fields, "required": list(needed), "additionalProperties": True}


_MODEL = _say(_TEXT, "An id of /v1/models, a model's name, or an alias; the model in memory where it is left out.")
_SAMPLING: dict[str, dict[str, Any]] = {
    "temperature": {"type": "number", "minimum": 0, "maximum": 5},
    "top_p": {"type": "number", "minimum": 0, "maximum": 1},
    "top_k": {"type": "integer", "minimum": -1},
    "min_p": {"type": "number", "minimum": 0, "maximum": 1},
    "repeat_penalty": {"type": "number", "minimum": 0.5, "maximum": 3},
    "presence_penalty": {"type": "number", "minimum": -2, "maximum": 2},
    "frequency_penalty": {"type": "number", "minimum": -2, "maximum": 2},
    "seed": _WHOLE,
    "stop": {"anyOf": [_TEXT, _TEXTS]},
    "logit_bias": _OBJECT,
    "samplers": _say({"anyOf": [_TEXTS, _TEXT]}, "The steps of sampling in their order, by names, or letters as llama-server's."),
    "context_policy": _say(
        {"type": "string", "enum": ["refuse", "shift", "drop"]},
        "What happens to what is too long: it is refused, its middle is forgotten, or the oldest turns are left out.",
    ),
}
_MESSAGE = {
    "type": "object",
    "properties": {
        "role": {"type": "string", "enum": ["system", "developer", "user", "assistant", "tool"]},
        "content": {"anyOf": [_TEXT, {"type": "array", "items": _OBJECT}, {"type": "null"}]},
    },
    "required": ["role", "content"],
}
_MESSAGES = {"type": "array", "items": _MESSAGE, "minItems": 1}
_TOOLS = {"type": "array", "items": _OBJECT}
_CHAT = _body(
    ("messages",),
    model=_MODEL,
    messages=_MESSAGES,
    stream=_SWITCH,
    stream_options=_say(_OBJECT, "include_usage"),
    max_completion_tokens={"type": "integer", "minimum": 0},
    max_tokens={"type": "integer", "minimum": 0},
    n={"type": "integer", "minimum": 1, "maximum": 128},
    logprobs=_SWITCH,
    top_logprobs={"type": "integer", "minimum": 0, "maximum": 20},
    tools=_TOOLS,
    tool_choice={"anyOf": [_TEXT, _OBJECT]},
    response_format=_say(_OBJECT, "text, json_object, or json_schema with a schema that the reply then follows."),
    grammar=_say(_TEXT, "A grammar in llama.cpp's notation (GBNF) or Lark's."),
    reasoning_effort=_TEXT,
    chat_template_kwargs=_say(_OBJECT, "Further variables for the model's chat template."),
    **_SAMPLING,
)
_COMPLETION = _body(
    ("prompt",),
    model=_MODEL,
    prompt={"anyOf": [_TEXT, _TEXTS, _IDS, {"type": "array", "items": _IDS}]},
    max_tokens={"type": "integer", "minimum": 0},
    echo=_say(_SWITCH, "Tell the prompt too; with logprobs its likelihood."),
    logprobs={"type": "integer", "minimum": 0, "maximum": 100},
    suffix=_say(_TEXT, "What follows the gap that is to be filled."),
    n={"type": "integer", "minimum": 1, "maximum": 128},
    best_of={"type": "integer", "minimum": 1, "maximum": 128},
    stream=_SWITCH,
    **_SAMPLING,
)
_OLLAMA_MODEL = _body(("model",), model=_MODEL)
BODIES: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": _CHAT,
    "/v1/chat/completions/input_tokens": _body(("messages",), model=_MODEL, messages=_MESSAGES),
    "/v1/completions": _COMPLETION,
    "/v1/embeddings": _body(
        ("input",),
        model=_MODEL,
        input={"anyOf": [_TEXT, _TEXTS, _IDS, {"type": "array", "items": _IDS}]},
        encoding_format={"type": "string", "enum": ["float", "base64"]},
        dimensions={"type": "integer", "minimum": 1},
    ),
    "/v1/rerank": _body(
        ("query", "documents"), model=_MODEL, query=_TEXT, documents=_TEXTS, top_n={"type": "integer", "minimum": 1}
    ),
    "/v1/responses": _body(
        ("input",),
        model=_MODEL,
        input={"anyOf": [_TEXT, {"type": "array", "items": _OBJECT}]},
        instructions=_TEXT,
        stream=_SWITCH,
        store=_SWITCH,
        previous_response_id=_TEXT,
        max_output_tokens={"type": "integer", "minimum": 1},
        tools=_TOOLS,
        tool_choice={"anyOf": [_TEXT, _OBJECT]},
        text=_OBJECT,
        reasoning=_OBJECT,
        truncation=_say(
            {"type": "string", "enum": ["auto", "disabled"]}, "auto leaves out the oldest turns of what is too long."
        ),
        temperature=_SAMPLING["temperature"],
        top_p=_SAMPLING["top_p"],
    ),
    "/v1/responses/{id}/cancel": _body(()),
    "/v1/messages": _body(
        ("messages", "max_tokens"),
        model=_MODEL,
        messages=_MESSAGES,
        max_tokens={"type": "integer", "minimum": 1},
        system={"anyOf": [_TEXT, {"type": "array", "items": _OBJECT}]},
        stream=_SWITCH,
        tools=_TOOLS,
        tool_choice=_OBJECT,
        stop_sequences=_TEXTS,
        thinking=_OBJECT,
        temperature=_SAMPLING["temperature"],
        top_p=_SAMPLING["top_p"],
        top_k=_SAMPLING["top_k"],
    ),
    "/v1/messages/count_tokens": _body(("messages",), model=_MODEL, messages=_MESSAGES),
    "/api/show": _OLLAMA_MODEL,
    "/api/chat": _body(
        ("model", "messages"),
        model=_MODEL,
        messages={"type": "array", "items": _MESSAGE},
        stream=_SWITCH,
        options=_OBJECT,
        tools=_TOOLS,
    ),
    "/api/generate": _body(
        ("model",), model=_MODEL, prompt=_TEXT, suffix=_TEXT, system=_TEXT, raw=_SWITCH, stream=_SWITCH, options=_OBJECT
    ),
    "/api/embed": _body(("input",), model=_MODEL, input={"anyOf": [_TEXT, _TEXTS]}, dimensions={"type": "integer", "minimum": 1}),
    "/api/embeddings": _body(("prompt",), model=_MODEL, prompt=_TEXT),
    "/api/pull": _body(("model",), model=_say(_TEXT, "owner/name:variant on a hub"), stream=_SWITCH),
    "/api/v1/models/download": _body(("model",), model=_say(_TEXT, "owner/name:variant on a hub")),
    "/api/delete": _OLLAMA_MODEL,
    "/api/create": _body(
        ("model",),
        model=_TEXT,
        **{"from": _say(_TEXT, "a model that is here")},
        files=_say(_OBJECT, "names of GGUF files, and the digests under which they were sent"),
        system=_TEXT,
        parameters=_OBJECT,
        messages={"type": "array", "items": _MESSAGE},
        stream=_SWITCH,
    ),
    "/api/yanmo/fit": _body(
        (),
        model=_MODEL,
        context_length={"type": "integer", "minimum": 0},
        kv_type=_say(_TEXT, "f16, q8_0 …"),
        gpu_layers={"type": "integer", "minimum": -1},
        parallel={"type": "integer", "minimum": 1, "maximum": 128},
    ),
    "/api/copy": _body(("source", "destination"), source=_TEXT, destination=_TEXT),
    "/api/v1/chat": _body(
        ("model", "input"),
        model=_MODEL,
        input=_say({"anyOf": [_TEXT, {"type": "array", "items": _OBJECT}]}, "what to say; or messages and images"),
        system_prompt=_TEXT,
        previous_response_id=_TEXT,
        store=_SWITCH,
        stream=_SWITCH,
        reasoning={"type": "string", "enum": ["off", "low", "medium", "high", "on"]},
        max_output_tokens={"type": "integer", "minimum": 1},
        temperature=_SAMPLING["temperature"],
        top_p=_SAMPLING["top_p"],
        top_k=_SAMPLING["top_k"],
    ),
    "/api/v1/models/load": _OLLAMA_MODEL,
    "/api/v1/models/unload": _body(("instance_id",), instance_id=_TEXT),
    "/lora-adapters": {
        "type": "array",
        "items": {
            "type": "object",
            "properties": {"id": _WHOLE, "scale": {"type": "number", "minimum": -100, "maximum": 100}},
            "required": ["id", "scale"],
        },
    },
    "/tokenize": _body(("content",), model=_MODEL, content=_TEXT, add_special=_SWITCH, with_pieces=_SWITCH),
    "/detokenize": _body(("tokens",), model=_MODEL, tokens={"type": "array", "items": {"type": "integer", "minimum": 0}}),
    "/apply-template": _body(("messages",), model=_MODEL, messages=_MESSAGES),
    "/infill": _body((), model=_MODEL, input_prefix=_TEXT, input_suffix=_TEXT, n_predict=_WHOLE, stream=_SWITCH),
}
BODIES["/v1/reranking"] = BODIES["/v1/rerank"]
BODIES["/api/v0/chat/completions"] = BODIES["/v1/chat/completions"]
BODIES["/api/v0/completions"] = BODIES["/v1/completions"]
BODIES["/api/v0/embeddings"] = BODIES["/v1/embeddings"]
BODIES["/v1/responses/input_tokens"] = BODIES["/v1/responses"]

SUMMARIES: dict[str, str] = {
    "GET /v1/models": "Every model that can be asked",
    "GET /v1/models/{id}": "One model, with its context length",
    "POST /v1/chat/completions": "Answer a conversation",
    "POST /v1/chat/completions/input_tokens": "Count a conversation's tokens",
    "POST /v1/completions": "Continue texts, or tell how likely they are",
    "POST /v1/embeddings": "Vectors of texts",
    "POST /v1/rerank": "Order documents by how well they answer",
    "POST /v1/reranking": "The same as /v1/rerank",
    "POST /v1/responses": "Answer, in items and typed events",
    "POST /v1/responses/input_tokens": "Count the tokens of what would be answered",
    "GET /v1/responses/{id}": "A reply that was kept",
    "DELETE /v1/responses/{id}": "Forget a reply",
    "POST /v1/responses/{id}/cancel": "Refused: nothing runs in the background",
    "GET /v1/responses/{id}/input_items": "What a kept reply was asked",
    "POST /v1/messages": "Answer a conversation",
    "POST /v1/messages/count_tokens": "Count a conversation's tokens",
    "GET /": "“Ollama is running”",
    "GET /api/version": "The version of Ollama whose answers these are",
    "GET /api/tags": "Every model",
    "GET /api/ps": "The models in memory",
    "POST /api/show": "What is known of a model",
    "POST /api/chat": "Answer a conversation",
    "POST /api/generate": "Continue a prompt",
    "POST /api/embed": "Vectors of texts",
    "POST /api/embeddings": "The vector of one text",
    "POST /api/pull": "Download a model",
    "POST /api/create": "Make a model of one that is here, or of GGUF files",
    "HEAD /api/blobs/{digest}": "Whether a file was sent",
    "POST /api/blobs/{digest}": "Send a file",
    "POST /api/v1/models/download": "Begin a download",
    "GET /api/v1/models/download/status/{id}": "How far a download is",
    "DELETE /api/delete": "Remove a model",
    "POST /api/copy": "Another name for a model",
    "GET /api/v0/models": "Every model, with its state",
    "GET /api/v0/models/{id}": "One of them",
    "POST /api/v0/chat/completions": "Answer, with statistics",
    "POST /api/v0/completions": "Continue, with statistics",
    "POST /api/v0/embeddings": "Vectors of texts",
    "GET /api/v1/models": "Every model",
    "POST /api/v1/chat": "Add to a chat that is kept, told in events",
    "POST /api/v1/models/load": "Put a model in memory",
    "POST /api/v1/models/unload": "Free a model's memory",
    "POST /api/yanmo/fit": "What a model would take, and whether it fits",
    "GET /health": "Whether the server lives",
    "GET /v1/health": "Whether the server lives",
    "GET /props": "The model in memory",
    "GET /slots": "What is being answered",
    "GET /metrics": "Counters for Prometheus",
    "POST /tokenize": "Ids of a text",
    "POST /detokenize": "The text of ids",
    "POST /apply-template": "The prompt that messages become",
    "POST /infill": "Fill a gap",
    "POST /props": "Refused: properties are not changed by request",
    "POST /slots/{id}": "Refused: conversations are kept on disk without being asked",
    "GET /lora-adapters": "The LoRA adapters of the model in memory",
    "POST /lora-adapters": "Set how strongly each adapter speaks",
    "GET /openapi.json": "This document",
    "GET /docs": "This document, to read",
}
