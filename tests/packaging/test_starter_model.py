"""The starter that ships: its files, its tokenizer, its answers, and the corpus it was made from."""

from __future__ import annotations

import hashlib
import json
import random
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from starter_model.corpus import NO_PROSE, Corpus, known_answers, plain
from starter_model.export import read_checkpoint, write_gguf
from starter_model.grammar import compile_pattern
from starter_model.measure import open_gguf, speaker
from starter_model.network import Llama, Shape
from starter_model.questions import read_held_out, share_right
from starter_model.random_model import PRESETS, write_random_checkpoint, write_random_gguf
from starter_model.tokens import SPECIAL_TOKENS, encode_dialogs, load_tokenizer, render_prompt

ROOT = Path(__file__).resolve().parents[2]
STARTER = ROOT / "resources" / "starter"
GGUF = STARTER / "yanmo-starter-Q8_0.gguf"
CHECKPOINT = STARTER / "checkpoint"
ACCURACY_FLOOR = {"en": 0.90, "zh": 0.90}
MIXED_TEXTS = [
    "Hello, world! What is Q4_K_M?",
    "你好，研墨。什么是量化？",
    "mixed 中英文 text with 123 numbers, 1,234.5 and emoji 🙂🎉",
    "It's we'll they've I'M DON'T",
    "  leading spaces\n\n\ttabs\r\nand   runs  of   space   \n",
    "def f(x):\n    return x ** 2  # 注释",
    "|a|b|\n|---|---|\n$E = mc^2$ `code`",
    "古文：混沌未分天地乱，茫茫渺渺无人见。",
    "Ünïcödé naïve café — “quotes” … ½ ² ☃",
    "",
]


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    return Corpus(NO_PROSE)


@pytest.fixture(scope="module")
def gguf_model() -> Iterator[Any]:
    model = open_gguf(GGUF)
    yield model
    model.close()


@pytest.fixture(scope="module")
def network() -> Llama:
    torch.set_num_threads(1)
    return read_checkpoint(CHECKPOINT)


@pytest.fixture(scope="module")
def measurements() -> dict[str, Any]:
    return dict(json.loads((STARTER / "measurements.json").read_text(encoding="utf-8")))


def test_everything_that_ships_is_there_and_under_25_megabytes() -> None:
    names = {str(path.relative_to(STARTER)) for path in STARTER.rglob("*") if path.is_file()}
    assert names >= {
        "README.md",
        "measurements.json",
        "yanmo-starter-Q8_0.gguf",
        "checkpoint/model.safetensors",
        "checkpoint/config.json",
        "checkpoint/generation_config.json",
        "checkpoint/tokenizer.json",
        "checkpoint/tokenizer_config.json",
    }
    own = [path for path in STARTER.rglob("*") if path.is_file() and "eyes" not in path.relative_to(STARTER).parts]
    assert sum(path.stat().st_size for path in own) < 25e6  # the starter with eyes has a room, a limit and tests of its own


def test_the_gguf_says_what_it_is(gguf_model: Any) -> None:
    facts = gguf_model.metadata
    assert facts["general.name"] == "Yanmo Starter"
    assert facts["general.architecture"] == "llama"
    assert facts["general.license"] == "mit"
    assert facts["tokenizer.ggml.pre"] == "qwen2"
    assert facts["tokenizer.ggml.eos_token_id"] == "2"
    assert facts["llama.context_length"] == "2048"
    assert "<|im_start|>" in facts["tokenizer.chat_template"]


def test_llama_cpp_and_tokenizers_cut_text_alike(gguf_model: Any) -> None:
    tokenizer = load_tokenizer(CHECKPOINT / "tokenizer.json")
    for text in MIXED_TEXTS:
        expected = tokenizer.encode(text).ids
        assert gguf_model.tokenize(text.encode(), add_bos=False, special=True) == expected, text
        assert tokenizer.decode(expected, skip_special_tokens=False) == text


