"""A checkpoint as a network whose decoder layers are in memory one at a time; transformers' own code computes them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from backends.torch_transformers.loading import is_of_eyes, make_empty, older_names, read_config
from models.errors import DamagedModelFile, QuantizationFailed, UnsupportedArchitecture
from quantize.gguf.checkpoint import Checkpoint

if TYPE_CHECKING:
    from torch import Tensor

_TYPES = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16, "F64": torch.float32}


class Network:
    """The decoder of a checkpoint. Layers compute in float32 whatever the checkpoint stores.

    ``prefix`` is the name of the list of layers with its dot, ``stored_type`` the type that weights are stored in, ``eyes`` the parts
    that a model sees with, which stay as they are; ``config`` is that of the text model.

    Raises:
        UnsupportedArchitecture: transformers has no code of its own for it; code that comes with a checkpoint is never run.
        QuantizationFailed: its layers are not what can be quantized: a mixture of experts, or fused weights of another kind.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.checkpoint = Checkpoint(folder)
        whole = read_config(folder, "sdpa")
        try:
            self.model = make_empty(whole, folder)
        except UnsupportedArchitecture:  # some know only the plain attention, such as those that cap its scores
            whole._attn_implementation = "eager"
            self.model = make_empty(whole, folder)
        self.config = whole.get_text_config()
        self.eyes = tuple(name for name, _ in self.model.base_model.named_children() if is_of_eyes(name))
        self.model_type = str(self.config.model_type)
        self._decoder = self.model.get_decoder() if self.eyes else self.model.base_model
        self.prefix, self.layers = _find_layers(self.model, self.config, folder)
        self._check_experts()
        kinds = [
            place.dtype for name, place in self.checkpoint.tensors.items() if name.endswith(".weight") and len(place.shape) > 1
        ]
        self.stored_type = _TYPES.get(max(set(kinds), key=kinds.count, default="BF16"), torch.bfloat16)

    def __len__(self) -> int:
        return len(self.layers)

    def names_of(self, index: int) -> dict[str, str]:
        """Name within the layer to name in the checkpoint, for every parameter of a layer."""
        names = [name for name, _ in self.layers[index].named_parameters()]
        stored = {name: self._stored_name(f"{self.prefix}{index}.{name}") for name in names}
        buffers = {name: self._stored_name(f"{self.prefix}{index}.{name}") for name, _ in self.layers[index].named_buffers()}
        return stored | {name: place for name, place in buffers.items() if self._has(place)}

    def check(self) -> None:
        """See that every weight of every layer is there in its shape, before anything is computed.

        Raises:
            DamagedModelFile: one is missing, or has another shape.
        """
        for index, layer in enumerate(self.layers):
            for name, parameter in layer.named_parameters():
                stored = self._stored_name(f"{self.prefix}{index}.{name}")
                if not self._has(stored):
                    raise DamagedModelFile(file=self.folder.name, reason=f"The tensor “{stored}” is missing.")
                if (shape := self.checkpoint.place(stored).shape) != tuple(parameter.shape):
                    reason = f"The tensor “{stored}” has the shape {list(shape)} instead of {list(parameter.shape)}."
                    raise DamagedModelFile(file=self.folder.name, reason=reason)

    def load(self, index: int) -> Any:
        """Decoder layer ``index`` with its weights, float32.

        Raises:
            DamagedModelFile: a weight holds NaN, or cannot be read.
        """
        layer = self.layers[index]
        for name, stored in self.names_of(index).items():
            put_tensor(layer, name, torch.from_numpy(self.checkpoint.read_single(stored)))
        return layer.eval()

    def unload(self, index: int) -> None:
        """Free a layer's weights."""
        self.layers[index].to("meta")

    def type_of(self, stored: str) -> torch.dtype:
        """The type in which a tensor of the checkpoint will be stored again; what was FP8 becomes BF16."""
        return _TYPES.get(self.checkpoint.place(stored).dtype, torch.bfloat16)

    @torch.inference_mode()
    def first_inputs(self, windows: list[list[int]]) -> tuple[list[Tensor], list[dict[str, Any]]]:
        """What enters the first layer for each window (1, tokens, width), and for each layer what else it is called with.

        The second is the same for all windows of one length: masks and positions. Embeddings are read row by row.
        """
        embedding = self.model.get_input_embeddings()
        stored = self._stored_name(next(name for name, module in self.model.named_modules() if module is embedding) + ".weight")
        if not self._has(stored):
            raise DamagedModelFile(file=self.folder.name, reason=f"The tensor “{stored}” is missing.")
        used = sorted({token for window in windows for token in window})
        if used[-1] >= self.checkpoint.place(stored).shape[0]:
            raise DamagedModelFile(file=self.folder.name, reason="Its tokenizer has more tokens than it has embeddings.")
        put_tensor(embedding, "weight", torch.from_numpy(self.checkpoint.read_rows(stored, used)))
        embedding.padding_idx = None
        places = {token: place for place, token in enumerate(used)}
        catchers = [_Catcher(layer) for layer in self.layers]
        owner, _, name = self.prefix.rstrip(".").rpartition(".")
        holder = self.model.get_submodule(owner)
        norms = {key: module for key, module in self._decoder.named_children() if "norm" in key.lower() or key == "ln_f"}
        setattr(holder, name, torch.nn.ModuleList(catchers))
        try:
            for key in norms:
                setattr(self._decoder, key, torch.nn.Identity())
            inputs = []
            for window in windows:
                ids = torch.tensor([[places[token] for token in window]])
                self._decoder(input_ids=ids, use_cache=False)
                inputs.append(catchers[0].hidden)
        finally:
            setattr(holder, name, self.layers)
            for key, module in norms.items():
                setattr(self._decoder, key, module)
            embedding.to("meta")
        return inputs, [catcher.arguments for catcher in catchers]

    def other_tensors(self) -> list[str]:
        """Names in the checkpoint of everything that is not in a decoder layer."""
        inside = {stored for index in range(len(self)) for stored in self.names_of(index).values()}
        pieces = [piece for pieces in self.checkpoint.stacks.values() for piece in pieces]
        return sorted(name for name in (*self.checkpoint.tensors, *pieces) if name not in inside)

    def _stored_name(self, name: str) -> str:
        """What the checkpoint calls a weight."""
        return name if self._has(name) else next(filter(self._has, older_names(name)), name)

    def _has(self, stored: str) -> bool:
        return stored in self.checkpoint.tensors or stored in self.checkpoint.tensors_of_stack

    def _check_experts(self) -> None:
        for layer in self.layers:
            for name, parameter in layer.named_parameters():
                if parameter.ndim > 2 and "expert" not in name:
                    reason = f"Its layers hold a weight of a kind that is not known: “{name}”. Quantize it to GGUF."
                    raise QuantizationFailed(file=self.folder.name, reason=reason)
                if parameter.ndim > 2:
                    reason = (
                        f"It is a mixture of experts (“{name}”): the loaders that AWQ files are made for would leave its experts "
                        "unset. Quantize it to GGUF, which has a layout for experts."
                    )
                    raise QuantizationFailed(file=self.folder.name, reason=reason)


