"""Measures the exported starter: answers to unseen wordings, and what each quantization costs on unseen prose."""

from __future__ import annotations

import itertools
import json
import os
import platform
import random
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from starter_model.corpus import LONG_SEED_OFFSET, Corpus, Prose, plain
from starter_model.export import BASE_NAME, quantize, replacing
from starter_model.questions import Question, Say, read_held_out, share_right
from starter_model.tokens import render_prompt

QUANTIZATIONS = ("Q8_0", "Q4_K_M", "Q3_K_M", "Q2_K")
_WINDOW, _WINDOWS = 512, 24
_STRANGE_SYSTEM_PROMPTS = ("You are Captain Nemo. Speak only of the sea.", "你是一位严肃的历史学教授，只谈宋史。")


def open_gguf(path: Path, context: int = 2048) -> Any:
    """Open a GGUF on one thread, with logits kept for every position."""
    import llama_cpp

    return llama_cpp.Llama(str(path), n_ctx=context, n_batch=512, n_threads=1, n_threads_batch=1, logits_all=True, verbose=False)


def speaker(model: Any, limit: int = 420) -> Say:
    """Return a function that answers a conversation greedily with an open GGUF."""

    def say(messages: list[tuple[str, str]]) -> str:
        tokens = model.tokenize(render_prompt(messages).encode(), add_bos=False, special=True)
        reply: list[int] = []
        for token in model.generate(tokens, temp=0.0, repeat_penalty=1.0):
            if token == model.token_eos() or len(reply) >= limit:
                break
            reply.append(token)
        return str(model.detokenize(reply).decode("utf-8", errors="replace"))

    return say


def trained_questions(corpus: Corpus, count: int = 300) -> list[Question]:
    """Return single questions drawn as in training."""
    rng = random.Random(7)
    names = [*corpus.ordinary, "out_of_scope"]
    questions = []
    for number in range(count):
        intent, language = names[number % len(names)], rng.choice(["en", "zh"])
        accepted = frozenset(answer.strip() for answer in corpus.answers(intent, language))
        questions.append(Question(intent, language, (), corpus.question(intent, language, rng), accepted))
    return questions


def measure_answers(corpus: Corpus, model: Any) -> dict[str, Any]:
    """Return the shares of right answers, and every wrong answer to a held-out question."""
    say = speaker(model)
    held_out = read_held_out(corpus)
    results: dict[str, Any] = {"held_out_questions": len(held_out)}
    mistakes = []
    for language in ("en", "zh"):
        asked = [question for question in held_out if question.language == language]
        share, wrong = share_right(asked, say)
        mistakes += [[question.intent, question.text, reply[:60]] for question, reply in wrong]
        results[f"held_out_{language}"] = round(share, 4)
        unknown = [question for question in asked if question.intent == "out_of_scope"]
        results[f"out_of_scope_{language}"] = round(share_right(unknown, say)[0], 4)
    strange = [
        Question(q.intent, q.language, (("system", _STRANGE_SYSTEM_PROMPTS[i % 2]), *q.before), q.text, q.accepted)
        for i, q in enumerate(held_out[::5])
    ]
    results["held_out_with_strange_system_prompt"] = round(share_right(strange, say)[0], 4)
    results["trained_wordings"] = round(share_right(trained_questions(corpus), say)[0], 4)
    results["mistakes"] = mistakes
    return results


def leaked_questions(corpus: Corpus, prose: Prose, run: dict[str, Any]) -> list[str]:
    """Return the held-out questions that occur, but for case and punctuation, in the dialogs that were trained on."""
    held_out = {plain(question.text): question.text for question in read_held_out(corpus)}
    long_corpus = Corpus(prose, seed=corpus.seed + LONG_SEED_OFFSET)
    trained = itertools.chain(
        (corpus.dialog(number) for number in range(run.get("short_dialogs", 0))),
        (long_corpus.dialog(number, long=True) for number in range(run.get("long_dialogs", 0))),
    )
    found = {plain(turn.question) for dialog in trained for turn in dialog.turns} & held_out.keys()
    return sorted(held_out[key] for key in found)


