"""Records a sound for the next message: a button that is there where the optional library ``sounddevice`` is, with a level meter."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import io
import wave
from array import array
from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QToolButton, QWidget

from app.gui.icons import make_icon
from app.gui.theme import Tokens
from app.gui.translation import tr

RATE = 16_000
LONGEST_SECONDS = 10 * 60
_LOOK_MILLISECONDS = 60
_LOUDEST = 32_768

Take = Callable[[bytes], None]
OpenStream = Callable[[Take], Any]
"""Begins to listen and hands over 16-bit samples of one channel, from a thread of its own; gives what has a ``close``."""


def is_possible() -> bool:
    """Whether the library that listens is installed."""
    return importlib.util.find_spec("sounddevice") is not None


def open_microphone(take: Take) -> Any:
    """Listen to the system's usual microphone.

    Raises:
        OSError: there is none, or it cannot be used.
    """
    try:
        library: Any = importlib.import_module("sounddevice")
        stream = library.RawInputStream(
            samplerate=RATE, channels=1, dtype="int16", callback=lambda data, _frames, _time, _status: take(bytes(data))
        )
        stream.start()
    except OSError:
        raise
    except Exception as error:
        raise OSError(str(error)) from error
    return stream


class RecordButton(QToolButton):
    """Begins and ends a recording. ``recorded`` carries a WAV file; the ring around the button shows how loud it is.

    Thread contract: ``_take`` runs in the stream's thread and only appends; the window looks at it by a timer.
    """

    recorded = Signal(bytes)
    refused = Signal(str)

    def __init__(self, tokens: Tokens, parent: QWidget | None = None, open_stream: OpenStream = open_microphone) -> None:
        super().__init__(parent)
        self._tokens = tokens
        self._open_stream = open_stream
        self._stream: Any = None
        self._pieces: list[bytes] = []
        self._seen = 0
        self.level = 0.0
        self.setIconSize(QSize(20, 20))
        self._timer = QTimer(self)
        self._timer.setInterval(_LOOK_MILLISECONDS)
        self._timer.timeout.connect(self._look)
        self.clicked.connect(self._toggle)
        self.retheme(tokens)

    @property
    def is_recording(self) -> bool:
        """Whether it listens."""
        return self._stream is not None

    @property
    def seconds(self) -> float:
        """How much was recorded."""
        return sum(len(piece) for piece in self._pieces) / 2 / RATE

    def stop(self) -> None:
        """End the recording and hand it over; nothing where nothing was heard."""
        stream, self._stream = self._stream, None
        self._timer.stop()
        if stream is not None:
            with contextlib.suppress(OSError):
                stream.close()
            data = b"".join(self._pieces)
            if data:
                self.recorded.emit(_make_wav(data))
        self._pieces, self._seen, self.level = [], 0, 0.0
        self.retranslate()

    def _toggle(self) -> None:
        if self.is_recording:
            self.stop()
            return
        self._pieces, self._seen = [], 0
        try:
            self._stream = self._open_stream(self._take)
        except OSError as error:
            self.refused.emit(str(error))
            return
        self._timer.start()
        self.retranslate()

    def _take(self, data: bytes) -> None:
        self._pieces.append(data)

    def _look(self) -> None:
        """Show how loud what came since the last look is."""
        fresh = self._pieces[self._seen :]
        self._seen += len(fresh)
        samples = array("h", b"".join(fresh))
        loudest = max((abs(sample) for sample in samples), default=0) / _LOUDEST
        self.level = max(loudest, self.level * 0.7)
        self.setToolTip(tr("Stop recording ({seconds} s)").format(seconds=f"{self.seconds:.0f}"))
        self.update()
        if self.seconds >= LONGEST_SECONDS:
            self.stop()

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if not self.is_recording:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        side = min(self.width(), self.height()) - 5
        ring = QRectF(0, 0, side, side)
        ring.moveCenter(QPointF(self.rect().center()) + QPointF(0.5, 0.5))
        painter.setPen(QPen(QColor(self._tokens.track), 3))
        painter.drawEllipse(ring)
        painter.setPen(QPen(QColor(self._tokens.error if self.level > 0.97 else self._tokens.ok), 3, c=Qt.PenCapStyle.RoundCap))
        painter.drawArc(ring, 90 * 16, -round(self.level * 360 * 16))
        painter.end()

    def retheme(self, tokens: Tokens) -> None:
        """Wear other colours."""
        self._tokens = tokens
        self.retranslate()

    def retranslate(self) -> None:
        """Speak another language."""
        words = tr("Stop recording ({seconds} s)").format(seconds=0) if self.is_recording else tr("Record a sound")
        self.setIcon(make_icon("player-stop" if self.is_recording else "microphone", self._tokens.text_soft, size=20))
        self.setToolTip(words)
        self.setAccessibleName(words)
        self.update()


def _make_wav(data: bytes) -> bytes:
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(data)
    return buffer.getvalue()