def test_no_token_is_longer_than_twelve_bytes() -> None:
    tokenizer = load_tokenizer(CHECKPOINT / "tokenizer.json")
    assert tokenizer.get_vocab_size() == 4096
    assert max(len(token) for token in tokenizer.get_vocab() if token not in SPECIAL_TOKENS) <= 12


def test_the_chat_template_renders_as_in_training() -> None:
    import jinja2

    template = json.loads((CHECKPOINT / "tokenizer_config.json").read_text(encoding="utf-8"))["chat_template"]
    said = [("system", "Be brief."), ("user", "你好"), ("assistant", "你好！"), ("user", "bye")]
    messages = [{"role": role, "content": content} for role, content in said]
    rendered = jinja2.Template(template).render(messages=messages, add_generation_prompt=True)
    assert rendered == render_prompt(said)
    parts = [{"role": role, "content": [{"type": "text", "text": content}]} for role, content in said]
    assert jinja2.Template(template).render(messages=parts, add_generation_prompt=True) == rendered


def test_transformers_computes_the_same_logits(network: Llama) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from transformers import LlamaForCausalLM

        model = LlamaForCausalLM.from_pretrained(CHECKPOINT, dtype=torch.float32)
    tokens = torch.tensor([load_tokenizer(CHECKPOINT / "tokenizer.json").encode(render_prompt([("user", "你好 there")])).ids])
    with torch.no_grad():
        assert torch.allclose(model(tokens).logits, network(tokens), atol=1e-4)


def _greedy(network: Llama, tokens: list[int], limit: int) -> Iterator[tuple[int, float]]:
    """Yield each greedy token with its lead over the second, in logits."""
    with torch.no_grad():
        for _ in range(limit):
            first = torch.topk(network(torch.tensor([tokens]))[0, -1], 2)
            token = int(first.indices[0])
            yield token, float(first.values[0] - first.values[1])
            if token == 2:
                return
            tokens = [*tokens, token]


@pytest.mark.parametrize(
    "prompt",
    [
        "Hello!",
        "What is quantization?",
        "你好",
        "什么是Q4_K_M？",
        "Who are you?",
        "写一首诗",
        "How do I start the server?",
        "谢谢",
    ],
)
def test_checkpoint_and_gguf_answer_alike(prompt: str, network: Llama, tmp_path_factory: pytest.TempPathFactory) -> None:
    tokenizer = load_tokenizer(CHECKPOINT / "tokenizer.json")
    folder = tmp_path_factory.getbasetemp() / "starter"
    path = folder / "f16.gguf"
    if not path.exists():
        write_gguf(network, tokenizer, path)
    model = open_gguf(path, 512)
    tokens = tokenizer.encode(render_prompt([("user", prompt)])).ids
    generated = model.generate(tokens, temp=0.0, repeat_penalty=1.0)
    for expected, lead in _greedy(network, tokens, 24):
        if lead < 0.05:
            break
        assert next(generated) == expected
    model.close()


def test_the_recorded_figures_are_no_worse_than_before(measurements: dict[str, Any]) -> None:
    answers = measurements["answers"]
    for language, floor in ACCURACY_FLOOR.items():
        assert answers[f"held_out_{language}"] >= floor
    assert answers["held_out_found_in_training"] == []


def test_quantizing_costs_more_the_fewer_the_bits(measurements: dict[str, Any]) -> None:
    rows = measurements["prose"]["by_quantization"]
    for figure in ("kl_divergence", "perplexity"):
        values = [rows[kind][figure] for kind in ("F16", "Q8_0", "Q4_K_M", "Q3_K_M", "Q2_K")]
        assert values == sorted(values), figure


def test_the_shipped_gguf_answers_unseen_wordings_as_recorded(
    corpus: Corpus, gguf_model: Any, measurements: dict[str, Any]
) -> None:
    questions = random.Random(5).sample([q for q in read_held_out(corpus) if q.intent not in ("tour", "markdown_ability")], 60)
    share, wrong = share_right(questions, speaker(gguf_model, limit=90))
    recorded = (measurements["answers"]["held_out_en"] + measurements["answers"]["held_out_zh"]) / 2
    assert share >= recorded - 0.15, [(question.text, reply) for question, reply in wrong]


