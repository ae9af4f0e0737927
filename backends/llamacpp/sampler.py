"""The C sampler chain for one request: its steps in the order that was asked for, freed with certainty."""

from __future__ import annotations

import ctypes
import secrets
from collections import deque
from collections.abc import Sequence
from typing import Any

import numpy

from backends.llamacpp.c_memory import point_to
from backends.options import GenerationOptions, SamplingOptions
from models.errors import EngineError, InvalidOption

_DRY_BREAKERS = ("\n", ":", '"', "*")
_Breakers = ctypes.c_char_p * len(_DRY_BREAKERS)
_CANDIDATE = numpy.dtype([("id", "<i4"), ("logit", "<f4"), ("p", "<f4")])
"""``llama_token_data``, so that C reads the array as it is."""
_BIAS = numpy.dtype([("token", "<i4"), ("bias", "<f4")])
"""``llama_logit_bias``."""
_LARGE_VOCABULARY = 98_304
"""Tokens from which on it pays to look for the best ones before C sees them: C takes 2 ns a token, numpy a quarter of that and, after a
step that has driven it out of the processor's caches, 150 µs for the way."""
_LARGE_FOR_ONE = 32_768
"""The same where only the best one is looked for, in one pass."""
_COLUMNS = 64
_MOST_TOUCHED = 1024
"""Tokens whose logits the first steps may change, up to which the look before pays."""
_RANDOM_SEED = 0xFFFFFFFF
"""llama.cpp reads this seed as "draw one", which could not be reproduced."""


def choose_seed(options: GenerationOptions) -> int:
    """The request's seed, or a fresh one; either can be reported and used again."""
    return options.seed if options.seed is not None else secrets.randbelow(_RANDOM_SEED)