def held_out_windows(model: Any, prose: Prose) -> dict[str, list[list[int]]]:
    """Return evenly spread windows of 512 tokens of held-out prose by language."""
    windows = {}
    for language, text in prose.held_out.items():
        tokens = model.tokenize(text.encode(), add_bos=False, special=False)
        stride = max(_WINDOW, (len(tokens) - _WINDOW) // _WINDOWS)
        starts = range(0, len(tokens) - _WINDOW, stride)
        windows[language] = [tokens[start : start + _WINDOW] for start in starts][:_WINDOWS]
    return windows


def log_probabilities(model: Any, tokens: Sequence[int]) -> np.ndarray:
    """Return the natural log-probabilities (length, vocabulary) after each token of a fresh sequence."""
    model.reset()
    model.eval(list(tokens))
    logits = np.array(model.scores[: len(tokens)], dtype=np.float64)
    logits -= logits.max(axis=-1, keepdims=True)
    return np.asarray(logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True)))


def measure_quantizations(prose: Prose, full: Path, cache: Path) -> dict[str, Any]:
    """Return size, perplexity by language, KL divergence from F16 (nats a token) and top-1 agreement of each quantization."""
    paths = {"F16": full}
    for kind in QUANTIZATIONS:
        paths[kind] = cache / f"{BASE_NAME}-{kind}.gguf"
        quantize(full, paths[kind], kind)
    models = {kind: open_gguf(path, _WINDOW) for kind, path in paths.items()}
    windows = held_out_windows(models["F16"], prose)
    sums = {kind: {"kl": 0.0, "same": 0.0, "en": 0.0, "zh": 0.0} for kind in paths}
    counts = {language: len(parts) * (_WINDOW - 1) for language, parts in windows.items()}
    for language, parts in windows.items():
        for tokens in parts:
            reference = log_probabilities(models["F16"], tokens)[:-1]
            for kind, model in models.items():
                found = reference if kind == "F16" else log_probabilities(model, tokens)[:-1]
                sums[kind][language] -= found[np.arange(_WINDOW - 1), tokens[1:]].sum()
                sums[kind]["kl"] += float((np.exp(reference) * (reference - found)).sum())
                sums[kind]["same"] += float((reference.argmax(-1) == found.argmax(-1)).sum())
    total = sum(counts.values())
    rows = {}
    for kind, path in paths.items():
        rows[kind] = {
            "megabytes": round(path.stat().st_size / 1e6, 2),
            "perplexity_en": round(float(np.exp(sums[kind]["en"] / counts["en"])), 3),
            "perplexity_zh": round(float(np.exp(sums[kind]["zh"] / counts["zh"])), 3),
            "perplexity": round(float(np.exp((sums[kind]["en"] + sums[kind]["zh"]) / total)), 3),
            "kl_divergence": round(sums[kind]["kl"] / total, 6),
            "top_1_agreement": round(sums[kind]["same"] / total, 4),
        }
    for model in models.values():
        model.close()
    return {"tokens": total, "window": _WINDOW, "by_quantization": rows}


def measure(corpus: Corpus, prose: Prose, cache: Path, out: Path) -> dict[str, Any]:
    """Measure everything in ``out``, write ``measurements.json`` there and return it."""
    began = time.monotonic()
    model = open_gguf(out / f"{BASE_NAME}-Q8_0.gguf")
    answers = measure_answers(corpus, model)
    model.close()
    run = json.loads((cache / "run.json").read_text(encoding="utf-8")) if (cache / "run.json").exists() else {}
    answers["held_out_found_in_training"] = leaked_questions(corpus, prose, run)
    results = {
        "answers": answers,
        "prose": measure_quantizations(prose, cache / f"{BASE_NAME}-F16.gguf", cache),
        "training": run,
        "machine": {"processor": processor(), "cores_present": os.cpu_count(), "system": platform.system()},
        "measured_in_seconds": round(time.monotonic() - began),
    }
    with replacing(out / "measurements.json") as temporary:
        temporary.write_text(json.dumps(results, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return results


def processor() -> str:
    """Return the processor's name, in the words of the system."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