def test_no_held_out_question_is_in_the_training_corpus(corpus: Corpus) -> None:
    held_out = {plain(question.text) for question in read_held_out(corpus)}
    trained = {plain(turn.question) for number in range(12000) for turn in corpus.dialog(number).turns}
    assert not held_out & trained


def test_every_intent_is_examined_three_times_in_each_language(corpus: Corpus) -> None:
    counts: dict[tuple[str, str], int] = {}
    for question in read_held_out(corpus):
        counts[question.intent, question.language] = counts.get((question.intent, question.language), 0) + 1
    for intent in (*corpus.ordinary, "out_of_scope"):
        assert counts[intent, "en"] >= 3, intent
        assert counts[intent, "zh"] >= 3, intent


def test_every_intent_has_twenty_wordings_in_each_language(corpus: Corpus) -> None:
    rng = random.Random(0)
    for intent in (*corpus.ordinary, "out_of_scope"):
        for language in ("en", "zh"):
            assert len({plain(corpus.question(intent, language, rng)) for _ in range(80)}) >= 20, (intent, language)


def test_no_answer_belongs_to_two_intents(corpus: Corpus) -> None:
    answers = [answer for intent in corpus.wording.intents.values() for known in intent.answers.values() for answer in known]
    assert len(known_answers(corpus)) == len(answers)


def test_the_corpus_is_the_same_every_time() -> None:
    def digest(seed: int) -> str:
        drawn = Corpus(NO_PROSE, seed=seed)
        return hashlib.sha256(repr([drawn.dialog(number) for number in range(300)]).encode()).hexdigest()

    assert digest(1) == digest(1)
    assert digest(1) != digest(2)


def test_only_answers_weigh_fully_in_the_loss(corpus: Corpus) -> None:
    tokenizer = load_tokenizer(CHECKPOINT / "tokenizer.json")
    dialog = corpus.dialog(3)
    ids, weights = encode_dialogs(tokenizer, [dialog])[0]
    opening, weights_of_opening = encode_dialogs(tokenizer, [dialog], [10])[0]
    said = tokenizer.decode([int(i) for i, weight in zip(ids, weights, strict=True) if weight >= 1], skip_special_tokens=False)
    assert said == "".join(f"{turn.answer}<|im_end|>" for turn in dialog.turns)
    assert weights.min() == np.float32(0.1)
    assert len(opening) < len(ids)
    assert opening.tolist() == ids[: len(opening)].tolist()
    assert weights_of_opening[-10:].min() >= 1


def test_a_pattern_draws_all_its_alternatives() -> None:
    draw = compile_pattern("[a|b [c|d]]<x>", {"x": lambda rng: "!"})
    assert {draw(random.Random(seed)) for seed in range(50)} == {"a!", "b c!", "b d!"}
    with pytest.raises(ValueError, match="never closed"):
        compile_pattern("[a|b", {})


def test_random_models_are_the_same_for_the_same_seed(tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        write_random_gguf(tmp_path / name, PRESETS["tiny"], seed, kind="F16")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert (tmp_path / "a").read_bytes() != (tmp_path / "c").read_bytes()


def test_a_random_model_of_any_shape_loads(tmp_path: Path) -> None:
    shape = Shape(vocabulary=4608, hidden=256, feed_forward=512, layers=2, heads=8, kv_heads=1, head_size=32, context=512)
    write_random_gguf(tmp_path / "model.gguf", shape, kind="Q4_K_M")
    model = open_gguf(tmp_path / "model.gguf", 64)
    assert model.n_vocab() == 4608
    model.eval([5, 6, 7])
    assert np.isfinite(model.scores[2]).all()
    model.close()
    write_random_checkpoint(tmp_path / "checkpoint", shape)
    assert read_checkpoint(tmp_path / "checkpoint").shape == shape
