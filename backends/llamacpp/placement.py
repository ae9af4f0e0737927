"""Where the weights go: devices, layers and rows, single tensors, experts, NUMA nodes, other machines; and how many layers fit a GPU."""

from __future__ import annotations

import ctypes
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from backends.devices import Device, GgmlLibrary
from backends.llamacpp.library import NativeLibrary, library_folder
from backends.options import DEFAULT_CONTEXT_LIMIT, NUMA_STRATEGIES, SPLIT_MODES, LoadOptions
from models.errors import EngineUnavailable, InvalidOption
from models.gguf_header import GgufHeader
from models.memory_fit import estimate_memory

_EXPERTS = r"\.ffn_(up|down|gate|gate_up)_(ch|)exps"
"""The tensors of a mixture's experts, as llama.cpp's own ``--cpu-moe`` finds them."""
_BLOCK = re.compile(r"blk\.(\d+)\.")
_RESERVE_BYTES, _RESERVE_SHARE = 256 << 20, 0.05
"""What is left free on each GPU: for the driver, the desktop and what an estimate cannot know."""
_FEWEST_HALVED = 4
"""Layers of which half are still worth a second try on a full GPU."""


class _Override(ctypes.Structure):
    """``llama_model_tensor_buft_override``."""

    _fields_ = (("pattern", ctypes.c_char_p), ("buffer_type", ctypes.c_void_p))


@dataclass(frozen=True, slots=True)
class Places:
    """What a load will do: its options with everything decided, the devices' names, and a word where it is not what was wished.

    ``notice`` has a sentence a line. ``layers`` is how many could lie on GPUs, 0 where that is not known; ``is_planned`` where their
    number was found here and not wished, ``is_halved`` where it was tried and the graphics memory was full.
    """

    options: LoadOptions
    device: str
    notice: str = ""
    layers: int = 0
    is_planned: bool = False
    is_halved: bool = False


class Placement:
    """The options of one load as C reads them; keep it as long as the load takes, for C reads from its arrays.

    Raises:
        EngineUnavailable: a device or a kind of device that this build does not have.
        InvalidOption: a buffer type that no device has, or a pattern that is none.
    """

    def __init__(self, library: NativeLibrary, options: LoadOptions) -> None:
        self._api = library.api
        self._options = options
        self._kept: list[Any] = []
        if options.rpc_servers:
            self._reach_servers(options.rpc_servers)
        if options.numa:
            self._api.llama_numa_init(NUMA_STRATEGIES.index(options.numa))

    @property
    def _ggml(self) -> GgmlLibrary:
        return GgmlLibrary(library_folder())

    def fill(self, parameters: Any) -> None:
        """Set the fields of ``llama_model_params`` that say where weights go."""
        options = self._options
        parameters.n_gpu_layers = options.gpu_layers
        parameters.main_gpu = options.main_gpu
        if options.split_mode:
            parameters.split_mode = SPLIT_MODES.index(options.split_mode) - 1
        if options.tensor_split:
            room = max(int(self._api.llama_max_devices()), len(options.tensor_split))
            shares = (ctypes.c_float * room)(*options.tensor_split)
            self._kept.append(shares)
            parameters.tensor_split = ctypes.cast(shares, ctypes.POINTER(ctypes.c_float))
        if overrides := self._find_overrides():
            array = (_Override * (len(overrides) + 1))(*overrides, _Override(None, None))
            self._kept.append(array)
            parameters.tensor_buft_overrides = ctypes.cast(array, ctypes.c_void_p)
        if options.device:
            self._restrict(parameters, options.device)

    def _restrict(self, parameters: Any, device: str) -> None:
        """Use one device only, or several that are named with commas between, by their ggml names (``CUDA0``, ``CPU`` …)."""
        if device.upper() == "CPU":
            parameters.n_gpu_layers = 0
            return
        handles = [self._ggml.find_device(name.strip()) for name in device.split(",")]
        if not all(handles):
            raise EngineUnavailable(engine=f"llamacpp on {device}", reason="This build of the engine has no such device.")
        devices = (ctypes.c_void_p * (len(handles) + 1))(*handles, None)
        self._kept.append(devices)
        parameters.devices = ctypes.cast(devices, ctypes.c_void_p)
        if len(handles) == 1:
            parameters.split_mode = SPLIT_MODES.index("none") - 1
            parameters.main_gpu = 0

    def _find_overrides(self) -> list[_Override]:
        if not self._options.tensor_overrides and not self._options.cpu_experts:
            return []
        types = self._ggml.buffer_types()
        found = []
        for pattern, name in self._options.tensor_overrides:
            if name not in types:
                raise InvalidOption(option="tensor_overrides", value=name, allowed=", ".join(types))
            found.append(_Override(pattern.encode(), types[name]))
        experts = self._options.cpu_experts
        patterns = [_EXPERTS] if experts < 0 else [rf"blk\.{layer}{_EXPERTS}" for layer in range(experts)]
        return [*found, *(_Override(pattern.encode(), types["CPU"]) for pattern in patterns)]

    def _reach_servers(self, servers: Sequence[str]) -> None:
        """Make the devices of other machines known (ggml's RPC)."""
        if not self._api.llama_supports_rpc():
            reason = "This build of the engine cannot use other machines: it was built without RPC."
            raise EngineUnavailable(engine="llamacpp", reason=reason)
        for server in servers:
            if not self._ggml.add_rpc_server(server):
                raise EngineUnavailable(engine=f"llamacpp on {server}", reason="No RPC server answers there.")


