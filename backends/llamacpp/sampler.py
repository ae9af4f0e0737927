"""The C sampler chain for one request: its steps in llama.cpp's usual order, freed with certainty."""

from __future__ import annotations

import ctypes
import secrets
from collections.abc import Sequence
from typing import Any

from backends.options import GenerationOptions, SamplingOptions
from models.errors import EngineError

_DRY_BREAKERS = ("\n", ":", '"', "*")
_RANDOM_SEED = 0xFFFFFFFF
"""llama.cpp reads this seed as "draw one", which could not be reproduced."""


def choose_seed(options: GenerationOptions) -> int:
    """The request's seed, or a fresh one; either can be reported and used again."""
    return options.seed if options.seed is not None else secrets.randbelow(_RANDOM_SEED)


class Sampler:
    """Chooses tokens for one request. Close it: C owns the memory.

    The order is llama.cpp's default: penalties, DRY, top-k, typical, top-p, min-p, XTC, temperature, then the draw; mirostat
    replaces everything after the penalties but the temperature; temperature 0 takes the best token after the penalties.
    """

    def __init__(
        self, api: Any, vocabulary: Any, vocabulary_size: int, context_length: int, options: SamplingOptions, seed: int
    ) -> None:
        self._api = api
        parameters = api.llama_sampler_chain_default_params()
        parameters.no_perf = True
        self._chain: Any = api.llama_sampler_chain_init(parameters)
        self._window = 0
        self._add_penalties(vocabulary, vocabulary_size, context_length, options)
        self._add_choice(vocabulary_size, options, seed if seed != _RANDOM_SEED else _RANDOM_SEED - 1)

    def feed(self, prompt: Sequence[int]) -> None:
        """Let the penalties see the end of the prompt, as far back as they look."""
        if self._window:
            for token in prompt[-self._window :]:
                self._api.llama_sampler_accept(self._chain, token)

    def choose(self, context: Any, row: int = -1) -> int:
        """The next token from the logits of output ``row`` (-1: the last one), already accepted by the penalties."""
        return int(self._api.llama_sampler_sample(self._chain, context, row))

    def close(self) -> None:
        """Free the chain. Safe to call twice."""
        chain, self._chain = self._chain, None
        if chain:
            self._api.llama_sampler_free(chain)

    def _add(self, step: Any) -> None:
        if not step:
            raise EngineError(details="a sampler step could not be made")
        self._api.llama_sampler_chain_add(self._chain, step)

    def _add_penalties(self, vocabulary: Any, size: int, context_length: int, options: SamplingOptions) -> None:
        api = self._api
        last = context_length if options.repeat_last_n < 0 else min(options.repeat_last_n, context_length)
        if last and (options.repeat_penalty != 1.0 or options.presence_penalty or options.frequency_penalty):
            step = api.llama_sampler_init_penalties(
                size, last, options.repeat_penalty, options.frequency_penalty, options.presence_penalty
            )
            self._add(step)
            self._window = last
        if options.dry_multiplier > 0:
            breakers = (ctypes.c_char_p * len(_DRY_BREAKERS))(*(text.encode() for text in _DRY_BREAKERS))
            step = api.llama_sampler_init_dry(
                vocabulary,
                options.dry_multiplier,
                options.dry_base,
                options.dry_allowed_length,
                context_length,
                breakers,
                len(_DRY_BREAKERS),
            )
            self._add(step)
            self._window = context_length

    def _add_choice(self, size: int, options: SamplingOptions, seed: int) -> None:
        api = self._api
        if options.temperature == 0:
            self._add(api.llama_sampler_init_greedy())
            return
        if options.mirostat:
            self._add(api.llama_sampler_init_temp(options.temperature))
            tau, eta = options.mirostat_tau, options.mirostat_eta
            if options.mirostat == 1:
                self._add(api.llama_sampler_init_mirostat(size, seed, tau, eta, 100))
            else:
                self._add(api.llama_sampler_init_mirostat_v2(seed, tau, eta))
            return
        if options.top_k > 0:
            self._add(api.llama_sampler_init_top_k(options.top_k))
        if options.typical_p < 1:
            self._add(api.llama_sampler_init_typical(options.typical_p, 1))
        if options.top_p < 1:
            self._add(api.llama_sampler_init_top_p(options.top_p, 1))
        if options.min_p > 0:
            self._add(api.llama_sampler_init_min_p(options.min_p, 1))
        if options.xtc_probability > 0:
            self._add(api.llama_sampler_init_xtc(options.xtc_probability, options.xtc_threshold, 1, seed))
        self._add(api.llama_sampler_init_temp(options.temperature))
        self._add(api.llama_sampler_init_dist(seed))
