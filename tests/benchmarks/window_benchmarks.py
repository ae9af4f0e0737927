"""How fast the window is: start, memory, milliseconds a token costs, opening 2,000 messages. Prints figures; tests nothing.

Run with ``python -m tests.benchmarks.window_benchmarks``.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

ROOT = Path(__file__).resolve().parents[2]
MESSAGES = 2_000
REPLY = (
    "A **reply** with `code`, a formula $x_i^2$ and a list:\n\n- one\n- two\n\n"
    "```python\ndef f(x):\n    return x + 1\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n"
)
START = """
import time; begin = time.perf_counter()
import sys, tempfile, os
from pathlib import Path
from app.gui.application import make_application, make_window
from app.gui.translation import Translations
from app.paths import make_paths
from app.workstation import make_workstation
with tempfile.TemporaryDirectory() as folder:
    application = make_application()
    translations = Translations(application); translations.use("en")
    workstation = make_workstation(make_paths(Path(folder)))
    workstation.settings.set("model.load_at_start", False)
    window = make_window(workstation, translations)
    window.show(); application.processEvents(); window.grab()
    interactive = time.perf_counter() - begin
    import psutil
    print(interactive * 1000, psutil.Process().memory_info().rss / 2**20)
    window.close(); workstation.close()
"""


def run_all() -> dict[str, float]:
    """Figures by name, in milliseconds unless the name says otherwise."""
    return measure_start() | measure_transcript()


def measure_start() -> dict[str, float]:
    """A fresh process, five times: from the first import to a painted window, and its memory then."""
    times, sizes = [], []
    for _ in range(5):
        done = subprocess.run([sys.executable, "-c", START], cwd=ROOT, capture_output=True, text=True, check=True)
        milliseconds, megabytes = done.stdout.split()[-2:]
        times.append(float(milliseconds))
        sizes.append(float(megabytes))
    return {
        "window, process start to painted (median of 5)": statistics.median(times),
        "window, memory at rest, MB": statistics.median(sizes),
    }


def measure_transcript() -> dict[str, float]:
    """The transcript alone: opening, scrolling, growing."""
    from app.gui.application import make_application
    from app.gui.chat.transcript import Transcript
    from app.gui.theme import LIGHT, apply_theme

    application = make_application()
    apply_theme(application, LIGHT)
    words: dict[str, str] = {}
    view = Transcript(LIGHT, lambda message_id: ("", words.get(message_id, "")))
    view.resize(900, 800)
    view.show()
    application.processEvents()
    figures = measure_opening(view, words)
    view.close()
    with tempfile.TemporaryDirectory() as folder:
        figures |= measure_page(Path(folder))
    return figures


def measure_opening(view: object, grown: dict[str, str]) -> dict[str, float]:
    """2,000 messages, a scroll frame, and a token of a growing reply at its beginning and after 20,000 words."""
    from PySide6.QtWidgets import QApplication

    from app.gui.chat.transcript import Transcript
    from app.store.records import StoredMessage
    from backends.messages import TextPart

    assert isinstance(view, Transcript)

    def message(number: int, text: str, role: str, state: str = "complete") -> StoredMessage:
        return StoredMessage(f"m{number}", "c", None, role, (TextPart(text),), state, 1.7e9 + number)  # type: ignore[arg-type]

    messages = [
        message(n, f"question {n}", "user") if n % 2 == 0 else message(n, REPLY * (1 + n % 4), "assistant")
        for n in range(MESSAGES)
    ]
    figures: dict[str, float] = {}
    begin = time.perf_counter()
    view.show_messages(messages)
    QApplication.processEvents()
    figures[f"transcript, open {MESSAGES:,} messages"] = (time.perf_counter() - begin) * 1000
    bar, frames = view.verticalScrollBar(), []
    for step in range(100):
        begin = time.perf_counter()
        bar.setValue(bar.maximum() - step * 120)
        QApplication.processEvents()
        frames.append((time.perf_counter() - begin) * 1000)
    figures["transcript, one scroll frame (median)"] = statistics.median(frames)
    for words, name in ((0, "an empty reply"), (20_000, "20,000 words")):
        view.show_messages([message(1, "", "assistant", "streaming")], [("m1", "", "")])
        grown["m1"] = "word and more words.\n\n" * (words // 4)
        view.grow("m1")
        view.flush()
        spent = 0.0
        for number in range(300):
            begin = time.process_time()
            grown["m1"] += "token " if number % 20 else REPLY
            view.grow("m1")
            if number % 3 == 0:  # 33 ms at ninety tokens a second
                view.flush()
                QApplication.processEvents()
            spent += time.process_time() - begin
        figures[f"GUI thread, CPU a token, after {name}"] = spent / 300 * 1000
    return figures


def measure_page(folder: Path) -> dict[str, float]:
    """Opening a stored conversation of 2,000 messages in the whole window: reading, cutting, painting."""
    from PySide6.QtWidgets import QApplication

    from app.gui.application import make_window
    from app.gui.translation import Translations
    from app.paths import make_paths
    from app.workstation import make_workstation
    from backends.messages import TextPart

    application = QApplication.instance()
    assert application is not None
    with make_workstation(make_paths(folder)) as workstation:
        workstation.settings.set("model.load_at_start", False)
        conversation, parent = workstation.conversations.create(title="long"), None
        for number in range(MESSAGES):
            role = "user" if number % 2 == 0 else "assistant"
            parent = workstation.messages.append(conversation.id, parent, role, (TextPart(REPLY),)).id
        window = make_window(workstation, Translations(application))
        window.show()
        application.processEvents()
        begin = time.perf_counter()
        window.chat.open_conversation(conversation.id)
        application.processEvents()
        window.grab()
        spent = (time.perf_counter() - begin) * 1000
        window.close()
        window.deleteLater()
    return {f"window, open a stored conversation of {MESSAGES:,} messages": spent}


if __name__ == "__main__":
    for figure, value in run_all().items():
        print(f"{figure:60} {value:10.2f}")
