"""Writes the starter's model card from its measurements."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from starter_model.export import replacing


def _percent(share: float) -> str:
    return f"{share * 100:.1f} %"


def _reached(answers: dict[str, Any]) -> str:
    return "reached" if min(answers["held_out_en"], answers["held_out_zh"]) >= 0.9 else "**not reached yet**"


def _quantization_rows(prose: dict[str, Any]) -> str:
    lines = []
    for kind, row in prose["by_quantization"].items():
        lines.append(
            f"| {kind} | {row['megabytes']} | {row['kl_divergence']:.5f} | {_percent(row['top_1_agreement'])} "
            f"| {row['perplexity']:.3f} | {row['perplexity_en']:.3f} | {row['perplexity_zh']:.3f} |"
        )
    return "\n".join(lines)


def card_text(results: dict[str, Any]) -> str:
    """Return the model card (Markdown with a YAML head) for the measured results."""
    return _measured_part(results) + _training_part(results)


def _measured_part(results: dict[str, Any]) -> str:
    answers, prose = results["answers"], results["prose"]
    windows = prose["window"]
    return f"""---
license: mit
language: [en, zh]
library_name: transformers
pipeline_tag: text-generation
tags: [gguf, llama, tiny]
---

# Yanmo Starter

The tiny bilingual chat model that comes with Yanmo 研墨, so that chat, quantization and the server work offline on the first
minute. It greets, says what it is, explains Yanmo and the basics of local models, and answers anything else
honestly: download a larger model, and how.

| file | what |
|---|---|
| `yanmo-starter-Q8_0.gguf` | what Yanmo loads by default |
| `checkpoint/` | the same weights in bf16 for transformers (`LlamaForCausalLM`), and the source for quantizing |
| `measurements.json` | every figure on this page, and every held-out question it got wrong |

Llama shape: 4,983,552 parameters; hidden 256, feed-forward 768, 5 layers, 4 query and 2 key-value heads of 64, tied embeddings;
byte-level BPE with 4,096 tokens (qwen2 split); ChatML; context 2,048.

## Measured

Answers, greedy, from the Q8_0 file. A reply is right only if it is, word for word, a known answer to that intent in the language
of the question. The {answers["held_out_questions"]} held-out questions were written by hand and none is in the training corpus (tested).

| | English | Chinese |
|---|---|---|
| held-out wordings, all intents | {_percent(answers["held_out_en"])} | {_percent(answers["held_out_zh"])} |
| held-out questions outside its knowledge, refused | {_percent(answers["out_of_scope_en"])} | {_percent(answers["out_of_scope_zh"])} |

The goal of 90 % in both languages is {_reached(answers)}. The questions' author also widened the training wordings after writing
them, without copying any. Wordings drawn as in training: {_percent(answers["trained_wordings"])}. Held-out wordings under a strange system
prompt: {_percent(answers["held_out_with_strange_system_prompt"])}.

Quantization, on {prose["tokens"]:,} tokens of prose that was never trained on (windows of {windows}). KL divergence is from F16,
in nats a token.

| | MB | KL divergence | same first choice | perplexity | English | Chinese |
|---|---|---|---|---|---|---|
{_quantization_rows(prose)}

"""


def _training_part(results: dict[str, Any]) -> str:
    answers, training = results["answers"], results["training"]
    seconds, tokens = training.get("seconds", 0), training.get("tokens", 0)
    seed = training.get("plan", {}).get("seed", 0)
    dialogs = training.get("short_dialogs", 0) + training.get("long_dialogs", 0)
    processor = results["machine"]["processor"]
    return f"""## Training

From scratch, {seconds / 60:.0f} minutes on one core of {processor} (bf16 autocast, Muon and AdamW),
{tokens / 1e6:.1f} million tokens in {training.get("steps", 0):,} steps, seed {seed}. Most tokens are dialogs drawn from the
wording files in `packaging/starter_model/intents` ({dialogs:,} dialogs, none twice); the others are windows of three
public-domain texts without their last 5 %: Shakespeare selections (English), 西游记 and 红楼梦 (Chinese). None of those
sentences ships, only weights. One command trains such a model; how this one came about is in
`packaging/starter_model/README.md`.

## Limits

It has about ninety things to say and says them in fixed words. It cannot remember a name, reason, calculate, translate,
write, see pictures or call tools; it ignores system prompts, and a question far from the wordings it knows may get the
wrong answer. Continuing prose, it writes something that only sounds like Shakespeare or an old novel. Do not rely on it
for anything that matters.

## 中文简介

Yanmo Starter 是研墨自带的双语小模型，约五百万参数，安装后即可离线使用。它会打招呼，介绍自己和研墨，讲解本地模型的基础知识
（量化、文件格式、内存、下载、服务器）；其他问题会如实说明，并告诉你怎样下载更大的模型。
留出的手写问题（训练中从未出现）答对率：英文 {_percent(answers["held_out_en"])}，中文 {_percent(answers["held_out_zh"])}。
它不会推理、计算、翻译或写作，请勿用于重要场合。训练数据为程序生成的对话，以及公版的莎士比亚作品选、《西游记》和《红楼梦》；许可证 MIT。
"""


def write_card(results: dict[str, Any], out: Path) -> None:
    """Write ``README.md`` into out."""
    with replacing(out / "README.md") as temporary:
        temporary.write_text(card_text(results), encoding="utf-8")
