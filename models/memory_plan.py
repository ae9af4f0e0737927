"""Whether a model fits into this machine, where its parts would lie, and what to change where it does not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from models.memory_fit import LoadShape, compute_bytes, kv_bytes, output_bytes
from models.memory_shape import LayerShape, MemoryShape

Verdict = Literal["fits", "tight", "too_large"]
Advice = Literal["shorter_context", "smaller_cache", "fewer_gpu_layers", "close_programs", "smaller_quantization"]

_COMFORT = 0.9
"""What may be filled without a worry: the rest is for what nobody can foresee."""
_OWN_BYTES = 60 << 20
"""The engine's process itself: Python, libraries, vocabulary."""
_SHORTEST_CONTEXT = 512
_CONTEXT_STEP = 256


@dataclass(frozen=True, slots=True)
class DeviceRoom:
    """One device. Memory in bytes; ``used`` by everything that runs now. The first device of a list is the main memory."""

    name: str
    total: int
    used: int = 0

    @property
    def free(self) -> int:
        """What a model can still have."""
        return max(0, self.total - self.used)


@dataclass(frozen=True, slots=True)
class Correction:
    """What real loads taught: measured bytes for each predicted one."""

    weights: float = 1.0
    kv_cache: float = 1.0
    compute: float = 1.0


@dataclass(frozen=True, slots=True)
class DevicePlan:
    """What would lie on a device, in bytes. ``others`` is used already."""

    name: str
    total: int
    others: int
    weights: int = 0
    kv_cache: int = 0
    compute: int = 0
    projector: int = 0
    draft: int = 0

    @property
    def needed(self) -> int:
        """All that this load adds."""
        return self.weights + self.kv_cache + self.compute + self.projector + self.draft

    @property
    def verdict(self) -> Verdict:
        """Whether it has room; ``tight`` too where it would have if other programs were closed."""
        if self.needed <= _COMFORT * (self.total - self.others):
            return "fits"
        return "tight" if self.needed <= max(self.total - self.others, _COMFORT * self.total * 0.95) else "too_large"


@dataclass(frozen=True, slots=True)
class PlanRequest:
    """What is asked for. ``gpu_layers`` -1 puts as many on GPUs as fit; ``context`` 0 takes as much as is usual and fits.

    ``draft`` is the model that guesses ahead, for one sequence at a time; ``adapter_bytes`` are LoRA adapters, beside the weights.
    """

    context: int = 0
    kv_type: str = "f16"
    gpu_layers: int = -1
    sequences: int = 8
    states: int = 1
    micro_batch: int = 512
    has_flash_attention: bool = True
    projector_bytes: int = 0
    adapter_bytes: int = 0
    draft: MemoryShape | None = None
    correction: Correction = Correction()


@dataclass(frozen=True, slots=True)
class MemoryPlan:
    """The answer. ``longest_context`` fits with these options and layers on GPUs, 0 where not even the shortest does."""

    devices: tuple[DevicePlan, ...]
    verdict: Verdict
    context: int
    longest_context: int
    gpu_layers: int
    layer_count: int
    advice: tuple[Advice, ...]

    @property
    def needed(self) -> int:
        """Bytes on all devices together."""
        return sum(device.needed for device in self.devices)


def plan_memory(shape: MemoryShape, rooms: Sequence[DeviceRoom], request: PlanRequest, usual_context: int = 4096) -> MemoryPlan:
    """Plan a load. ``rooms`` is the main memory first, then GPUs in the order in which they take layers."""
    request = replace(request, kv_type=shape.kv_type or request.kv_type)
    trained = shape.trained_context or usual_context
    context = request.context or min(trained, usual_context)
    layers = request.gpu_layers if request.gpu_layers >= 0 else _most_layers(shape, rooms, request, context)
    layers = min(layers, shape.layer_count) if len(rooms) > 1 else 0
    devices = _lay_out(shape, rooms, request, context, layers)
    verdict = _worst(devices)
    longest = _longest_context(shape, rooms, request, layers, trained)
    advice = _advise(shape, rooms, request, context, layers, devices, longest)
    return MemoryPlan(devices, verdict, context, longest, layers, shape.layer_count, advice)


def _worst(devices: Sequence[DevicePlan]) -> Verdict:
    verdicts = {device.verdict for device in devices if device.needed}
    return "too_large" if "too_large" in verdicts else "tight" if "tight" in verdicts else "fits"


