"""A checkpoint folder to a network in memory: float, AWQ and compressed-tensors weights, read tensor by tensor."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from backends.torch_transformers.linear4 import Linear4
from backends.torch_transformers.packing import unpack_autoawq, unpack_compressed
from models.errors import CannotCompute, DamagedModelFile, LoadCancelled, NotACheckpoint, UnsupportedArchitecture
from models.formats import read_json, read_safetensors_info

_PACKED = (".qweight", ".weight_packed")
_PARTS = ("qweight", "qzeros", "scales", "weight_packed", "weight_scale", "weight_zero_point", "weight_shape", "g_idx")

_RENAMED = (
    ("thinker.lm_head.", "lm_head."),
    ("thinker.visual.", "model.visual."),
    ("thinker.audio_tower.", "model.audio_tower."),
    ("thinker.model.", "model.language_model."),
    ("language_model.model.", "model.language_model."),
    ("language_model.lm_head.", "lm_head."),
    ("vision_tower.vision_model.", "model.vision_tower."),
    ("vision_tower.", "model.vision_tower."),
    ("model.vision_tower.vision_model.", "model.vision_tower."),
    ("audio_tower.", "model.audio_tower."),
    ("multi_modal_projector.", "model.multi_modal_projector."),
    ("visual.", "model.visual."),
    ("image_newline", "model.image_newline"),
    ("model.", "model.language_model."),
    ("model.text_model.", "model.text_model."),
)

_STATES = ("linear", "mamba", "conv", "recurrent")
"""In the names of layers that are no attention."""

Progress = Callable[[float], bool]


@dataclass(frozen=True, slots=True)
class LoadedNetwork:
    """A model in memory. ``kernel`` names the product of its four-bit weights, ``quantization`` how they are stored, if they are."""

    model: Any
    config: Any
    kernel: str
    quantization: str


def load_network(
    folder: Path, device: Any, dtype: torch.dtype, progress: Progress, *, attention: str, kernels: bool = True
) -> LoadedNetwork:
    """Put a checkpoint in memory. With ``kernels`` false four-bit weights are always dequantized and multiplied: the reference.

    Raises:
        NotAModelFile, DamagedModelFile: a file is missing or cannot be what it says.
        UnsupportedArchitecture: transformers has no code of its own for it.
        CannotCompute: its weights are quantized in another way.
        LoadCancelled: ``progress`` said so.
    """
    settings = read_json(folder / "config.json") if (folder / "config.json").is_file() else None
    files = sorted(folder.glob("*.safetensors"))
    if settings is None or not files:
        raise NotACheckpoint(file=folder.name, reason="The folder holds no config.json with safetensors files.")
    for file in files:
        read_safetensors_info(file)  # refuses a file that is cut off
    method = check_method(settings, folder)
    config = read_config(folder, attention)
    model = make_empty(config, folder)
    if any(parameter.ndim > 2 and not is_of_eyes(name) for name, parameter in model.named_parameters()):
        if method:
            reason = "Experts in four bits are not read: transformers would leave them to chance."
            raise CannotCompute(architecture=str(config.model_type), file=folder.name, reason=reason)
        model = _load_experts(folder, config, device, dtype, progress)
    else:
        _Reader(folder, files, model, device, dtype).read(progress)
    kernel = _choose_kernels(model) if kernels and method else ""
    return LoadedNetwork(model, config, kernel, method)


def older_names(name: str) -> list[str]:
    """What a weight of a model that sees may be called in a checkpoint from before transformers 4.52, or as it is saved now."""
    return [before + name.removeprefix(after) for before, after in _RENAMED if name.startswith(after)]


def is_of_eyes(name: str) -> bool:
    """Whether a module or a weight of a model that sees or hears belongs to what it does that with."""
    return any(part in name for part in ("vision", "visual", "audio_tower", "multi_modal_projector", "connector"))


def check_method(settings: dict[str, Any], folder: Path) -> str:
    """How the weights are quantized: awq, compressed-tensors, or empty for float ones.

    Raises:
        CannotCompute: in another way, or with another number of bits.
    """
    found = settings.get("quantization_config")
    if not isinstance(found, dict):
        return ""
    method = str(found.get("quant_method", ""))
    if method == "awq" and found.get("bits", found.get("w_bit", 4)) == 4 and str(found.get("version", "gemm")).lower() == "gemm":
        return method
    if method == "compressed-tensors" and _is_four_bit(found):
        return method
    how = f"{method} {found.get('format', found.get('version', ''))}".strip()
    reason = f"Its weights are quantized in a way that is not known here: {how}."
    raise CannotCompute(architecture=str(settings.get("model_type", "")), file=folder.name, reason=reason)


def _is_four_bit(settings: dict[str, Any]) -> bool:
    groups = settings.get("config_groups")
    if settings.get("format") != "pack-quantized" or not isinstance(groups, dict):
        return False
    weights = [group.get("weights") for group in groups.values() if isinstance(group, dict)]
    return bool(weights) and all(
        isinstance(one, dict) and one.get("num_bits") == 4 and one.get("type", "int") == "int" and not one.get("actorder")
        for one in weights
    )


def read_config(folder: Path, attention: str) -> Any:
    """The configuration, for float weights.

    Raises:
        UnsupportedArchitecture, DamagedModelFile: it is unknown, or makes no sense.
    """
    from transformers import AutoConfig

    settings = read_json(folder / "config.json")
    kind = str(settings.get("model_type", ""))
    try:
        config = AutoConfig.from_pretrained(folder, trust_remote_code=False)
    except (ValueError, KeyError, ImportError) as error:
        if settings.get("auto_map"):
            reason = "Its code comes with the checkpoint, and code of strangers is not run here."
            raise CannotCompute(architecture=kind, file=folder.name, reason=reason, details=str(error)) from error
        raise UnsupportedArchitecture(architecture=kind, file=folder.name, details=str(error)) from error
    except (TypeError, AttributeError, OSError) as error:
        raise DamagedModelFile(file="config.json", reason=f"Its settings make no sense: {error}.") from error
    config = getattr(config, "thinker_config", config)  # of a model that speaks too: the part that writes
    if hasattr(config, "quantization_config"):
        del config.quantization_config
    config._attn_implementation = attention
    for name in ("vision_config", "audio_config"):
        if (sense := getattr(config, name, None)) is not None:
            sense._attn_implementation = "sdpa"  # ours remembers keys, of which a picture or a sound needs none
    return config


def check_layers(config: Any, folder: Path) -> None:
    """See before gigabytes are read that every layer remembers by keys and values.

    Raises:
        CannotCompute: some remember by a state, as those of linear attention and state spaces do.
    """
    kinds = getattr(config.get_text_config(), "layer_types", None) or ()
    if any(mark in str(kind) for kind in kinds for mark in _STATES):
        reason = "Some of its layers remember by a state instead of by keys and values."
        raise CannotCompute(architecture=str(config.model_type), file=folder.name, reason=reason)


def make_empty(config: Any, folder: Path) -> Any:
    """The model without memory for its weights; small tables that no checkpoint holds are computed.

    Raises:
        UnsupportedArchitecture, DamagedModelFile: it is no language model, or its settings make no sense.
    """
    from accelerate.big_modeling import init_empty_weights

    try:
        with init_empty_weights(include_buffers=False):
            kind = _choose_class(config)
            return kind.from_config(config, trust_remote_code=False).eval()
    except ValueError as error:
        raise UnsupportedArchitecture(architecture=str(config.model_type), file=folder.name, details=str(error)) from error
    except (TypeError, AttributeError, RuntimeError, ZeroDivisionError) as error:
        raise DamagedModelFile(file="config.json", reason=f"Its settings make no sense: {error}.") from error


def _choose_class(config: Any) -> Any:
    """The class that makes the network: some that see or hear are no language models by transformers' list."""
    from transformers import AutoModelForCausalLM, AutoModelForImageTextToText, AutoModelForMultimodalLM

    if type(config) in AutoModelForCausalLM._model_mapping:
        return AutoModelForCausalLM
    if getattr(config, "vision_config", None) is not None:
        return AutoModelForImageTextToText
    return AutoModelForMultimodalLM if getattr(config, "audio_config", None) is not None else AutoModelForCausalLM