def plan_gpu_layers(
    headers: Sequence[GgufHeader], options: LoadOptions, context_length: int, devices: Sequence[Device], extra_bytes: int = 0
) -> int:
    """How many layers, from the last on and with the output first, fit the free memory of the GPUs: -1 for all, 0 for none.

    ``context_length`` in tokens is what all requests hold together. Experts that stay on the CPU take no room. ``extra_bytes`` of a
    projector and a draft model lie on the first GPU. ``devices`` are in the order in which they take layers.
    """
    gpus = choose_gpus(options, devices)
    shares = _shares_of(options, gpus)
    first = headers[0]
    layers = max(1, first.of_architecture("block_count"))
    estimate = estimate_memory(first, context_length, options.kv_type, options.micro_batch)
    rooms = [gpu.memory_free - max(_RESERVE_BYTES, int(gpu.memory_total * _RESERVE_SHARE)) - estimate.compute for gpu in gpus]
    if rooms:
        rooms[0] -= extra_bytes
    weights, output = [0] * layers, 0
    for tensor in (tensor for header in headers for tensor in header.tensors):
        match = _BLOCK.match(tensor.name)
        if match is None:
            output += 0 if tensor.name.startswith("token_embd") else tensor.byte_count
        elif int(match.group(1)) < layers and not _stays(tensor.name, int(match.group(1)), options.cpu_experts):
            weights[int(match.group(1))] += tensor.byte_count
    cache = estimate.kv_cache // layers if options.kv_offload else 0
    parts = [*(weight + cache for weight in weights), output]
    for count in range(len(parts), 1, -1):  # the output counts as a layer, and alone it is not worth the way
        if _fits(parts[-count:], rooms, shares, cuts_layers=options.split_mode in ("row", "tensor")):
            return -1 if count == len(parts) else count
    return 0


def choose_gpus(options: LoadOptions, devices: Sequence[Device]) -> list[Device]:
    """The GPUs that llama.cpp will put layers on: an integrated one only alone or by its name, one only where nothing is split."""
    gpus = [device for device in devices if device.kind in ("gpu", "integrated_gpu")]
    if not options.device and any(gpu.kind == "gpu" for gpu in gpus):
        gpus = [gpu for gpu in gpus if gpu.kind == "gpu"]
    if options.split_mode == "none" and options.main_gpu < len(gpus):
        gpus = [gpus[options.main_gpu]]
    return gpus


def _shares_of(options: LoadOptions, gpus: Sequence[Device]) -> list[float]:
    """Which part of the layers each GPU takes: as asked, else in proportion to free memory, as llama.cpp does. The sum is 1."""
    asked = [*options.tensor_split, *(0.0 for _ in gpus)][: len(gpus)]
    if len(gpus) == 1 or not any(asked):
        asked = [float(max(1, gpu.memory_free)) for gpu in gpus]
    return [share / sum(asked) for share in asked]


def _fits(parts: Sequence[int], rooms: Sequence[int], shares: Sequence[float], *, cuts_layers: bool) -> bool:
    """Whether each GPU has room for its part of these layers: whole ones, or the same part of each."""
    if not rooms:
        return False
    needed = [0.0] * len(rooms)
    ends = [sum(shares[: number + 1]) for number in range(len(shares))]
    for number, part in enumerate(parts):
        if cuts_layers:
            needed = [held + part * share for held, share in zip(needed, shares, strict=True)]
        else:
            needed[next((place for place, end in enumerate(ends) if number / len(parts) < end), len(ends) - 1)] += part
    return all(held <= room for held, room in zip(needed, rooms, strict=True) if held)


def choose_places(library: NativeLibrary, headers: Sequence[GgufHeader], options: LoadOptions, projector: str = "") -> Places:
    """Where a load will put the layers: the chosen devices, else as many layers on GPUs as fit, else all on the CPU.

    Raises:
        InvalidOption: ``main_gpu`` is none of the GPUs, and the one that it names would compute alone.
    """
    known = GgmlLibrary(library_folder()).list_devices() if library.api.llama_supports_gpu_offload() else []
    return place_layers(headers, options, known, projector)


