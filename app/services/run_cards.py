"""How a reply was made, from what the engine said of itself and of the reply."""

from __future__ import annotations

from typing import Any

from app.store.records import RunCard
from backends.events import Finished, LoadedModel
from backends.options import GenerationOptions


def make_run_card(
    facts: LoadedModel | None,
    options: GenerationOptions,
    end: Finished,
    seconds: float,
    before: RunCard | None = None,
    unseen: dict[str, Any] | None = None,
) -> RunCard:
    """The card of one reply; ``before`` is that of the part that it continues, whose tokens and seconds are added.

    ``unseen`` is what of the conversation the model did not see.
    """
    usage = end.usage
    return RunCard(
        model=facts.name if facts else "",
        model_sha256=facts.file_sha256 if facts else "",
        architecture=facts.architecture if facts else "",
        quantization=facts.quantization if facts else "",
        backend=facts.backend if facts else "",
        engine_version=facts.engine_version if facts else "",
        device=facts.device if facts else "",
        context_length=facts.context_length if facts else 0,
        seed=end.seed if end.seed else options.seed or 0,
        prompt_tokens=usage.prompt_tokens,
        cached_tokens=usage.cached_tokens,
        output_tokens=usage.output_tokens + (before.output_tokens if before else 0),
        tokens_per_second=round(usage.tokens_per_second, 2),
        first_token_seconds=round(usage.first_token_seconds, 4),
        total_seconds=round(seconds + (before.total_seconds if before else 0.0), 3),
        drafted_tokens=usage.drafted_tokens + (before.drafted_tokens if before else 0),
        accepted_tokens=usage.accepted_tokens + (before.accepted_tokens if before else 0),
        unseen=unseen or {},
        options=options.to_json(),
    )
