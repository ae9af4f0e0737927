"""Attention over many sequences at once: the tokens of all lie in one row, and each looks only at its own sequence's keys.

transformers lets a program bring its own attention function (https://huggingface.co/docs/transformers/attention_interface). Ours keeps
keys and values itself, so that the matrices of the network are multiplied once for all sequences, however long each is.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from torch import Tensor

    from backends.llamacpp.adapters import AdapterSet

NAME = "yanmo_spans"
_FIRST_ROOM = 256


class KeyValues:
    """Keys and values of one sequence, layer by layer, in buffers that grow. ``length`` tokens are finished in every layer."""

    def __init__(self) -> None:
        self.length = 0
        self._layers: dict[int, tuple[Tensor, Tensor]] = {}

    def put(self, layer: int, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Write (heads, tokens, size) after the finished tokens; all keys and values of the layer up to them."""
        end = self.length + keys.shape[1]
        found = self._layers.get(layer)
        if found is None or found[0].shape[1] < end:
            found = self._layers[layer] = self._grow(found, end, keys, values)
        found[0][:, self.length : end] = keys
        found[1][:, self.length : end] = values
        return found[0][:, :end], found[1][:, :end]

    def copy_of(self, length: int) -> KeyValues:
        """A copy of the first ``length`` tokens."""
        made = KeyValues()
        made.length = length
        for layer, (keys, values) in self._layers.items():
            made._layers[layer] = (keys[:, :length].clone(), values[:, :length].clone())
        return made

    @property
    def size_bytes(self) -> int:
        """What the buffers take."""
        return sum(part.numel() * part.element_size() for pair in self._layers.values() for part in pair)

    def _grow(self, found: tuple[Tensor, Tensor] | None, end: int, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        room = max(_FIRST_ROOM, -(-end * 3 // 2 // _FIRST_ROOM) * _FIRST_ROOM)
        made = (keys.new_empty(keys.shape[0], room, keys.shape[2]), values.new_empty(values.shape[0], room, values.shape[2]))
        if found is not None:
            for old, new in zip(found, made, strict=True):
                new[:, : self.length] = old[:, : self.length]
        return made


@dataclass(slots=True)
class Span:
    """``count`` neighbouring tokens of one sequence in the row that is computed.

    Where they are a picture, ``embeddings`` (float32, count × width, and as many widths more as layers take it too) stand for them,
    ``offsets`` (3, count) say where each lies on
    its grid, and where it ``sees_itself`` each of them sees all of them. ``adapters`` are those that compute them. ``gap`` is how many
    places before it the sequence has more than positions.
    """

    cache: KeyValues
    count: int
    embeddings: Any = None
    adapters: AdapterSet = ()
    sees_itself: bool = False
    offsets: Any = None
    gap: int = 0

    def positions(self) -> Tensor:
        """Where its tokens are in the text: (3, count)."""
        begin = self.cache.length - self.gap
        return torch.arange(begin, begin + self.count).expand(3, -1) if self.offsets is None else self.offsets + begin


@dataclass(slots=True)
class Pass:
    """What is being computed: spans in the order of the row. ``outputs`` are the places whose logits are wanted, ``seen`` the layers
    that came by.
    """

    spans: list[Span]
    outputs: list[int] = field(default_factory=list)
    seen: set[int] = field(default_factory=set)


_now = threading.local()
"""The pass of this thread: embedding runs beside generating."""


def rows_of_pass(count: int) -> Iterator[tuple[slice, AdapterSet]]:
    """Of ``count`` rows that go through a module in this thread's pass, those of each span that has adapters.

    They are all tokens, or, in the output head, only those whose logits are wanted.
    """
    now: Pass | None = getattr(_now, "found", None)
    if now is None or not any(span.adapters for span in now.spans):
        return
    is_whole = count == sum(span.count for span in now.spans)
    if not is_whole and count != len(now.outputs):
        raise RuntimeError("a module with an adapter is not called row by row")
    begin = first = 0
    for span in now.spans:
        end = begin + span.count
        length = span.count if is_whole else sum(begin <= place < end for place in now.outputs)
        if span.adapters and length:
            yield slice(first, first + length), span.adapters
        begin, first = end, first + length


def attend(
    module: Any,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    _attention_mask: Any,
    scaling: float | None = None,
    sliding_window: int | None = None,
    softcap: float | None = None,
    s_aux: Tensor | None = None,
    **_others: Any,
) -> tuple[Tensor, None]:
    """transformers' attention interface: (1, heads, tokens, size) in, (1, tokens, heads, size) out."""
    now: Pass = _now.found
    now.seen.add(int(module.layer_idx))
    pieces, begin = [], 0
    for span in now.spans:
        end = begin + span.count
        keys, values = span.cache.put(int(module.layer_idx), key[0, :, begin:end], value[0, :, begin:end])
        own = query[0, :, begin:end]
        pieces.append(_attend_one(own, keys, values, scaling, sliding_window, softcap, s_aux, span.sees_itself))
        begin = end
    joined = torch.cat(pieces, dim=1) if len(pieces) > 1 else pieces[0]
    return joined.transpose(0, 1).unsqueeze(0).contiguous(), None


def _attend_one(
    query: Tensor,
    keys: Tensor,
    values: Tensor,
    scaling: float | None,
    window: int | None,
    softcap: float | None,
    sinks: Tensor | None,
    sees_itself: bool = False,
) -> Tensor:
    """Attention of the last tokens of a sequence over all of it: (heads, tokens, size). A picture ``sees_itself``, without causal mask."""
    count, total = query.shape[1], keys.shape[1]
    if window is not None and total > window + count - 1:
        first = total - (window + count - 1)
        keys, values, total = keys[:, first:], values[:, first:], window + count - 1
    mask = _mask(count, total, window, query.device, sees_itself)
    if softcap is None and sinks is None:
        is_square = mask is not None and count == total and window is None and not sees_itself
        found = torch.nn.functional.scaled_dot_product_attention(
            query.unsqueeze(0),
            keys.unsqueeze(0),
            values.unsqueeze(0),
            attn_mask=None if is_square else mask,
            is_causal=is_square,
            scale=scaling,
            enable_gqa=keys.shape[0] != query.shape[0],
        )
        return found[0]
    repeats = query.shape[0] // keys.shape[0]
    keys, values = keys.repeat_interleave(repeats, dim=0), values.repeat_interleave(repeats, dim=0)
    scores = query.float() @ keys.float().transpose(1, 2) * (scaling if scaling is not None else query.shape[-1] ** -0.5)
    if softcap is not None:
        scores = torch.tanh(scores / softcap) * softcap
    if mask is not None:
        scores = scores.masked_fill(~mask, float("-inf"))
    if sinks is not None:
        column = sinks.float().reshape(-1, 1, 1).expand(-1, count, 1)
        weights = torch.softmax(torch.cat((scores, column), dim=2), dim=2)[:, :, :-1]
    else:
        weights = torch.softmax(scores, dim=2)
    return weights.to(values.dtype) @ values


def _mask(count: int, total: int, window: int | None, device: Any, sees_itself: bool = False) -> Tensor | None:
    """Which of ``total`` keys each of the last ``count`` tokens sees; None where it is all of them."""
    if count == 1:
        return None
    places = torch.arange(total, device=device)
    own = places[total - count :].unsqueeze(1)
    seen = places <= own
    if window is not None:
        seen &= places > own - window
    if sees_itself:
        seen |= places >= total - count
    return seen


def register() -> None:
    """Make the function known to transformers, once."""
    from transformers import AttentionInterface

    AttentionInterface.register(NAME, attend)


@torch.inference_mode()
def compute(model: Any, tokens: list[int], spans: list[Span], rows: list[int], device: Any) -> tuple[Tensor, set[int]]:
    """Logits (rows, vocabulary) for some places of a row of tokens, and the layers that attended. Caches then hold the tokens.

    ``tokens`` are those of the spans, one after another.
    """
    wanted = torch.tensor(rows, dtype=torch.long, device=device)
    found, seen = _run(model, tokens, spans, rows, device, logits_to_keep=wanted)
    logits: Tensor = found.logits[0]
    # some networks give logits for every place
    return logits if logits.shape[0] == len(rows) else logits[wanted], seen


@torch.inference_mode()
def hidden_states(model: Any, tokens: list[int], span: Span, device: Any) -> Tensor:
    """What leaves the last layer (tokens, width), after the final norm. The cache then holds the tokens."""
    found, _ = _run(model.base_model, tokens, [span], [], device)
    states: Tensor = found.last_hidden_state[0]
    return states


def _inputs(model: Any, tokens: list[int], spans: list[Span], device: Any) -> dict[str, Tensor]:
    """What a network is given: ids, or, where there are pictures, embeddings with theirs in their places."""
    if all(span.embeddings is None for span in spans):
        return {"input_ids": torch.tensor([tokens], device=device)}
    ids = torch.tensor([[max(token, 0) for token in tokens]], device=device)
    made = model.get_input_embeddings()(ids)
    for rows, values in _seen_part(spans, 0, made):
        made[0, rows] = values
    return {"inputs_embeds": made}


def _seen_part(spans: list[Span], number: int, like: Tensor) -> Iterator[tuple[slice, Tensor]]:
    """Rows of pictures with the part of their embeddings that has this number: 0 is what stands for the words, 1 the first layer's."""
    width, begin = like.shape[-1], 0
    for span in spans:
        end = begin + span.count
        if span.embeddings is not None and span.embeddings.shape[1] > number * width:
            part = span.embeddings[:, number * width : (number + 1) * width]
            yield slice(begin, end), torch.from_numpy(part).to(like.device, like.dtype)
        begin = end


def see_in_layers(layers: Sequence[Any]) -> None:
    """Let each of these layers add its part of a picture's embeddings to what it gives, in the rows of the picture."""
    for number, layer in enumerate(layers, 1):
        layer.register_forward_hook(_LayerSight(number))


class _LayerSight:
    """What one layer adds, as a hook on it."""

    def __init__(self, number: int) -> None:
        self._number = number

    def __call__(self, _module: Any, _inputs: Any, output: Tensor) -> Tensor:
        now: Pass | None = getattr(_now, "found", None)
        for rows, values in _seen_part(now.spans, self._number, output) if now is not None else ():
            output[0, rows] += values
        return output


def _run(model: Any, tokens: list[int], spans: list[Span], outputs: list[int], device: Any, **more: Any) -> tuple[Any, set[int]]:
    positions = torch.cat([span.positions() for span in spans], dim=1)
    # three axes only where they differ: most networks know one
    places = positions.unsqueeze(1) if any(span.offsets is not None for span in spans) else positions[:1]
    now = _now.found = Pass(spans, outputs)
    try:
        found = model(
            **_inputs(model, tokens, spans, device),
            position_ids=places.to(device),
            use_cache=False,
            **more,
        )
    finally:
        _now.found = None
    for span in spans:
        span.cache.length += span.count
    return found, now.seen
