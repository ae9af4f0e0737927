"""What llama.cpp computes of a text with a picture, through libmtmd itself."""

from __future__ import annotations

import contextlib
import ctypes
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy

MARK = "<__media__>"


class Seeing:
    """A model with its projector, opened in libmtmd with an F32 cache. Use as a context."""

    def __init__(self, model: Path, projector: Path, context: int = 512) -> None:
        import llama_cpp.llama_cpp as api
        import llama_cpp.mtmd_cpp as mtmd

        self.api, self.mtmd = api, mtmd
        self.stack = contextlib.ExitStack()
        with _silence(api, mtmd):
            self.model = api.llama_model_load_from_file(str(model).encode(), api.llama_model_default_params())
            assert self.model, "the model could not be loaded"
            self.stack.callback(api.llama_model_free, self.model)
            settings = api.llama_context_default_params()
            settings.n_ctx = settings.n_batch = settings.n_ubatch = context
            settings.n_threads = settings.n_threads_batch = 1
            settings.type_k = settings.type_v = 0
            settings.flash_attn_type = 0
            self.context = api.llama_init_from_model(self.model, settings)
            self.stack.callback(api.llama_free, self.context)
            own = mtmd.mtmd_context_params_default()
            own.use_gpu, own.n_threads, own.print_timings, own.warmup, own.flash_attn_type = False, 1, False, False, 0
            self.eyes = mtmd.mtmd_init_from_file(str(projector).encode(), self.model, own)
            assert self.eyes, "the projector could not be loaded"
            self.stack.callback(mtmd.mtmd_free, self.eyes)
        self.rows = api.llama_vocab_n_tokens(api.llama_model_get_vocab(self.model))
        self.width = api.llama_model_n_embd_inp(self.model)

    def __enter__(self) -> Seeing:
        return self

    def __exit__(self, *_: object) -> None:
        self.stack.close()

    @contextlib.contextmanager
    def chunks(self, text: str, pictures: list[numpy.ndarray]) -> Iterator[Any]:
        """The chunks of a text with a mark for each picture (height, width, 3) of uint8."""
        mtmd = self.mtmd
        with contextlib.ExitStack() as stack:
            maps = []
            for picture in pictures:
                data = numpy.ascontiguousarray(picture, dtype=numpy.uint8)
                address = data.ctypes.data_as(ctypes.POINTER(ctypes.c_uint8))
                maps.append(mtmd.mtmd_bitmap_init(picture.shape[1], picture.shape[0], address))
                stack.callback(mtmd.mtmd_bitmap_free, maps[-1])
            chunks = mtmd.mtmd_input_chunks_init()
            stack.callback(mtmd.mtmd_input_chunks_free, chunks)
            encoded = text.encode()
            given = mtmd.mtmd_input_text(encoded, len(encoded), False, True)
            array = (mtmd.mtmd_bitmap_p_ctypes * max(1, len(maps)))(*maps)
            assert mtmd.mtmd_tokenize(self.eyes, chunks, ctypes.byref(given), array, len(maps)) == 0
            yield chunks

    def read(self, text: str, pictures: list[numpy.ndarray]) -> tuple[numpy.ndarray, int]:
        """The logits after a text with a mark for each picture, and the position that comes next. Forgets what was before."""
        api, mtmd = self.api, self.mtmd
        api.llama_memory_clear(api.llama_get_memory(self.context), True)
        with self.chunks(text, pictures) as chunks:
            position = api.llama_pos()
            with _silence(api, mtmd):
                failed = mtmd.mtmd_helper_eval_chunks(self.eyes, self.context, chunks, 0, 0, 512, True, ctypes.byref(position))
            assert failed == 0
        return self._logits(), position.value

    def go_on(self, token: int, position: int) -> numpy.ndarray:
        """The logits after one more token."""
        api = self.api
        batch = api.llama_batch_init(1, 0, 1)
        batch.n_tokens, batch.token[0], batch.pos[0], batch.n_seq_id[0], batch.logits[0] = 1, token, position, 1, True
        batch.seq_id[0][0] = 0
        assert api.llama_decode(self.context, batch) == 0
        api.llama_batch_free(batch)
        return self._logits()

    def answer(self, text: str, pictures: list[numpy.ndarray], end: int, most: int = 64) -> list[int]:
        """The surest tokens after a text, up to ``end``."""
        logits, position = self.read(text, pictures)
        found: list[int] = []
        while len(found) < most and (token := int(logits.argmax())) != end:
            found.append(token)
            logits = self.go_on(token, position)
            position += 1
        return found

    def embed(self, text: str, pictures: list[numpy.ndarray]) -> list[numpy.ndarray]:
        """The embeddings (tokens, width) that the projector gives for each picture or tile, in order."""
        mtmd, found = self.mtmd, []
        with self.chunks(text, pictures) as chunks:
            for number in range(mtmd.mtmd_input_chunks_size(chunks)):
                chunk = mtmd.mtmd_input_chunks_get(chunks, number)
                if mtmd.mtmd_input_chunk_get_type(chunk) == 0:
                    continue
                with _silence(self.api, mtmd):
                    assert mtmd.mtmd_encode_chunk(self.eyes, chunk) == 0
                shape = (mtmd.mtmd_input_chunk_get_n_tokens(chunk), self.width)
                found.append(numpy.ctypeslib.as_array(mtmd.mtmd_get_output_embd(self.eyes), shape).copy())
        return found

    def _logits(self) -> numpy.ndarray:
        return numpy.ctypeslib.as_array(self.api.llama_get_logits_ith(self.context, -1), (self.rows,)).copy()


@contextlib.contextmanager
def _silence(api: Any, mtmd: Any) -> Iterator[None]:
    """libmtmd logs a page a model."""
    quiet = api.llama_log_callback(lambda level, text, data: None)
    api.llama_log_set(quiet, None)
    mtmd.mtmd_log_set(quiet, None)
    mtmd.mtmd_helper_log_set(quiet, None)
    _KEPT.append(quiet)
    yield


_KEPT: list[Any] = []
"""C calls them later too."""
