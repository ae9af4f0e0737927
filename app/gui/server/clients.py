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
    "Claude Code": lambda url, model, key: (
        f"export ANTHROPIC_BASE_URL={url}\nexport ANTHROPIC_AUTH_TOKEN={key}\nexport ANTHROPIC_MODEL={model}\nclaude"
    ),
    "Codex": lambda url, model, key: (
        f'# ~/.codex/config.toml\nmodel = "{model}"\nmodel_provider = "yanmo"\n\n[model_providers.yanmo]\nname = "Yanmo"\n'
        f'base_url = "{url}/v1"\nwire_api = "responses"\nexperimental_bearer_token = "{key}"'
    ),
    "Open WebUI": lambda url, model, key: f"OPENAI_API_BASE_URL={url}/v1\nOPENAI_API_KEY={key}\n# {model}",
    "Continue": lambda url, model, key: (
        f"# ~/.continue/config.yaml\nmodels:\n  - name: Yanmo\n    provider: openai\n    model: {model}\n"
        f"    apiBase: {url}/v1\n    apiKey: {key}"
    ),
    "Zed": lambda url, model, key: (
        '{\n  "language_models": {\n    "lmstudio": { "api_url": "' + url + f'/api/v0" }}\n  }}\n}}\n// {model}, {key}'
    ),
    "Cline, Cherry Studio": lambda url, model, key: f"OpenAI Compatible\nBase URL: {url}/v1\nAPI Key: {key}\nModel ID: {model}",
    "aider": lambda url, model, key: (
        f"export OPENAI_API_BASE={url}/v1\nexport OPENAI_API_KEY={key}\naider --model openai/{model}"
    ),
    "Ollama": lambda url, model, key: f"export OLLAMA_HOST={url}\nollama run {model}  # {key}",
    "curl": lambda url, model, key: as_curl(
        url, "/v1/chat/completions", {"model": model, "messages": [{"role": "user", "content": "Hello!"}]}, key
    ),
}


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