class _Reader:
    """Fills one model."""

    def __init__(self, folder: Path, files: list[Path], model: Any, device: Any, dtype: torch.dtype) -> None:
        self._folder, self._files, self._model, self._device, self._dtype = folder, files, model, device, dtype
        self._places: dict[str, Any] = {}
        self._old_names: dict[str, str] = {}

    def read(self, progress: Progress) -> None:
        from safetensors import SafetensorError, safe_open

        with ExitStack() as stack:
            try:
                for file in self._files:
                    opened = stack.enter_context(safe_open(file, "pt"))
                    self._places.update(dict.fromkeys(opened.keys(), opened))
                self._find_old_names()
                self._fill(progress)
            except SafetensorError as error:
                raise DamagedModelFile(file=self._folder.name, reason=f"Its weights cannot be read: {error}.") from error
        self._model.tie_weights()
        self._finish()

    def _fill(self, progress: Progress) -> None:
        self._check_shards()
        old = set(self._old_names.values())
        stems = sorted({name.rpartition(".")[0] for name in self._places if name.endswith(_PACKED) and name not in old})
        names = [name for name, _ in self._model.named_parameters()]
        inside = {f"{stem}.{part}" for stem in stems for part in ("weight", "bias")}
        plain = [name for name in names if name not in inside]
        buffers = {name for name, _ in self._model.named_buffers()} & set(self._places)
        for number, stem in enumerate(stems):
            self._put_packed(stem)
            if not progress(0.95 * (number + 1) / (len(stems) + len(plain))):
                raise LoadCancelled()
        for number, name in enumerate([*plain, *sorted(buffers)]):
            if name in self._places:
                self._put(name, self._get(name))
            if not progress(0.95 * (len(stems) + number + 1) / (len(stems) + len(plain) + len(buffers))):
                raise LoadCancelled()

    def _check_shards(self) -> None:
        index = self._folder / "model.safetensors.index.json"
        listed = read_json(index).get("weight_map", {}) if index.is_file() else {}
        missing = sorted({str(file) for name, file in listed.items() if name not in self._places})
        if missing:
            raise NotACheckpoint(file=self._folder.name, reason=f"The shard {missing[0]} is missing or not whole.")

    def _find_old_names(self) -> None:
        """Checkpoints of models that see, from before transformers 4.52, have other names for their parts."""
        wanted = {name for name, _ in self._model.named_parameters()}
        stems = {name.removesuffix(".weight") for name in wanted if name.endswith(".weight")}
        wanted |= {f"{stem}.{part}" for stem in stems for part in _PARTS}
        for old in list(self._places):
            for before, after in _RENAMED:
                new = after + old.removeprefix(before)
                if old.startswith(before) and new in wanted and new not in self._places:
                    self._places[new], self._old_names[new] = self._places[old], old
                    break

    def _get(self, name: str) -> Any:
        return self._places[name].get_tensor(self._old_names.get(name, name))

    def _put(self, name: str, values: Any) -> None:
        owner, _, last = name.rpartition(".")
        holder = self._model.get_submodule(owner)
        expected = getattr(holder, last)
        if tuple(expected.shape) != tuple(values.shape):
            reason = f"The tensor “{name}” has the shape {list(values.shape)} instead of {list(expected.shape)}."
            raise DamagedModelFile(file=self._folder.name, reason=reason)
        if values.is_floating_point():
            values = values.to(self._dtype)
        values = values.to(self._device)
        if last in holder._buffers:
            holder._buffers[last] = values
        else:
            setattr(holder, last, torch.nn.Parameter(values, requires_grad=False))

    def _put_packed(self, stem: str) -> None:
        tensors = {part: self._get(f"{stem}.{part}") for part in _PARTS if f"{stem}.{part}" in self._places}
        try:
            linear = self._model.get_submodule(stem)
            if "qweight" in tensors:
                made = unpack_autoawq(tensors["qweight"], tensors["qzeros"], tensors["scales"])
            else:
                zeros = tensors.get("weight_zero_point")
                made = unpack_compressed(tensors["weight_packed"], tensors["weight_scale"], zeros, tensors["weight_shape"])
            numbers, zeros, scales = made
            fits = tuple(numbers.shape) == (linear.out_features, linear.in_features) and zeros.shape == scales.shape
            if not fits or scales.shape[0] != linear.out_features or linear.in_features % scales.shape[1]:
                raise DamagedModelFile(file=self._folder.name, reason=f"The parts of “{stem}” do not fit together.")
        except (AttributeError, KeyError, ValueError, RuntimeError) as error:
            raise DamagedModelFile(file=self._folder.name, reason=f"The parts of “{stem}” do not fit together.") from error
        bias = self._get(f"{stem}.bias") if f"{stem}.bias" in self._places else None
        owner, _, last = stem.rpartition(".")
        setattr(self._model.get_submodule(owner), last, Linear4(numbers, zeros, scales, bias, self._dtype).to(self._device))

    def _finish(self) -> None:
        """Every weight must have come from the checkpoint: what is not there is never left to chance."""
        lost = next((name for name, parameter in self._model.named_parameters() if parameter.is_meta), None)
        if lost is not None:
            reason = f"The tensor “{lost}” is missing."
            raise DamagedModelFile(file=self._folder.name, reason=reason)
        for module in self._model.modules():
            for name, buffer in module._buffers.items():
                if buffer is not None and buffer.device.type != torch.device(self._device).type:
                    module._buffers[name] = buffer.to(self._device)


def _load_experts(folder: Path, config: Any, device: Any, dtype: torch.dtype, progress: Progress) -> Any:
    """A mixture of experts in float: transformers itself joins the experts, which checkpoints store one by one."""
    kind = _choose_class(config)
    if not progress(0.1):
        raise LoadCancelled()
    try:
        model, found = kind.from_pretrained(folder, config=config, dtype=dtype, trust_remote_code=False, output_loading_info=True)
    except (OSError, ValueError, KeyError) as error:
        raise DamagedModelFile(file=folder.name, reason=f"Its weights cannot be read: {error}.") from error
    lost = sorted(found.get("missing_keys") or ()) or sorted(str(item) for item in found.get("mismatched_keys") or ())
    if lost:
        raise DamagedModelFile(file=folder.name, reason=f"The tensor “{lost[0]}” is missing.")
    if not progress(0.9):
        raise LoadCancelled()
    return model.eval().to(device)


def _choose_kernels(model: Any) -> str:
    """Let every four-bit Linear take torch's own product if all of them can; its name."""
    linears = [module for module in model.modules() if isinstance(module, Linear4)]
    names = {linear.use_kernel() for linear in linears}
    return ", ".join(sorted(names - {""}))