def place_layers(headers: Sequence[GgufHeader], options: LoadOptions, known: Sequence[Device], projector: str = "") -> Places:
    """The same where ``known`` are the devices; ``projector`` is the path of the one that will be loaded, empty for none."""
    on_cpu = replace(options, device="CPU", gpu_layers=0, split_mode="", main_gpu=0, tensor_split=())
    if options.device.upper() == "CPU" or options.gpu_layers == 0:
        return Places(on_cpu, "CPU")
    chosen = list(known)
    if options.device and not options.rpc_servers:
        by_name = {device.name.lower(): device for device in known}
        wanted = [name.strip() for name in options.device.split(",")]
        if missing := [name for name in wanted if name.lower() not in by_name]:
            return Places(on_cpu, "CPU", f"The device {missing[0]} is not here, so the processor computes.")
        chosen = [by_name[name.lower()] for name in wanted]
        options = replace(options, device=",".join(device.name for device in chosen))
    if options.rpc_servers:  # their devices are known only when the load begins
        return Places(options, options.device or ", ".join(device.name for device in choose_gpus(options, known)) or "CPU")
    everywhere = choose_gpus(replace(options, split_mode=""), chosen)
    if not everywhere:
        return Places(on_cpu, "CPU", _say_what_needs_a_gpu(options))
    options, notices = _check_split(options, everywhere)
    gpus = choose_gpus(options, chosen)
    name = options.device or ", ".join(device.name for device in gpus)
    total = max(1, headers[0].of_architecture("block_count")) + 1
    if options.gpu_layers > 0 or options.tensor_overrides:
        return Places(options, name, "\n".join(notices), total)
    trained = headers[0].of_architecture("context_length")
    context = options.context_length or min(trained or DEFAULT_CONTEXT_LIMIT, DEFAULT_CONTEXT_LIMIT)
    held = context if options.kv_unified else context * options.parallel
    extra = sum(Path(path).stat().st_size for path in (projector, options.draft_model) if path and Path(path).is_file())
    fitting = plan_gpu_layers(headers, options, held, chosen, extra)
    if fitting == 0:
        return Places(on_cpu, "CPU", "The model does not fit the graphics memory, so the processor computes.")
    if fitting > 0:
        notices.append(f"{fitting} of {total} layers fit the graphics memory; the processor computes the others.")
        options = replace(options, gpu_layers=fitting)
    return Places(options, name, "\n".join(notices), total, is_planned=True)


def _say_what_needs_a_gpu(options: LoadOptions) -> str:
    """A word where something was chosen that has no effect without a GPU; empty where nothing was."""
    usual = LoadOptions()
    names = ("gpu_layers", "device", "split_mode", "main_gpu", "tensor_split")
    if chosen := [name for name in names if getattr(options, name) != getattr(usual, name)]:
        return f"The engine finds no GPU here: the processor computes, and this has no effect: {', '.join(chosen)}."
    return ""


def _check_split(options: LoadOptions, gpus: Sequence[Device]) -> tuple[LoadOptions, list[str]]:
    """The options without what these GPUs cannot follow, and a sentence for each that was left out."""
    notices = []
    names = ", ".join(gpu.name for gpu in gpus)
    if len(options.tensor_split) > len(gpus):
        shares = len(options.tensor_split)
        notices.append(
            f"The option tensor_split has {shares} shares, more than there are GPUs to use ({names}): those beyond have no effect."
        )
        options = replace(options, tensor_split=options.tensor_split[: len(gpus)])
    if options.main_gpu >= len(gpus):
        if not options.device and options.split_mode in ("none", "row"):
            allowed = f"from 0 to {len(gpus) - 1}, for the GPUs to use are {names}"
            raise InvalidOption(option="main_gpu", value=options.main_gpu, allowed=allowed)
        notices.append(f"The option main_gpu is {options.main_gpu}, none of the GPUs to use ({names}): it has no effect.")
        options = replace(options, main_gpu=0)
    return options, notices


def fall_back(places: Places) -> Places | None:
    """The same load with half of the layers, then on the CPU, after the GPU had no room for it.

    None where the number of layers was not ours to choose.
    """
    options = places.options
    if places.device == "CPU" or (options.gpu_layers > 0 and not places.is_planned):
        return None
    tried = places.layers if options.gpu_layers < 0 else options.gpu_layers
    if tried >= _FEWEST_HALVED and not places.is_halved:
        half = tried // 2
        notice = (
            f"The graphics memory was full: {half} of {places.layers} layers lie there, and the processor computes the others."
        )
        return replace(places, options=replace(options, gpu_layers=half), notice=notice, is_planned=True, is_halved=True)
    on_cpu = replace(options, device="CPU", gpu_layers=0, split_mode="", main_gpu=0, tensor_split=())
    return Places(on_cpu, "CPU", "The graphics memory was full, so the processor computes.")


def _stays(name: str, layer: int, cpu_experts: int) -> bool:
    return re.search(_EXPERTS, name) is not None and (cpu_experts < 0 or layer < cpu_experts)