class _Catcher(torch.nn.Module):
    """Stands in for a decoder layer: remembers what it is called with, and passes the hidden states on."""

    def __init__(self, layer: Any) -> None:
        super().__init__()
        self.__dict__["original"] = layer
        self.arguments: dict[str, Any] = {}
        self.hidden: Any = None

    def __getattr__(self, name: str) -> Any:
        try:
            return super().__getattr__(name)
        except AttributeError:
            return getattr(self.__dict__["original"], name)

    def forward(self, hidden: Any, *arguments: Any, **named: Any) -> Any:
        if arguments:
            raise QuantizationFailed(
                file=type(self.original).__name__, reason="Its layers are called in a way that is not known."
            )
        self.hidden, self.arguments = hidden, named
        return hidden


def run_layer(layer: Any, hidden: Tensor, arguments: dict[str, Any]) -> Tensor:
    """The output (1, tokens, width) of a decoder layer."""
    found = layer(hidden, **arguments)
    output: Tensor = found[0] if isinstance(found, tuple) else found
    return output


def put_tensor(module: Any, name: str, values: Tensor) -> None:
    """Set a parameter or buffer of a module by its dotted name."""
    owner, _, last = name.rpartition(".")
    holder = module.get_submodule(owner)
    if last in holder._buffers:
        holder._buffers[last] = values
    else:
        setattr(holder, last, torch.nn.Parameter(values, requires_grad=False))


def _find_layers(model: Any, config: Any, folder: Path) -> tuple[str, Any]:
    count = getattr(config, "num_hidden_layers", 0)
    for name, module in model.named_modules():
        if is_of_eyes(name):
            continue
        is_list = isinstance(module, torch.nn.ModuleList) and len(module) == count and name.endswith("layers")
        if is_list and any(isinstance(part, torch.nn.Linear) for part in module[0].modules()):
            return name + ".", module
    raise UnsupportedArchitecture(architecture=str(config.model_type), file=folder.name)
