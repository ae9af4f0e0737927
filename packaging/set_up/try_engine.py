"""Computes a few tokens with the starter model, so that an engine built for another processor or with a faulty compiler shows itself.

Run with the environment's own Python; a signal or an exit code other than 0 says that the engine cannot be used as it was built.
"""

from __future__ import annotations

import ctypes
import mmap
import platform
import sys
from pathlib import Path

STARTER = Path(__file__).resolve().parents[2] / "resources" / "starter" / "yanmo-starter-Q8_0.gguf"
TOKENS = 40
"""Rows of the first decode: kernels for many rows and for one are not the same."""
GET_PERMITTED_FEATURES = 0x1022
"""Linux's ``ARCH_GET_XCOMP_PERM``: which large register files this process has asked for."""
TILES = 1 << 18
"""AMX's tile registers among those features."""


def main() -> int:
    """Read some tokens at once, then one, then some again after another library used the tiles: 0 where numbers came out."""
    import llama_cpp as api

    silent = api.llama_log_callback(lambda _level, _text, _data: None)
    api.llama_log_set(silent, ctypes.c_void_p(0))
    api.llama_backend_init()
    model_parameters = api.llama_model_default_params()
    model_parameters.n_gpu_layers = 0
    model = api.llama_model_load_from_file(str(STARTER).encode(), model_parameters)
    context_parameters = api.llama_context_default_params()
    context_parameters.n_ctx = 256
    context_parameters.n_threads = context_parameters.n_threads_batch = 1
    context = api.llama_init_from_model(model, context_parameters)
    for count in (TOKENS, 1, TOKENS):
        release_tiles()
        tokens = (ctypes.c_int32 * count)(*range(300, 300 + count))
        if api.llama_decode(context, api.llama_batch_get_one(tokens, count)):
            return 1
    logits = api.llama_get_logits_ith(context, -1)
    best = max(logits[index] for index in range(256))
    return 0 if best == best else 1  # NaN is not equal to itself


def release_tiles() -> None:
    """Give the tile registers back as torch does after each product, where the engine uses them at all."""
    if platform.system() != "Linux" or platform.machine() != "x86_64":
        return
    features = ctypes.c_uint64(0)
    system_call = ctypes.CDLL(None, use_errno=True).syscall
    if (
        system_call(ctypes.c_long(158), ctypes.c_int(GET_PERMITTED_FEATURES), ctypes.byref(features))
        or not features.value & TILES
    ):
        return
    page = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    page.write(b"\xc4\xe2\x78\x49\xc0\xc3")  # tilerelease; ret
    ctypes.CFUNCTYPE(None)(ctypes.addressof(ctypes.c_char.from_buffer(page)))()


if __name__ == "__main__":
    sys.exit(main())
