"""The words and figures of the Models page."""

from __future__ import annotations

import time

from app.gui.translation import tr
from app.services.download_records import Download
from models.card import ModelCard
from models.hubs.hub import HubModel
from models.hubs.variants import Variant
from models.memory_plan import MemoryPlan


def size_words(count: float) -> str:
    """Bytes with a unit of powers of ten, as disks and hubs count."""
    for unit, factor in (("TB", 10**12), ("GB", 10**9), ("MB", 10**6), ("KB", 10**3)):
        if count >= factor:
            return f"{count / factor:.1f} {unit}"
    return f"{count:.0f} B"


def count_words(count: int) -> str:
    """1.2 M, 34 k."""
    for unit, factor in (("B", 10**9), ("M", 10**6), ("k", 10**3)):
        if count >= factor:
            return f"{count / factor:.3g} {unit}"
    return str(count)


def kind_words(kind: str) -> str:
    """What a model is for."""
    return {
        "chat": tr("chat"),
        "base": tr("base"),
        "embedding": tr("embedding"),
        "reranker": tr("reranker"),
        "projector": tr("projector"),
        "adapter": tr("adapter"),
    }.get(kind, kind)


def card_words(card: ModelCard) -> str:
    """One line of facts."""
    parts = [kind_words(card.kind), card.quantization, size_words(card.size_bytes) if card.size_bytes else ""]
    if card.parameter_count:
        parts.insert(1, tr("{count} parameters").format(count=count_words(card.parameter_count)))
    if card.store:
        parts.append(card.store)
    return "  ·  ".join(part for part in parts if part)


def hub_words(key: str) -> str:
    """A hub's name."""
    return {"huggingface": "Hugging Face", "modelscope": tr("ModelScope")}.get(key, key)


def model_words(model: HubModel) -> str:
    """One line about a search result."""
    parts = [hub_words(model.hub)]
    if model.parameter_count:
        parts.append(tr("{count} parameters").format(count=count_words(model.parameter_count)))
    if model.downloads:
        parts.append(tr("{count} downloads").format(count=count_words(model.downloads)))
    if model.licence:
        parts.append(model.licence)
    if model.updated:
        parts.append(time.strftime("%Y-%m-%d", time.localtime(model.updated)))
    return "  ·  ".join(parts)


def variant_words(variant: Variant) -> str:
    """One line about a variant."""
    parts = [size_words(variant.size)]
    if len(variant.files) > 1:
        parts.append(tr("{count} files").format(count=len(variant.files)))
    if variant.projector is not None:
        parts.append(tr("with a projector for pictures"))
    if not variant.is_whole:
        parts.append(tr("not all parts are there"))
    if variant.format != "gguf":
        parts.append(tr("needs the torch engine"))
    return "  ·  ".join(parts)


def verdict_words(plan: MemoryPlan | None) -> tuple[str, str]:
    """A badge's words and its kind."""
    if plan is None:
        return "", ""
    words = {"fits": tr("Fits"), "tight": tr("Tight"), "too_large": tr("Will not fit")}
    return words[plan.verdict], {"fits": "ok", "tight": "warning", "too_large": "error"}[plan.verdict]


def advice_words(plan: MemoryPlan) -> str:
    """What would help; empty where nothing is needed."""
    words = {
        "shorter_context": tr("a shorter context"),
        "smaller_cache": tr("a smaller KV cache (q8_0)"),
        "fewer_gpu_layers": tr("fewer layers on the GPU"),
        "close_programs": tr("closing other programs"),
        "smaller_quantization": tr("a smaller quantization or model"),
    }
    helps = [words[advice] for advice in plan.advice]
    return tr("What would help: {list}").format(list=tr(", ").join(helps)) if helps else ""


def time_words(seconds: float | None) -> str:
    """How long; empty where unknown."""
    if seconds is None:
        return ""
    whole = round(seconds)
    if whole >= 3600:
        return tr("{hours} h {minutes} min").format(hours=whole // 3600, minutes=whole % 3600 // 60)
    if whole >= 60:
        return tr("{minutes} min {seconds} s").format(minutes=whole // 60, seconds=whole % 60)
    return tr("{seconds} s").format(seconds=whole)


def state_words(download: Download) -> str:
    """How it stands with a download that does not run."""
    return {
        "waiting": tr("Waiting"),
        "running": tr("Connecting…"),
        "retrying": tr("Trying again soon"),
        "paused": tr("Paused"),
        "failed": tr("Failed"),
        "done": tr("Whole and verified"),
    }[download.state]
