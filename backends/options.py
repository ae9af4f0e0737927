"""How to load a model and how to generate with it: frozen values that check themselves."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, fields
from typing import Any

from backends.light_state import travelling
from models.errors import InvalidOption


def _check(name: str, value: float, low: float, high: float) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise InvalidOption(option=name, value=value, allowed=f"a number from {low:g} to {high:g}")


@travelling
@dataclass(frozen=True, slots=True)
class SamplingOptions:
    """How the next token is chosen. A value of its "off" setting disables that step; defaults are llama.cpp's.

    ``temperature_range`` lets the temperature move by as much around its value, by how uncertain the model is
    (https://arxiv.org/abs/2309.02772), ``temperature_exponent`` bends that. Top-nσ: https://arxiv.org/abs/2411.07641.
    ``repeat_last_n`` counts tokens that penalties look back on (0 off, -1 the whole context). Mirostat: Basu et al. 2020,
    https://arxiv.org/abs/2007.14966. DRY and XTC: text-generation-webui pull requests 5677 and 6335.
    """

    temperature: float = 0.8
    top_k: int = 40
    top_p: float = 0.95
    min_p: float = 0.05
    typical_p: float = 1.0
    repeat_penalty: float = 1.0
    repeat_last_n: int = 64
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    dry_multiplier: float = 0.0
    dry_base: float = 1.75
    dry_allowed_length: int = 2
    xtc_probability: float = 0.0
    xtc_threshold: float = 0.1
    mirostat: int = 0
    mirostat_tau: float = 5.0
    mirostat_eta: float = 0.1
    temperature_range: float = 0.0
    temperature_exponent: float = 1.0
    top_n_sigma: float = 0.0

    def __post_init__(self) -> None:
        for name, (low, high) in SAMPLING_RANGES.items():
            value = getattr(self, name)
            kind = type(value)
            if (kind is int or (kind is float and name not in WHOLE_SAMPLING)) and low <= value <= high:
                continue  # the usual case, twenty times for each request
            if name in WHOLE_SAMPLING and not isinstance(value, int):
                raise InvalidOption(option=name, value=value, allowed=f"a whole number from {low:g} to {high:g}")
            _check(name, value, low, high)


@travelling
@dataclass(frozen=True, slots=True)
class Adapter:
    """A LoRA adapter (https://arxiv.org/abs/2106.09685): how strongly it speaks, 0 is not at all.

    ``path`` is a GGUF file for llama.cpp, a folder of PEFT's for torch.
    """

    path: str
    scale: float = 1.0

    def __post_init__(self) -> None:
        if not isinstance(self.path, str) or not self.path:
            raise InvalidOption(option="adapters", value=repr(self.path), allowed="paths of adapters")
        _check("adapters", self.scale, -100.0, 100.0)


def read_adapters(values: Any) -> tuple[Adapter, ...]:
    """Adapters from plain values: each an :class:`Adapter`, a table of its fields, or a pair of path and scale.

    Raises:
        InvalidOption: something else, or one file twice.
    """
    found: list[Adapter] = []
    for value in values:
        try:
            if isinstance(value, Adapter):
                found.append(value)
            elif isinstance(value, dict):
                found.append(Adapter(value["path"], value.get("scale", 1.0)))
            else:
                path, scale = value
                found.append(Adapter(path, scale))
        except (KeyError, TypeError, ValueError):
            raise InvalidOption(option="adapters", value=repr(value), allowed="pairs of path and scale") from None
    if len({adapter.path for adapter in found}) != len(found) or len(found) > MOST_ADAPTERS:
        raise InvalidOption(option="adapters", value=f"{len(found)} files", allowed=f"up to {MOST_ADAPTERS} files, each once")
    return tuple(found)


SAMPLING_RANGES: dict[str, tuple[float, float]] = {
    "temperature": (0.0, 5.0),
    "top_k": (0, 1_000_000),
    "top_p": (0.0, 1.0),
    "min_p": (0.0, 1.0),
    "typical_p": (0.0, 1.0),
    "repeat_penalty": (0.5, 3.0),
    "repeat_last_n": (-1, 1_000_000),
    "presence_penalty": (-2.0, 2.0),
    "frequency_penalty": (-2.0, 2.0),
    "dry_multiplier": (0.0, 10.0),
    "dry_base": (1.0, 10.0),
    "dry_allowed_length": (0, 1000),
    "xtc_probability": (0.0, 1.0),
    "xtc_threshold": (0.0, 1.0),
    "mirostat": (0, 2),
    "mirostat_tau": (0.0, 20.0),
    "mirostat_eta": (0.0, 1.0),
    "temperature_range": (0.0, 5.0),
    "temperature_exponent": (0.0, 10.0),
    "top_n_sigma": (0.0, 100.0),
}

WHOLE_SAMPLING = frozenset(field.name for field in fields(SamplingOptions) if isinstance(field.default, int))
"""The settings that are whole numbers."""

SAMPLER_STEPS = ("penalties", "dry", "top_n_sigma", "top_k", "typical_p", "top_p", "min_p", "xtc", "temperature")
"""The steps between the model's numbers and the draw, in llama.cpp's usual order."""


@travelling
@dataclass(frozen=True, slots=True)
class GenerationOptions:
    """One request's settings. ``max_tokens`` 0 means until the context is full; ``seed`` None draws one and reports it.

    ``sampler_order`` names the steps that are applied, in order; those that it leaves out are not (mirostat and temperature 0
    know only the first two). ``logit_bias`` adds to the logits of tokens, by id. With ``logprobs`` every token is also told as
    :class:`backends.events.TokenChosen` with that many alternatives; with ``prompt_logprobs`` those of the prompt are told before, as
    :class:`backends.events.PromptToken`, and so is the token that ends the reply.
    ``schema`` is a JSON schema as text, ``grammar`` a grammar in
    Lark's notation (https://github.com/guidance-ai/llguidance/blob/main/docs/syntax.md) or in llama.cpp's (GBNF): the reply cannot be
    but of that form.
    ``adapters`` are the LoRA adapters to answer with instead of those of the load; None for those.
    ``context_policy`` says what happens where the text does not fit the context: it is refused, or what lies between its beginning and
    its newest part is forgotten (``shift``). ``drop`` and ``summarise`` are for who keeps the conversation: to an engine they are
    ``refuse``. ``ignore_eos`` forbids the tokens with which a model ends its text, so that only a limit or a stop text ends it.
    """

    sampling: SamplingOptions = SamplingOptions()
    max_tokens: int = 0
    stop: tuple[str, ...] = ()
    seed: int | None = None
    sampler_order: tuple[str, ...] = SAMPLER_STEPS
    logit_bias: tuple[tuple[int, float], ...] = ()
    logprobs: int | None = None
    schema: str = ""
    grammar: str = ""
    prompt_logprobs: bool = False
    adapters: tuple[Adapter, ...] | None = None
    context_policy: str = "refuse"
    ignore_eos: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.max_tokens, int) or not 0 <= self.max_tokens <= 10_000_000:
            raise InvalidOption(option="max_tokens", value=self.max_tokens, allowed="a whole number, 0 for no limit")
        if any(not isinstance(text, str) or not text for text in self.stop) or len(self.stop) > 64:
            raise InvalidOption(option="stop", value=repr(self.stop), allowed="up to 64 texts, none empty")
        if self.seed is not None and not 0 <= self.seed < 2**32:
            raise InvalidOption(option="seed", value=self.seed, allowed="a whole number from 0 to 4294967295")
        if len(set(self.sampler_order)) != len(self.sampler_order) or not set(self.sampler_order) <= set(SAMPLER_STEPS):
            names = ", ".join(SAMPLER_STEPS)
            raise InvalidOption(option="sampler_order", value=", ".join(self.sampler_order), allowed=f"each once, of: {names}")
        for token, bias in self.logit_bias:
            if token < 0:
                raise InvalidOption(option="logit_bias", value=token, allowed="ids of tokens")
            _check("logit_bias", bias, -1000.0, 1000.0)
        if self.logprobs is not None:
            _check("logprobs", self.logprobs, 0, MOST_LOGPROBS)
        if self.context_policy not in CONTEXT_POLICIES:
            raise InvalidOption(option="context_policy", value=repr(self.context_policy), allowed=", ".join(CONTEXT_POLICIES))
        if self.adapters is not None:
            object.__setattr__(self, "adapters", read_adapters(self.adapters))
        if self.schema and self.grammar:
            raise InvalidOption(option="grammar", value="used with a schema", allowed="empty where a schema is given")
        if max(len(self.schema), len(self.grammar)) > LONGEST_GRAMMAR:
            raise InvalidOption(option="schema", value="longer", allowed=f"a text of {LONGEST_GRAMMAR} characters at most")

    def to_json(self) -> dict[str, Any]:
        """Plain values, kept in the store with each reply."""
        return asdict(self)


def generation_options_from_json(value: dict[str, Any]) -> GenerationOptions:
    """The inverse of :meth:`GenerationOptions.to_json`; unknown keys are ignored.

    Raises:
        InvalidOption: a value is out of range.
    """
    known = {field.name for field in fields(SamplingOptions)}
    sampling = {key: item for key, item in dict(value.get("sampling") or {}).items() if key in known}
    for field in fields(SamplingOptions):
        if isinstance(field.default, float) and isinstance(sampling.get(field.name), int):
            sampling[field.name] = float(sampling[field.name])
    seed = value.get("seed")
    return GenerationOptions(
        sampling=SamplingOptions(**sampling),
        max_tokens=int(value.get("max_tokens") or 0),
        stop=tuple(value.get("stop") or ()),
        seed=None if seed is None else int(seed),
        sampler_order=tuple(value.get("sampler_order") or SAMPLER_STEPS),
        logit_bias=tuple((int(token), float(bias)) for token, bias in value.get("logit_bias") or ()),
        logprobs=value.get("logprobs"),
        schema=str(value.get("schema") or ""),
        grammar=str(value.get("grammar") or ""),
        prompt_logprobs=bool(value.get("prompt_logprobs")),
        ignore_eos=bool(value.get("ignore_eos")),
        adapters=None if value.get("adapters") is None else read_adapters(value["adapters"]),
        context_policy=str(value.get("context_policy") or "refuse"),
    )


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """How a model is put in memory.

    ``context_length`` 0 takes the model's own, capped at ``DEFAULT_CONTEXT_LIMIT``; ``threads`` 0 means physical cores - 1;
    ``gpu_layers`` -1 offloads as many as fit; ``kv_type`` is a GGML type name for both halves of the KV cache.
    ``use_mmap`` maps the model's file into memory, or reads it; None reads what only the CPU computes into huge pages where the system
    has such pages and memory to spare, and maps everything else. ``parallel`` requests are answered at once, ``waiting_limit`` more
    may wait. With ``kv_unified`` all of them share one context, so that one may use all of it and common beginnings lie in it once;
    without, each has ``context_length`` for itself, which takes that much more memory and is faster where many long requests run
    together. What was read is kept in ``cache_folder`` between two lives of the engine, ``cache_megabytes`` at most for all models;
    without a folder nothing is.
    With ``lookup_tokens`` a reply that is written alone guesses as many tokens ahead where it repeats what was written before.
    The text stays the same but for rounding, which differs with the number of tokens in a step; so a seed may give another text
    where two tokens are all but equally likely. That is why it is off unless asked for.
    ``projector`` is the path of the projector (mmproj) that lets the model see or hear; empty takes the one that lies beside the model,
    ``none`` loads none. ``media_megabytes`` of memory are for pictures that were seen, so that none is looked at twice.
    ``draft_model`` is the path of a small model of the same vocabulary that guesses up to ``draft_tokens`` ahead, with the same proviso;
    ``own`` lets the layers guess that some models carry for that (multi-token prediction, MTP).
    ``chat_template`` is Jinja in the place of the model's own template, ``engine`` the name of a backend in the place of the one
    that the file asks for; empty leaves both as they are. ``adapters`` are LoRA adapters that all replies are written with unless a
    request names others.

    Where a machine has several devices: ``device`` names one by its ggml name, or several with commas; ``split_mode`` says how they
    share a model (whole layers, rows of matrices, or one device alone), ``tensor_split`` in which proportions, ``main_gpu`` which is
    the first. ``tensor_overrides`` are pairs of a regular expression for names of tensors and the place where these lie (``CPU``,
    ``CUDA0`` …); ``cpu_experts`` keeps the experts of so many layers of a mixture on the CPU, -1 all. ``kv_offload`` puts the KV cache
    beside the layers. ``numa`` is a strategy for machines of several processors, ``rpc_servers`` are ``host:port`` of other machines.
    ``compute_type`` is what torch computes a checkpoint in: bf16, f16 or f32; empty takes what suits the device.
    """

    context_length: int = 0
    gpu_layers: int = -1
    threads: int = 0
    batch_size: int = 2048
    kv_type: str = "f16"
    flash_attention: bool | None = None
    use_mmap: bool | None = None
    use_mlock: bool = False
    device: str = ""
    parallel: int = 4
    kv_unified: bool = True
    waiting_limit: int = 256
    cache_folder: str = ""
    cache_megabytes: int = 2048
    lookup_tokens: int = 0
    adapters: tuple[Adapter, ...] = ()
    draft_model: str = ""
    draft_tokens: int = 8
    split_mode: str = ""
    main_gpu: int = 0
    tensor_split: tuple[float, ...] = ()
    tensor_overrides: tuple[tuple[str, str], ...] = ()
    cpu_experts: int = 0
    kv_offload: bool = True
    numa: str = ""
    rpc_servers: tuple[str, ...] = ()
    chat_template: str = ""
    engine: str = ""
    compute_type: str = ""
    projector: str = ""
    media_megabytes: int = 256

    @property
    def guessed_tokens(self) -> int:
        """Tokens that may be guessed at once; 0 where nothing guesses."""
        return max(self.lookup_tokens, self.draft_tokens if self.draft_model else 0)

    @property
    def micro_batch(self) -> int:
        """Tokens of a step that are computed at once, for which memory is planned."""
        return min(MICRO_BATCH, self.batch_size)

    def __post_init__(self) -> None:
        _check("context_length", self.context_length, 0, 16_777_216)
        _check("gpu_layers", self.gpu_layers, -1, 100_000)
        _check("threads", self.threads, 0, MOST_THREADS)
        _check("batch_size", self.batch_size, 1, 65_536)
        _check("parallel", self.parallel, 1, 128)
        _check("waiting_limit", self.waiting_limit, 1, 1_000_000)
        _check("lookup_tokens", self.lookup_tokens, 0, 64)
        _check("draft_tokens", self.draft_tokens, 1, 64)
        _check("cache_megabytes", self.cache_megabytes, 0, 1e9)
        _check("media_megabytes", self.media_megabytes, 0, 1e6)
        for name in ("chat_template", "engine", "draft_model", "projector"):
            if not isinstance(getattr(self, name), str) or len(getattr(self, name)) > LONGEST_TEMPLATE:
                raise InvalidOption(option=name, value=repr(getattr(self, name))[:80], allowed="text")
        object.__setattr__(self, "adapters", read_adapters(self.adapters))
        if self.kv_type not in KV_TYPES:
            raise InvalidOption(option="kv_type", value=self.kv_type, allowed=", ".join(KV_TYPES))
        self._check_devices()

    def _check_devices(self) -> None:
        _check("main_gpu", self.main_gpu, 0, 127)
        _check("cpu_experts", self.cpu_experts, -1, 100_000)
        choices = (
            ("split_mode", self.split_mode, SPLIT_MODES),
            ("numa", self.numa, NUMA_STRATEGIES),
            ("compute_type", self.compute_type, COMPUTE_TYPES),
        )
        for name, value, known in choices:
            if value not in known:
                raise InvalidOption(option=name, value=repr(value), allowed=", ".join(filter(None, known)) + ", or empty")
        for name in ("tensor_split", "rpc_servers"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        object.__setattr__(self, "tensor_overrides", tuple(_read_override(pair) for pair in self.tensor_overrides))
        for share in self.tensor_split:
            _check("tensor_split", share, 0, 1e6)
        if any(not isinstance(server, str) or not _SERVER.fullmatch(server) for server in self.rpc_servers):
            raise InvalidOption(option="rpc_servers", value=repr(self.rpc_servers), allowed="host:port, for each")


def _read_override(value: Any) -> tuple[str, str]:
    """A pattern for names of tensors and their place. The engine reads patterns as ECMAScript's, which knows less than Python's.

    Raises:
        InvalidOption: something else, or a pattern of which the engine would make something else or nothing.
    """
    pair = tuple(value) if isinstance(value, list | tuple) else ()
    if len(pair) != 2 or any(not isinstance(part, str) or not part for part in pair):
        raise InvalidOption(option="tensor_overrides", value=repr(value), allowed="pairs of pattern and place")
    pattern, place = pair
    try:
        re.compile(pattern)
    except re.error as error:
        allowed = f"pairs of a pattern and a place; as a pattern, this one is wrong: {error}"
        raise InvalidOption(option="tensor_overrides", value=repr(value), allowed=allowed) from None
    if found := next((match["foreign"] for match in _FOREIGN.finditer(pattern) if match["foreign"]), ""):
        allowed = f"patterns as ECMAScript (JavaScript) knows them, without {found}"
        raise InvalidOption(option="tensor_overrides", value=repr(value), allowed=allowed)
    return pattern, place


OWN_LAYERS = "own"
"""The draft model that a model carries in itself."""
KV_TYPES = ("f32", "f16", "bf16", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0", "iq4_nl")
CONTEXT_POLICIES = ("refuse", "shift", "drop", "summarise")
SPLIT_MODES = ("", "none", "layer", "row", "tensor")
"""In the order of ``llama_split_mode``, after what stands for the engine's own choice."""
NUMA_STRATEGIES = ("", "distribute", "isolate", "numactl", "mirror")
"""In the order of ``ggml_numa_strategy``; empty is off."""
COMPUTE_TYPES = ("", "f32", "bf16", "f16")
_FOREIGN = re.compile(
    r"(?P<foreign>\(\?(?![:=!]).?.?|[*+?}]\+|\\[AZU]|\{(?!\d+(?:,\d*)?\}))|\\.|\[\^?\]?(?:\\.|[^\]\\])*\]", re.DOTALL
)
"""What ``std::regex`` refuses or takes for something else, though Python knows it; escaped characters and classes are passed over."""
_SERVER = re.compile(r"[\w.\-\[\]:]+:\d{1,5}")
MICRO_BATCH = 512
"""Most tokens that an engine computes at once, and memory is planned for; a larger batch is cut into as many."""
DEFAULT_CONTEXT_LIMIT = 8192
MOST_THREADS = 1024
MOST_LOGPROBS = 100
MOST_ADAPTERS = 64
LONGEST_GRAMMAR = 1_000_000
LONGEST_TEMPLATE = 1_000_000
