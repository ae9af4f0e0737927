"""Where the weights go: devices, layers and rows, single tensors, experts, NUMA nodes, other machines; and how many layers fit a GPU."""

from __future__ import annotations

import ctypes
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
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


class _Override(ctypes.Structure):
    """``llama_model_tensor_buft_override``."""

    _fields_ = (("pattern", ctypes.c_char_p), ("buffer_type", ctypes.c_void_p))


@dataclass(frozen=True, slots=True)
class Places:
    """What a load will do: its options with everything decided, the devices' names, and a word where it is not what was wished."""

    options: LoadOptions
    device: str
    notice: str = ""


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


def plan_gpu_layers(headers: Sequence[GgufHeader], options: LoadOptions, context_length: int, devices: Sequence[Device]) -> int:
    """How many layers, from the last on and with the output first, fit the free memory of the GPUs: -1 for all, 0 for none.

    ``context_length`` in tokens is what all requests hold together. Experts that stay on the CPU take no room.
    """
    gpus = [device for device in devices if device.kind in ("gpu", "integrated_gpu")]
    if not gpus:
        return 0
    first = headers[0]
    room = sum(gpu.memory_free - max(_RESERVE_BYTES, int(gpu.memory_total * _RESERVE_SHARE)) for gpu in gpus)
    layers = max(1, first.of_architecture("block_count"))
    estimate = estimate_memory(first, context_length, options.kv_type, options.micro_batch)
    room -= estimate.compute * len(gpus)
    weights, rest = [0] * layers, 0
    for tensor in (tensor for header in headers for tensor in header.tensors):
        match = _BLOCK.match(tensor.name)
        if match is None:
            rest += 0 if tensor.name.startswith("token_embd") else tensor.byte_count
        elif int(match.group(1)) < layers and not _stays(tensor.name, int(match.group(1)), options.cpu_experts):
            weights[int(match.group(1))] += tensor.byte_count
    room -= rest
    if room < 0:
        return 0
    for fitting, weight in enumerate(reversed(weights)):
        room -= weight + (estimate.kv_cache // layers if options.kv_offload else 0)
        if room < 0:
            return fitting + 1 if fitting else 0  # the output counts as a layer
    return -1


def choose_places(library: NativeLibrary, headers: Sequence[GgufHeader], options: LoadOptions) -> Places:
    """Where a load will put the layers: the chosen devices, else as many layers on GPUs as fit, else all on the CPU."""
    on_cpu = replace(options, device="CPU", gpu_layers=0)
    if options.device.upper() == "CPU" or options.gpu_layers == 0:
        return Places(on_cpu, "CPU")
    known = GgmlLibrary(library_folder()).list_devices() if library.api.llama_supports_gpu_offload() else []
    gpus = [device for device in known if device.kind in ("gpu", "integrated_gpu")]
    if options.device and not options.rpc_servers:
        wanted = [name.strip() for name in options.device.split(",")]
        if missing := [name for name in wanted if name not in {device.name for device in known}]:
            return Places(on_cpu, "CPU", f"The device {missing[0]} is not here, so the processor computes.")
        gpus = [device for device in gpus if device.name in wanted]
    name = options.device or ", ".join(device.name for device in gpus) or "CPU"
    if name == "CPU" and not options.rpc_servers:
        return Places(on_cpu, "CPU")
    if options.gpu_layers > 0 or options.rpc_servers or options.tensor_overrides:
        return Places(options, name)
    trained = headers[0].of_architecture("context_length")
    context = options.context_length or min(trained or DEFAULT_CONTEXT_LIMIT, DEFAULT_CONTEXT_LIMIT)
    held = context if options.kv_unified else context * options.parallel
    fitting = plan_gpu_layers(headers, options, held, gpus)
    if fitting < 0:
        return Places(options, name)
    if fitting == 0:
        return Places(on_cpu, "CPU", "The model does not fit the graphics memory, so the processor computes.")
    total = headers[0].of_architecture("block_count") + 1
    notice = f"{fitting} of {total} layers fit the graphics memory; the processor computes the others."
    return Places(replace(options, gpu_layers=fitting), name, notice)


def fall_back(places: Places) -> Places | None:
    """The same load on the CPU, after the GPU had no room for it; None where the layers were not ours to choose."""
    if places.device == "CPU" or (places.options.gpu_layers > 0 and not places.notice):
        return None
    options = replace(places.options, device="CPU", gpu_layers=0)
    return Places(options, "CPU", "The graphics memory was full, so the processor computes.")


def _stays(name: str, layer: int, cpu_experts: int) -> bool:
    return re.search(_EXPERTS, name) is not None and (cpu_experts < 0 or layer < cpu_experts)
