"""What lm-evaluation-harness sends (``local-completions``), compared with transformers on the same checkpoint.

The harness itself is run by ``tests/benchmarks/lm_eval_comparison.py``; these are its requests, field by field.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.cli.main import main
from app.services.server import ServerOptions
from backends.options import LoadOptions
from tests.app.api.conftest import Served, open_server

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

CHECKPOINT = Path(__file__).resolve().parents[3] / "resources" / "starter" / "checkpoint"
PAIRS = [
    ("What is quantization?", " It stores weights with fewer bits."),
    ("What is quantization?", " A kind of green tea from the mountains."),
    ("什么是量化？", "量化用更少的位数存储权重。"),
    ("The model", " model model model model"),
    ("GGUF is", " a file format 🖋"),
]


@pytest.fixture(scope="module")
def reference() -> tuple[Any, Any]:
    """The tokenizer and the model as transformers has them, in F32."""
    torch.set_num_threads(1)
    tokenizer = transformers.AutoTokenizer.from_pretrained(CHECKPOINT)
    model = transformers.AutoModelForCausalLM.from_pretrained(CHECKPOINT, dtype=torch.float32)
    return tokenizer, model.eval()


@pytest.fixture(scope="module")
def exact(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Served, str]]:
    """A server with the same checkpoint as an F32 file."""
    folder = tmp_path_factory.mktemp("exact")
    assert main(["--data-folder", str(folder), "convert", str(CHECKPOINT), "--to", "F32", "--out", str(folder / "f32.gguf")]) == 0
    served = open_server(folder / "data", ServerOptions(port=0))
    model = served.workstation.library.import_model(folder / "f32.gguf")
    # Flash attention keeps keys and values in F16, which alone makes 0.02 of a sum of ninety nats.
    served.workstation.engines.set_options(model.id, LoadOptions(kv_type="f32", flash_attention=False))
    served.workstation.server.pool.acquire(model.id).give_back()
    yield served, model.id
    served.workstation.close()


def loglikelihood(model: Any, context: list[int], continuation: list[int]) -> tuple[float, bool]:
    """As the harness computes it with transformers."""
    ids = torch.tensor([context + continuation])
    with torch.inference_mode():
        logprobs = torch.log_softmax(model(ids).logits[0].double(), dim=-1)
    rows = logprobs[len(context) - 1 : -1]
    total = sum(float(row[token]) for row, token in zip(rows, continuation, strict=True))
    return total, all(int(row.argmax()) == token for row, token in zip(rows, continuation, strict=True))


def encode(tokenizer: Any, text: str) -> list[int]:
    return list(tokenizer(text, add_special_tokens=False)["input_ids"])


def test_loglikelihoods_of_token_arrays_are_those_of_transformers(exact: tuple[Served, str], reference: tuple[Any, Any]) -> None:
    (served, model), (tokenizer, network) = exact, reference
    contexts = [encode(tokenizer, context) for context, _ in PAIRS]
    continuations = [encode(tokenizer, text) for _, text in PAIRS]
    prompts = [[*context, *continuation] for context, continuation in zip(contexts, continuations, strict=True)]
    body = {"model": model, "prompt": prompts, "temperature": 0, "max_tokens": 1, "logprobs": 1, "seed": 1234, "echo": True}
    choices = sorted(served.post("/v1/completions", body).json()["choices"], key=lambda choice: choice["index"])
    assert len(choices) == len(PAIRS)
    for choice, context, continuation in zip(choices, contexts, continuations, strict=True):
        numbers = choice["logprobs"]["token_logprobs"]
        tops = choice["logprobs"]["top_logprobs"]
        assert len(numbers) == len(context) + len(continuation) + 1 and len(tops) == len(numbers)
        said = sum(numbers[len(context) : -1])
        greedy = all(
            number == max(top.values()) for number, top in zip(numbers[len(context) : -1], tops[len(context) : -1], strict=True)
        )
        expected, is_greedy = loglikelihood(network, context, continuation)
        assert said == pytest.approx(expected, abs=1e-3)
        assert greedy == is_greedy


def test_loglikelihoods_of_text_are_the_same(exact: tuple[Served, str], reference: tuple[Any, Any]) -> None:
    (served, model), (tokenizer, network) = exact, reference
    context, text = PAIRS[0]
    body = {"model": model, "prompt": context + text, "temperature": 0, "max_tokens": 0, "logprobs": 1, "echo": True}
    choice = served.post("/v1/completions", body).json()["choices"][0]
    ids = encode(tokenizer, context + text)
    numbers = choice["logprobs"]["token_logprobs"]
    assert choice["text"] == context + text and len(numbers) == len(ids) and numbers[0] is None
    expected, _ = loglikelihood(network, ids[:1], ids[1:])
    assert sum(numbers[1:]) == pytest.approx(expected, abs=1e-3)


def test_generate_until_gives_the_words_of_transformers(exact: tuple[Served, str], reference: tuple[Any, Any]) -> None:
    (served, model), (tokenizer, network) = exact, reference
    for context, _ in PAIRS:
        ids = encode(tokenizer, context)
        with torch.inference_mode():
            made = network.generate(torch.tensor([ids]), do_sample=False, max_new_tokens=12, pad_token_id=0)
        expected = tokenizer.decode(made[0][len(ids) :], skip_special_tokens=True).split(".")[0]
        body = {"model": model, "prompt": [ids], "max_tokens": 12, "temperature": 0, "stop": ["."], "seed": 1234}
        said = served.post("/v1/completions", body).json()["choices"][0]["text"]
        assert said == expected.rstrip("\ufffd")
