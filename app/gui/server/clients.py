"""How the programs that people use are told of this server: settings to copy, and a first request in two languages of shell and code."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

CLIENTS: dict[str, Callable[[str, str, str], str]] = {
    "OpenAI SDK (Python)": lambda url, model, key: (
        f'from openai import OpenAI\n\nclient = OpenAI(base_url="{url}/v1", api_key="{key}")\n'
        f'reply = client.chat.completions.create(model="{model}", messages=[{{"role": "user", "content": "Hello!"}}])\n'
        "print(reply.choices[0].message.content)"
    ),
    "Anthropic SDK (Python)": lambda url, model, key: (
        f'from anthropic import Anthropic\n\nclient = Anthropic(base_url="{url}", api_key="{key}")\n'
        f'reply = client.messages.create(model="{model}", max_tokens=60, messages=[{{"role": "user", "content": "Hello!"}}])\n'
        "print(reply.content[0].text)"
    ),
    "Claude Code": lambda url, model, key: (
        f"export ANTHROPIC_BASE_URL={url}\nexport ANTHROPIC_AUTH_TOKEN={key}\nexport ANTHROPIC_MODEL={model}\n"
        f"export ANTHROPIC_DEFAULT_HAIKU_MODEL={model}\nexport CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1\nclaude"
    ),
    "Codex": lambda url, model, key: (
        f'# ~/.codex/config.toml\nmodel = "{model}"\nmodel_provider = "yanmo"\n\n[model_providers.yanmo]\nname = "Yanmo"\n'
        f'base_url = "{url}/v1"\nwire_api = "responses"\nexperimental_bearer_token = "{key}"'
    ),
    "opencode": lambda url, model, key: (
        "// ~/.config/opencode/opencode.json\n" + json.dumps(_opencode(url, model, key), indent=2)
    ),
    "Cline": lambda url, model, key: (
        f"cline auth -p openai-compatible -b {url}/v1 -k {key} -m {model}\n\n"
        f"# VS Code: OpenAI Compatible\n# Base URL: {url}/v1\n# API Key: {key}\n# Model ID: {model}"
    ),
    "Continue": lambda url, model, key: (
        "# ~/.continue/config.yaml\nname: Yanmo\nversion: 1.0.0\nschema: v1\nmodels:\n  - name: Yanmo\n    provider: openai\n"
        f"    model: {model}\n    apiBase: {url}/v1\n    apiKey: {key}\n    roles: [chat, edit, apply]"
    ),
    "Zed": lambda url, model, key: (
        '{\n  "language_models": {\n    "lmstudio": { "api_url": "' + url + f'/api/v0" }}\n  }}\n}}\n// {model}, {key}'
    ),
    "Open WebUI": lambda url, model, key: (
        f"export OPENAI_API_BASE_URL={url}/v1\nexport OPENAI_API_KEY={key}\nexport ENABLE_OLLAMA_API=False\nopen-webui serve  # {model}"
    ),
    "Cherry Studio": lambda url, model, key: f"OpenAI\nAPI Host: {url}\nAPI Key: {key}\nModel ID: {model}",
    "aider": lambda url, model, key: (
        f"export OPENAI_API_BASE={url}/v1\nexport OPENAI_API_KEY={key}\naider --model openai/{model}"
    ),
    "lm-evaluation-harness": lambda url, model, key: (
        f"export OPENAI_API_KEY={key}\nlm_eval --model local-completions --tasks arc_easy --model_args \\\n"
        f"  model={model},base_url={url}/v1/completions,tokenizer=FOLDER_OR_NAME,num_concurrent=4"
    ),
    "Ollama": lambda url, model, key: f"export OLLAMA_HOST={url}\nollama run {model}  # {key}",
    "curl": lambda url, model, key: as_curl(
        url, "/v1/chat/completions", {"model": model, "messages": [{"role": "user", "content": "Hello!"}]}, key
    ),
}


def _opencode(url: str, model: str, key: str) -> dict[str, Any]:
    options = {"baseURL": f"{url}/v1", "apiKey": key}
    provider = {"npm": "@ai-sdk/openai-compatible", "name": "Yanmo", "options": options, "models": {model: {"name": model}}}
    return {"$schema": "https://opencode.ai/config.json", "provider": {"yanmo": provider}, "model": f"yanmo/{model}"}


def as_curl(url: str, path: str, body: dict[str, Any], key: str) -> str:
    """A call as a line for a shell."""
    text = json.dumps(body, ensure_ascii=False).replace("'", "'\\''")
    return f"curl {url}{path} -H 'Content-Type: application/json' -H 'Authorization: Bearer {key}' -d '{text}'"


def as_python(url: str, path: str, body: dict[str, Any], key: str) -> str:
    """A call as a piece of Python."""
    headers = {"Authorization": f"Bearer {key}"}
    return (
        f"import httpx\n\nreply = httpx.post({url + path!r}, headers={headers!r}, timeout=600,\n    json={body!r})\n"
        "reply.raise_for_status()\nprint(reply.text)"
    )


Requests = tuple[tuple[str, dict[str, Any] | None], ...]
_HELLO = [{"role": "user", "content": "Hello!"}]


def make_requests(client: str, model: str) -> Requests:
    """What a program sends first, as it sends it: endpoints with bodies (none for a GET), the last of which is a question."""
    chat: dict[str, Any] = {"model": model, "messages": _HELLO, "max_tokens": 40, "stream": True}
    match client:
        case "Claude Code" | "Anthropic SDK (Python)":
            counted = {"model": model, "messages": _HELLO}
            return ("/v1/messages/count_tokens", counted), ("/v1/messages", chat)
        case "Codex":
            question = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hello!"}]}
            return (
                ("/v1/responses", {"model": model, "input": [question], "stream": True, "max_output_tokens": 40, "store": False}),
            )
        case "Zed":
            return ("/api/v0/models", None), ("/api/v0/chat/completions", chat)
        case "Ollama":
            ollama = {"model": model, "messages": _HELLO, "options": {"num_predict": 40}}
            return ("/api/version", None), ("/api/tags", None), ("/api/show", {"model": model}), ("/api/chat", ollama)
        case "OpenAI SDK (Python)" | "curl":
            return (("/v1/chat/completions", {"model": model, "messages": _HELLO, "max_tokens": 40}),)
        case "lm-evaluation-harness":
            likely = {
                "model": model,
                "prompt": "Hello!",
                "max_tokens": 1,
                "logprobs": 1,
                "echo": True,
                "temperature": 0,
                "seed": 1234,
            }
            return (("/v1/completions", likely),)
        case _:
            usage = {"stream_options": {"include_usage": True}}
            return ("/v1/models", None), ("/v1/chat/completions", {**chat, **usage})


def find_text(reply: str) -> str:
    """What was said, out of the answer in any dialect: whole, as an event stream, or as lines of JSON."""
    pieces = []
    for line in reply.splitlines() if not reply.lstrip().startswith("{\n") else [reply]:
        text = line.removeprefix("data:").strip()
        try:
            value = json.loads(text)
        except ValueError:
            continue
        pieces.append(_text_of(value) if isinstance(value, dict) else "")
    return "".join(pieces)


def _text_of(value: dict[str, Any]) -> str:
    """The words of one object; each dialect has its own place for them."""
    if value.get("type") == "response.output_text.delta":
        return str(value.get("delta") or "")
    if value.get("type") == "content_block_delta":
        return str(value["delta"].get("text") or "")
    for choice in value.get("choices") or ():
        part = choice.get("delta") or choice.get("message") or {}
        return str(part.get("content") or choice.get("text") or "")
    message = value.get("message")
    return str(message.get("content") or "") if isinstance(message, dict) and isinstance(message.get("content"), str) else ""
