"""Looks at ggml's tensors while a graph is computed: an own description of the C struct, checked against the library's size."""

from __future__ import annotations

import ctypes
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backends.llamacpp.library import library_folder
from models.errors import EngineUnavailable

if TYPE_CHECKING:
    import numpy

_OBJECT_BYTES = 32
_F32, _I32 = 0, 26


class GgmlTensor(ctypes.Structure):
    """``struct ggml_tensor`` of ggml 0.25 (ggml.h): ``ne`` counts elements, ``nb`` bytes between them, innermost first."""


GgmlTensor._fields_ = [
    ("type", ctypes.c_int),
    ("buffer", ctypes.c_void_p),
    ("ne", ctypes.c_int64 * 4),
    ("nb", ctypes.c_size_t * 4),
    ("op", ctypes.c_int),
    ("op_params", ctypes.c_int32 * 16),
    ("flags", ctypes.c_int32),
    ("src", ctypes.c_void_p * 10),
    ("view_src", ctypes.c_void_p),
    ("view_offs", ctypes.c_size_t),
    ("data", ctypes.c_void_p),
    ("name", ctypes.c_char * 64),
    ("extra", ctypes.c_void_p),
    ("padding", ctypes.c_char * 8),
]


class EvalTensors:
    """Reads tensors by their address, in host memory or through the backend that holds them.

    Raises:
        EngineUnavailable: the library's struct has another size than ours.
    """

    def __init__(self) -> None:
        folder = library_folder() or Path()
        name = {"darwin": "libggml-base.dylib", "win32": "ggml-base.dll"}.get(sys.platform, "libggml-base.so")
        self._library: Any = ctypes.CDLL(str(folder / name))
        self._library.ggml_tensor_overhead.restype = ctypes.c_size_t
        self._library.ggml_op_name.restype = ctypes.c_char_p
        self._library.ggml_backend_tensor_get.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_size_t]
        found, expected = int(self._library.ggml_tensor_overhead()), ctypes.sizeof(GgmlTensor) + _OBJECT_BYTES
        if found != expected:
            reason = f"llama-cpp-python has another layout than this version needs (ggml_tensor: {found} bytes, not {expected})."
            raise EngineUnavailable(engine="llamacpp", reason=reason)

    def at(self, address: int | None) -> Any:
        """The tensor at an address."""
        return GgmlTensor.from_address(address or 0)

    def operation(self, tensor: Any) -> str:
        """The name of the operation that computes it, such as MUL_MAT."""
        return bytes(self._library.ggml_op_name(tensor.op)).decode("ascii")

    def name(self, tensor: Any) -> str:
        """Its name, without what a scheduler adds to a copy (“CUDA0#blk.0.attn_q.weight#0”)."""
        text = bytes(tensor.name).decode("utf-8", "replace")
        return text.split("#")[1] if text.count("#") >= 2 else text

    def floats(self, tensor: Any) -> numpy.ndarray:
        """Its values (outermost axis first), float32.

        Raises:
            ValueError: they are of another type, or do not lie in rows.
        """
        return self._read(tensor, _F32)

    def integers(self, tensor: Any) -> numpy.ndarray:
        """Its values (outermost axis first), int32, strides honoured.

        Raises:
            ValueError: they are of another type.
        """
        return self._read(tensor, _I32)

    def _read(self, tensor: Any, kind: int) -> numpy.ndarray:
        import numpy

        if tensor.type != kind or tensor.nb[0] != 4:
            raise ValueError("What flows into a matrix is not of the expected type.")
        shape = [int(count) for count in reversed(tensor.ne)]
        strides = [int(step) for step in reversed(tensor.nb)]
        span = 4 + sum((count - 1) * step for count, step in zip(shape, strides, strict=True))
        raw = bytearray(span)
        room = (ctypes.c_char * span).from_buffer(raw)
        self._library.ggml_backend_tensor_get(ctypes.addressof(tensor), room, 0, span)
        dtype = numpy.float32 if kind == _F32 else numpy.int32
        view = numpy.ndarray(shape, dtype, buffer=raw, strides=strides)
        return view.reshape([count for count in shape if count > 1] or [1]) if kind == _I32 else view.copy()
