"""Reads what a model says of pictures, through libmtmd: logits, answers and the projector's embeddings, in the process that calls."""

from __future__ import annotations

import contextlib
import ctypes
import importlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backends.chat_template import IMAGE_MARKER, PLAIN_TRANSCRIPT, ChatTemplate, show_marks
from backends.llamacpp.library import NativeLibrary
from backends.llamacpp.model import needs_plain_buffers
from backends.messages import ImagePart, Message, Part, TextPart
from models.errors import OutOfMemory, QuantizationFailed

if TYPE_CHECKING:
    import numpy

_KEPT: list[Any] = []
"""C keeps the addresses of log callbacks."""


class PictureReader:
    """A model with its projector and a context of ``context`` tokens with an F32 cache. Use as a context, or :meth:`close` it.

    Pictures are arrays (height, width, 3) of uint8; in a text ``IMAGE_MARKER`` stands for each, in order.

    Raises:
        QuantizationFailed: the model or the projector cannot be loaded, or do not belong together.
        OutOfMemory: the context does not fit.
    """

    def __init__(self, library: NativeLibrary, model: Path, projector: Path, *, context: int = 512, threads: int = 1) -> None:
        self._api = library.api
        self._mtmd: Any = importlib.import_module("llama_cpp.mtmd_cpp")
        library.listen()
        _silence(self._api, self._mtmd)
        self._name = model.name
        self._batch_size = context
        with contextlib.ExitStack() as stack:
            parameters = self._api.llama_model_default_params()
            parameters.use_extra_bufts = not needs_plain_buffers(library, str(model))
            self._model = self._api.llama_model_load_from_file(str(model).encode(), parameters)
            if not self._model:
                raise QuantizationFailed(file=model.name, reason="The engine could not load it.", details=library.log_text())
            stack.callback(self._api.llama_model_free, self._model)
            self._context = self._make_context(context, threads)
            stack.callback(self._api.llama_free, self._context)
            self._eyes = self._open_projector(projector, threads)
            stack.callback(self._mtmd.mtmd_free, self._eyes)
            self._stack = stack.pop_all()
        self._vocabulary = self._api.llama_model_get_vocab(self._model)
        self.vocabulary_size = int(self._api.llama_vocab_n_tokens(self._vocabulary))
        self._width = int(self._api.llama_model_n_embd_inp(self._model))

    def __enter__(self) -> PictureReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Free everything. Safe to call twice."""
        self._stack.close()

    def _make_context(self, context: int, threads: int) -> Any:
        settings = self._api.llama_context_default_params()
        settings.n_ctx = settings.n_batch = settings.n_ubatch = context
        settings.n_threads = settings.n_threads_batch = threads
        settings.type_k = settings.type_v = 0  # F32: an answer must not depend on how the cache was cut
        settings.flash_attn_type = 0
        found = self._api.llama_init_from_model(self._model, settings)
        if not found:
            raise OutOfMemory(model=self._name, reason=f"A context of {context} tokens did not fit beside the weights.")
        return found

    def _open_projector(self, projector: Path, threads: int) -> Any:
        settings = self._mtmd.mtmd_context_params_default()
        settings.use_gpu = settings.print_timings = settings.warmup = False
        settings.n_threads, settings.flash_attn_type = threads, 0
        found = self._mtmd.mtmd_init_from_file(str(projector).encode(), self._model, settings)
        if not found:
            reason = f"The projector {projector.name} could not be loaded with it: they must be made from the same checkpoint."
            raise QuantizationFailed(file=self._name, reason=reason)
        return found

    def prompt(self, question: str, pictures: int = 1) -> str:
        """The text of a question about so many pictures, in the model's own template.

        Raises:
            TemplateFailed: the template refuses.
        """
        source = self._api.llama_model_chat_template(self._model, None)
        template = ChatTemplate(source.decode("utf-8", "replace") if source else PLAIN_TRANSCRIPT, begin=self._begin())
        shown: list[Part] = [ImagePart("") for _ in range(pictures)]
        return show_marks(template.render([Message("user", (*shown, TextPart(question)))]))

    def _begin(self) -> str:
        """The text of the token that begins a text, empty where there is none."""
        number = int(self._api.llama_vocab_bos(self._vocabulary))
        if number < 0:
            return ""
        return bytes(self._api.llama_vocab_get_text(self._vocabulary, number) or b"").decode("utf-8", "replace")

    @contextlib.contextmanager
    def chunks(self, text: str, pictures: Sequence[numpy.ndarray]) -> Iterator[Any]:
        """libmtmd's chunks of a text with pictures, alive as long as the context.

        Raises:
            QuantizationFailed: it cannot be cut, as where markers and pictures differ in number.
        """
        import numpy

        mtmd = self._mtmd
        with contextlib.ExitStack() as stack:
            maps = []
            for picture in pictures:
                data = numpy.ascontiguousarray(picture, dtype=numpy.uint8)
                address = data.ctypes.data_as(ctypes.POINTER(ctypes.c_uint8))
                maps.append(mtmd.mtmd_bitmap_init(data.shape[1], data.shape[0], address))
                stack.callback(mtmd.mtmd_bitmap_free, maps[-1])
            chunks = mtmd.mtmd_input_chunks_init()
            stack.callback(mtmd.mtmd_input_chunks_free, chunks)
            encoded = text.encode()
            given = mtmd.mtmd_input_text(encoded, len(encoded), False, True)
            array = (mtmd.mtmd_bitmap_p_ctypes * max(1, len(maps)))(*maps)
            code = int(mtmd.mtmd_tokenize(self._eyes, chunks, ctypes.byref(given), array, len(maps)))
            if code:
                raise QuantizationFailed(file=self._name, reason=f"The engine could not read the picture (code {code}).")
            yield chunks

    def read(self, text: str, pictures: Sequence[numpy.ndarray]) -> tuple[numpy.ndarray, int]:
        """Logits (vocabulary,) after a text with pictures, and the position that comes next. What was read before is forgotten.

        Raises:
            QuantizationFailed: the engine could not compute them.
        """
        self._api.llama_memory_clear(self._api.llama_get_memory(self._context), True)
        position = self._api.llama_pos()
        with self.chunks(text, pictures) as chunks:
            code = self._mtmd.mtmd_helper_eval_chunks(
                self._eyes, self._context, chunks, 0, 0, self._batch_size, True, ctypes.byref(position)
            )
        if code:
            raise QuantizationFailed(file=self._name, reason=f"The engine could not read the picture (code {code}).")
        return self._logits(), int(position.value)

    def go_on(self, token: int, position: int) -> numpy.ndarray:
        """Logits (vocabulary,) after one more token.

        Raises:
            QuantizationFailed: the engine could not compute them.
        """
        batch = self._api.llama_batch_init(1, 0, 1)
        batch.n_tokens, batch.token[0], batch.pos[0], batch.n_seq_id[0], batch.logits[0] = 1, token, position, 1, True
        batch.seq_id[0][0] = 0
        code = int(self._api.llama_decode(self._context, batch))
        self._api.llama_batch_free(batch)
        if code:
            raise QuantizationFailed(file=self._name, reason=f"The engine could not compute the logits (code {code}).")
        return self._logits()

    def answer(self, text: str, pictures: Sequence[numpy.ndarray], most: int = 64) -> list[int]:
        """The surest tokens after a text, up to the end of the reply or ``most``."""
        logits, position = self.read(text, pictures)
        found: list[int] = []
        while len(found) < most and not self.is_end(token := int(logits.argmax())):
            found.append(token)
            logits = self.go_on(token, position)
            position += 1
        return found

    def is_end(self, token: int) -> bool:
        """Whether a token ends a reply."""
        return bool(self._api.llama_vocab_is_eog(self._vocabulary, token))

    def text_of(self, tokens: Sequence[int]) -> str:
        """The text of tokens, broken characters replaced."""
        pieces = []
        room = ctypes.create_string_buffer(256)
        for token in tokens:
            length = int(self._api.llama_token_to_piece(self._vocabulary, token, room, len(room), 0, False))
            pieces.append(room.raw[: max(0, length)])
        return b"".join(pieces).decode("utf-8", "replace")

    def embed(self, picture: numpy.ndarray) -> list[numpy.ndarray]:
        """What the projector makes of a picture: an array (tokens, width) for it, or for each of its tiles."""
        import numpy

        mtmd = self._mtmd
        found = []
        with self.chunks(IMAGE_MARKER, [picture]) as chunks:
            for number in range(mtmd.mtmd_input_chunks_size(chunks)):
                chunk = mtmd.mtmd_input_chunks_get(chunks, number)
                if mtmd.mtmd_input_chunk_get_type(chunk) == mtmd.MTMD_INPUT_CHUNK_TYPE_TEXT:
                    continue
                if mtmd.mtmd_encode_chunk(self._eyes, chunk):
                    raise QuantizationFailed(file=self._name, reason="The engine could not encode the picture.")
                shape = (int(mtmd.mtmd_input_chunk_get_n_tokens(chunk)), self._width)
                found.append(numpy.ctypeslib.as_array(mtmd.mtmd_get_output_embd(self._eyes), shape).copy())
        return found

    def _logits(self) -> numpy.ndarray:
        import numpy

        address: Any = self._api.llama_get_logits_ith(self._context, -1)
        return numpy.ctypeslib.as_array(address, (self.vocabulary_size,)).copy()


def _silence(api: Any, mtmd: Any) -> None:
    """libmtmd logs a page for each model; what matters it returns as a code."""
    quiet = api.llama_log_callback(lambda level, text, data: None)
    _KEPT.append(quiet)
    mtmd.mtmd_log_set(quiet, None)
    mtmd.mtmd_helper_log_set(quiet, None)