class Sampler:
    """Chooses tokens for one request. Close it: C owns the memory.

    The steps come in the order of the options; mirostat replaces everything after the penalties but the temperature; temperature
    0 takes the best token after the penalties.
    """

    def __init__(
        self, api: Any, vocabulary: Any, vocabulary_size: int, context_length: int, options: GenerationOptions, seed: int
    ) -> None:
        self._api = api
        self._vocabulary = vocabulary
        self._size = vocabulary_size
        self._context_length = context_length
        parameters = api.llama_sampler_chain_default_params()
        parameters.no_perf = True
        self._chain: Any = api.llama_sampler_chain_init(parameters)
        self._window = 0
        self._seed = seed if seed != _RANDOM_SEED else _RANDOM_SEED - 1
        length = _shortlist_length(options)
        self._shortlist = length if vocabulary_size >= (_LARGE_VOCABULARY if length > 1 else _LARGE_FOR_ONE) else 0
        self._biased = {token for token, _ in options.logit_bias}
        self._recent: deque[int] = deque(maxlen=0)
        try:
            self._add_all_steps(options)
        except Exception:
            self.close()
            raise

    def _add_all_steps(self, options: GenerationOptions) -> None:
        self._add_bias(options.logit_bias)
        if options.sampling.temperature == 0 or options.sampling.mirostat:
            self._add_steps([step for step in options.sampler_order if step in ("penalties", "dry")], options.sampling)
            self._add_mirostat(options.sampling)
        else:
            self._add_steps(options.sampler_order, options.sampling)
            self._add(self._api.llama_sampler_init_dist(self._seed))

    def feed(self, prompt: Sequence[int]) -> None:
        """Let the penalties see the end of the prompt, as far back as they look."""
        if self._window:
            self._recent = deque(prompt[-self._window :], self._window)
            for token in self._recent:
                self._api.llama_sampler_accept(self._chain, token)

    def choose(self, context: Any, row: int = -1) -> int:
        """The next token from the logits of output ``row`` (-1: the last one), already accepted by the penalties."""
        token = int(self._api.llama_sampler_sample(self._chain, context, row))
        self._recent.append(token)
        return token

    @property
    def has_shortlist(self) -> bool:
        """Whether :meth:`shorten` is worth a call."""
        return self._shortlist > 0

    def shorten(self, logits: Any) -> Any:
        """The ids that have a chance, for :meth:`choose_among`, by a row of logits (numpy, as is the answer); None where that may be all.

        Everything else falls out of the ``top_k`` best whatever the steps before do, as they change only known tokens.
        """
        touched = self._biased.union(self._recent)
        wanted = self._shortlist + len(touched)
        width = len(logits) // _COLUMNS
        if len(touched) > _MOST_TOUCHED or wanted >= width:
            return None
        if wanted == 1:
            return (int(logits.argmax()),)
        # As many logits as there are columns with such a maximum, or more, are no smaller than the smallest of these.
        maxima = logits[: width * _COLUMNS].reshape(_COLUMNS, width).max(axis=0)
        allowed = numpy.flatnonzero(logits >= numpy.partition(maxima, width - wanted)[width - wanted])
        if touched:
            allowed = numpy.union1d(allowed, numpy.fromiter(touched, numpy.int64))
        return allowed if len(allowed) else None  # nothing is above what is no number

    def choose_among(self, logits: Any, allowed: Any) -> int:
        """The next token of those whose ids ``allowed`` lists, by a row of logits; both are numpy arrays.

        The others are left out instead of made impossible: some steps compute nonsense from a logit of minus infinity.
        """
        if len(allowed) == 1:
            token = int(allowed[0])
        else:
            candidates = numpy.zeros(len(allowed), _CANDIDATE)
            candidates["id"], candidates["logit"] = allowed, logits[allowed]
            data = point_to(candidates, self._api.llama_token_data)
            array = self._api.llama_token_data_array(data=data, size=len(allowed), selected=-1, sorted=False)
            self._api.llama_sampler_apply(self._chain, ctypes.byref(array))
            token = int(array.data[array.selected].id)
        self._api.llama_sampler_accept(self._chain, token)
        self._recent.append(token)
        return token

    def close(self) -> None:
        """Free the chain. Safe to call twice."""
        chain, self._chain = self._chain, None
        if chain:
            self._api.llama_sampler_free(chain)

    def _add(self, step: Any) -> None:
        if not step:
            raise EngineError(details="a sampler step could not be made")
        self._api.llama_sampler_chain_add(self._chain, step)

    def _add_bias(self, bias: Sequence[tuple[int, float]]) -> None:
        if not bias:
            return
        if any(token >= self._size for token, _ in bias):
            raise InvalidOption(option="logit_bias", value=max(bias)[0], allowed=f"ids of tokens below {self._size}")
        entries = numpy.array(list(bias), _BIAS)
        place = point_to(entries, self._api.llama_logit_bias)
        self._add(self._api.llama_sampler_init_logit_bias(self._size, len(bias), place))

    def _add_steps(self, steps: Sequence[str], options: SamplingOptions) -> None:
        """The steps that are named and not off."""
        api = self._api
        for step in steps:
            match step:
                case "penalties":
                    self._add_penalties(options)
                case "dry" if options.dry_multiplier > 0:
                    self._add_dry(options)
                case "top_n_sigma" if options.top_n_sigma > 0:
                    self._add(api.llama_sampler_init_top_n_sigma(options.top_n_sigma))
                case "top_k" if options.top_k > 0:
                    self._add(api.llama_sampler_init_top_k(options.top_k))
                case "typical_p" if options.typical_p < 1:
                    self._add(api.llama_sampler_init_typical(options.typical_p, 1))
                case "top_p" if options.top_p < 1:
                    self._add(api.llama_sampler_init_top_p(options.top_p, 1))
                case "min_p" if options.min_p > 0:
                    self._add(api.llama_sampler_init_min_p(options.min_p, 1))
                case "xtc" if options.xtc_probability > 0:
                    self._add(api.llama_sampler_init_xtc(options.xtc_probability, options.xtc_threshold, 1, self._seed))
                case "temperature":
                    self._add_temperature(options)

    def _add_temperature(self, options: SamplingOptions) -> None:
        if options.temperature_range > 0:
            parameters = (options.temperature, options.temperature_range, options.temperature_exponent)
            self._add(self._api.llama_sampler_init_temp_ext(*parameters))
        else:
            self._add(self._api.llama_sampler_init_temp(options.temperature))

    def _add_mirostat(self, options: SamplingOptions) -> None:
        api = self._api
        if options.temperature == 0:
            self._add(api.llama_sampler_init_greedy())
            return
        self._add(api.llama_sampler_init_temp(options.temperature))
        tau, eta = options.mirostat_tau, options.mirostat_eta
        if options.mirostat == 1:
            self._add(api.llama_sampler_init_mirostat(self._size, self._seed, tau, eta, 100))
        else:
            self._add(api.llama_sampler_init_mirostat_v2(self._seed, tau, eta))

    def _add_penalties(self, options: SamplingOptions) -> None:
        length = self._context_length
        last = length if options.repeat_last_n < 0 else min(options.repeat_last_n, length)
        if last and (options.repeat_penalty != 1.0 or options.presence_penalty or options.frequency_penalty):
            step = self._api.llama_sampler_init_penalties(
                self._size, last, options.repeat_penalty, options.frequency_penalty, options.presence_penalty
            )
            self._add(step)
            self._window = max(self._window, last)

    def _add_dry(self, options: SamplingOptions) -> None:
        breakers = _Breakers(*(text.encode() for text in _DRY_BREAKERS))
        step = self._api.llama_sampler_init_dry(
            self._vocabulary,
            options.dry_multiplier,
            options.dry_base,
            options.dry_allowed_length,
            self._context_length,
            breakers,
            len(_DRY_BREAKERS),
        )
        self._add(step)
        self._window = self._context_length


def _shortlist_length(options: GenerationOptions) -> int:
    """How many of the best tokens the steps can choose from; 0 where a step before the shortening looks at all of them."""
    sampling = options.sampling
    penalties_only = "dry" not in options.sampler_order or sampling.dry_multiplier <= 0
    if sampling.temperature == 0:
        return int(penalties_only)
    if sampling.mirostat or sampling.top_k <= 0 or "top_k" not in options.sampler_order:
        return 0
    looks = {
        "dry": not penalties_only,
        "top_n_sigma": sampling.top_n_sigma > 0,
        "typical_p": sampling.typical_p < 1,
        "top_p": sampling.top_p < 1,
        "min_p": sampling.min_p > 0,
        "xtc": sampling.xtc_probability > 0,
        "temperature": sampling.temperature_range > 0,
    }
    before = options.sampler_order[: options.sampler_order.index("top_k")]
    return 0 if any(looks.get(step, False) for step in before) else sampling.top_k