def _lay_out(
    shape: MemoryShape, rooms: Sequence[DeviceRoom], request: PlanRequest, context: int, gpu_layers: int
) -> tuple[DevicePlan, ...]:
    """The last layers go to the GPUs, in proportion to their free memory, the output after the last of them."""
    load = LoadShape(
        context,
        request.kv_type,
        request.micro_batch,
        request.sequences,
        request.states,
        has_flash_attention=request.has_flash_attention,
    )
    first = max(0, len(shape.layers) - gpu_layers)
    shares = _split(shape.layers[first:], rooms[1:] if gpu_layers else ())
    has_output = gpu_layers >= shape.layer_count
    compute = compute_bytes(shape, load)
    main = rooms[0]
    plans = []
    weights = shape.embedding_weights + sum(layer.weights for layer in shape.layers[:first])
    if not has_output:
        weights += shape.output_weights
    here = compute if not has_output else output_bytes(shape, load) + 2 * load.micro_batch * shape.width * 4
    plans.append(
        _device(main, request, weights, kv_bytes(shape.layers[:first], load), here + (shape.process_bytes or _OWN_BYTES))
    )
    for number, (room, layers) in enumerate(zip(rooms[1:], shares, strict=False)):
        weights = sum(layer.weights for layer in layers)
        if has_output and number == len(shares) - 1:
            weights += shape.output_weights + (shape.embedding_weights if shape.is_tied else 0)
        plans.append(_device(room, request, weights, kv_bytes(layers, load), compute if layers else 0))
    for room in rooms[len(plans) :]:
        plans.append(_device(room, request, 0, 0, 0))
    return _add_extras(plans, request, load)


def _device(room: DeviceRoom, request: PlanRequest, weights: int, cache: int, compute: int) -> DevicePlan:
    learnt = request.correction
    return DevicePlan(
        room.name,
        room.total,
        room.used,
        round(weights * learnt.weights),
        round(cache * learnt.kv_cache),
        round(compute * learnt.compute),
    )


def _add_extras(plans: list[DevicePlan], request: PlanRequest, load: LoadShape) -> tuple[DevicePlan, ...]:
    """Projector, adapters and draft model lie on the first GPU that has layers, else in the main memory."""
    place = next((number for number, plan in enumerate(plans) if number and plan.weights), 0)
    draft = 0
    if request.draft is not None:
        alone = replace(load, sequences=1)
        draft = request.draft.weights + kv_bytes(request.draft.layers, alone) + compute_bytes(request.draft, alone)
    weights = plans[place].weights + request.adapter_bytes
    plans[place] = replace(plans[place], weights=weights, projector=request.projector_bytes, draft=draft)
    return tuple(plans)


def _split(layers: Sequence[LayerShape], rooms: Sequence[DeviceRoom]) -> list[Sequence[LayerShape]]:
    """Consecutive layers for each GPU, as many as its share of the free memory."""
    free = sum(room.free for room in rooms)
    shares: list[Sequence[LayerShape]] = []
    begin, sum_free = 0, 0
    for room in rooms:
        sum_free += room.free
        end = round(len(layers) * sum_free / free) if free else 0
        shares.append(layers[begin:end])
        begin = end
    return shares


def _most_layers(shape: MemoryShape, rooms: Sequence[DeviceRoom], request: PlanRequest, context: int) -> int:
    """As many layers as fit comfortably on the GPUs."""
    if len(rooms) < 2:
        return 0
    for count in range(shape.layer_count, 0, -1):
        devices = _lay_out(shape, rooms, request, context, count)
        if all(plan.verdict == "fits" for plan in devices[1:] if plan.needed):
            return count
    return 0


def _longest_context(shape: MemoryShape, rooms: Sequence[DeviceRoom], request: PlanRequest, layers: int, trained: int) -> int:
    def fits(context: int) -> bool:
        return all(
            plan.needed <= room.free for plan, room in zip(_lay_out(shape, rooms, request, context, layers), rooms, strict=True)
        )

    low, high = 0, max(trained, _SHORTEST_CONTEXT) // _CONTEXT_STEP
    if fits(high * _CONTEXT_STEP):
        return trained
    while low < high - 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle * _CONTEXT_STEP) else (low, middle)
    longest = low * _CONTEXT_STEP
    return longest if longest >= _SHORTEST_CONTEXT else 0


def _advise(
    shape: MemoryShape,
    rooms: Sequence[DeviceRoom],
    request: PlanRequest,
    context: int,
    layers: int,
    devices: Sequence[DevicePlan],
    longest: int,
) -> tuple[Advice, ...]:
    """What would help, the smallest sacrifice first; nothing where it fits."""
    if _worst(devices) == "fits":
        return ()
    advice: list[Advice] = []
    if _SHORTEST_CONTEXT <= longest < context:
        advice.append("shorter_context")
    if request.kv_type in ("f16", "bf16", "f32") and not shape.kv_type:
        smaller = _lay_out(shape, rooms, replace(request, kv_type="q8_0"), context, layers)
        if sum(plan.needed for plan in smaller) < 0.95 * sum(plan.needed for plan in devices) or _worst(smaller) == "fits":
            advice.append("smaller_cache")
    if layers and any(plan.verdict != "fits" for plan in devices[1:]) and devices[0].verdict == "fits":
        advice.append("fewer_gpu_layers")
    if _worst(devices) == "tight" and devices[0].verdict == "tight":
        advice.append("close_programs")
    if not longest or _worst(devices) == "too_large":
        advice.append("smaller_quantization")
    return tuple(advice)
