"""Make the pictures of the documentation from the real program: ``make_pictures.py FOLDER``.

The window runs offscreen on a fresh data folder; replies come from the starter model or, where a picture needs a certain text,
from the store. Nothing is painted by hand.
"""

from __future__ import annotations

import functools
import json
import os
import sqlite3
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from urllib.request import Request, urlopen

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ.setdefault("QT_SCALE_FACTOR", "1")
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from PIL import Image, ImageDraw
from PySide6.QtCore import QCoreApplication, QEvent
from PySide6.QtTest import QTest

from app.api.server import run_server
from app.gui.application import make_application, make_window
from app.gui.main_window import MainWindow
from app.gui.translation import Translations
from app.paths import make_paths
from app.store.records import RunCard
from app.workstation import Workstation, make_workstation
from backends.messages import ReasoningPart, TextPart

SAMPLES = Path(__file__).with_name("samples")
TITLES = {
    "en": ["Translate release notes", "Why is Q4_K_M enough?", "Regex for log timestamps", "Plan a weekend in Kyoto",
           "Fix flaky pytest on CI", "Summarise thesis chapter 3", "SQL window functions", "Rust lifetimes explained"],
    "zh_CN": ["翻译发行说明", "为什么 Q4_K_M 就够了？", "日志时间戳的正则", "京都周末计划",
              "修复 CI 上不稳定的测试", "总结论文第三章", "SQL 窗口函数", "讲解 Rust 生命周期"],
}  # fmt: skip
DAYS_AGO = (0.01, 0.02, 1, 1, 1, 3, 4, 5)


def fill(workstation: Workstation, language: str) -> str:
    """Conversations of several days, and one with everything that Markdown can hold; the id of that one."""
    for title, days in zip(TITLES[language], DAYS_AGO, strict=True):
        made = workstation.conversations.create(title=title)
        with sqlite3.connect(workstation.paths.database) as connection:
            connection.execute("UPDATE conversations SET updated_at = ? WHERE id = ?", (time.time() - days * 86_400, made.id))
    name = "zh" if language == "zh_CN" else "en"
    question, _, answer = (SAMPLES / f"attention-{name}.md").read_text(encoding="utf-8").partition("\n---8<---\n")
    title = "分组查询注意力" if language == "zh_CN" else "Grouped-query attention"
    conversation = workstation.conversations.create(title=title, preset="Balanced")
    asked = workstation.messages.append(conversation.id, None, "user", (TextPart(question.strip()),))
    run = RunCard("Yanmo Starter", quantization="Q8_0", output_tokens=356, tokens_per_second=42.1, first_token_seconds=0.31)
    parts = (ReasoningPart("The reader wants the formula and a snippet.", 3.4), TextPart(answer.strip()))
    workstation.messages.append(conversation.id, asked.id, "assistant", parts, run=run)
    return conversation.id


def wait(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    """Let Qt work until something is true."""
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        QTest.qWait(50)
    QTest.qWait(300)


def save(window: MainWindow, out: Path, name: str) -> None:
    """Write one picture."""
    QTest.qWait(250)
    window.grab().save(str(out / f"{name}.png"))
    print(f"{name}.png", flush=True)


def take_pictures(out: Path, language: str, workstation: Workstation, translations: Translations) -> None:
    """All pictures in one language."""
    suffix = "zh" if language == "zh_CN" else "en"
    translations.use(language)
    window = make_window(workstation, translations)
    window.resize(1440, 900)
    window.show()
    wait(lambda: workstation.engines.state() == "ready")
    workstation.settings.set("theme", "light")
    save(window, out, f"first-run-{suffix}")
    window.chat.writing.submit("什么是量化？" if language == "zh_CN" else "What is quantization?", [])
    wait(lambda: not workstation.chat.busy_conversations())
    save(window, out, f"starter-answer-{suffix}")
    long = fill(workstation, language)
    window.chat.open_conversation(long)
    window.chat.transcript.verticalScrollBar().setValue(0)
    for theme in ("light", "dark"):
        workstation.settings.set("theme", theme)
        QTest.qWait(200)
        window.chat.transcript.verticalScrollBar().setValue(0)
        save(window, out, f"chat-{theme}-{suffix}")
    workstation.settings.set("theme", "light")
    QTest.qWait(200)
    take_others(window, workstation, out, suffix)
    window.close()
    window.deleteLater()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)  # before its database is closed


def take_others(window: MainWindow, workstation: Workstation, out: Path, suffix: str) -> None:
    """An error in its place, a long chat, the palette, the settings and the models."""
    whole = Path(workstation.library.find(workstation.engines.default_model()).path)
    damaged = workstation.paths.data / ("山水画-8B-Q4_K_M.gguf" if suffix == "zh" else "Landscape-8B-Q4_K_M.gguf")
    damaged.write_bytes(whole.read_bytes()[:-400_000])
    broken = workstation.conversations.create(model=str(damaged))
    window.chat.open_conversation(broken.id)
    window.chat.writing.submit("讲个故事" if suffix == "zh" else "Tell me a story", [])
    wait(lambda: not workstation.chat.busy_conversations())
    save(window, out, f"error-{suffix}")
    window.open_palette()
    save(window, out, f"palette-{suffix}")
    window.palette_overlay.hide()
    if suffix == "en":
        long = workstation.conversations.create(title="Three hundred messages")
        parent = None
        for number in range(300):
            role = "user" if number % 2 == 0 else "assistant"
            text = (
                f"Question {number // 2 + 1}"
                if role == "user"
                else f"Answer {number // 2 + 1} with `code`, **bold** and\n\n- a list"
            )
            parent = workstation.messages.append(long.id, parent, role, (TextPart(text),)).id
        window.chat.open_conversation(long.id)
        save(window, out, "long-chat-en")
    show_eyes(window, workstation, suffix)
    save(window, out, f"eyes-{suffix}")
    for page in ("settings", "library", "quantize"):
        window.show_page(page)
        QTest.qWait(1500 if page == "quantize" else 100)  # how large each type would be is computed beside
        save(window, out, f"{page}-{suffix}")
    show_server(window, workstation)
    save(window, out, f"server-{suffix}")
    workstation.server.stop()
    window.show_page("chat")


def show_eyes(window: MainWindow, workstation: Workstation, suffix: str) -> None:
    """The starter that sees, asked about a picture."""
    conversation = workstation.start_conversation(workstation.starter_with_eyes())
    picture = workstation.paths.data / ("形状.png" if suffix == "zh" else "shapes.png")
    drawn = Image.new("RGB", (216, 216), "white")
    pen = ImageDraw.Draw(drawn)
    pen.ellipse((24, 20, 104, 100), fill=(225, 30, 35))
    pen.polygon([(150, 110), (110, 185), (190, 185)], fill=(30, 150, 60))
    drawn.save(picture)
    window.chat.open_conversation(conversation.id)
    window.chat.writing.submit("图里有什么？" if suffix == "zh" else "What is in this picture?", [str(picture)])
    wait(lambda: not workstation.chat.busy_conversations() and bool(workstation.messages.path(conversation.id)))


def show_server(window: MainWindow, workstation: Workstation) -> None:
    """The server at work: a few calls of programs, the last of them chosen."""
    workstation.server.start_server = functools.partial(run_server, workstation)
    workstation.server.start()
    window.show_page("server")
    question = {"messages": [{"role": "user", "content": "What is quantization?"}], "max_tokens": 60}
    calls = (("/v1/chat/completions", "Zed/1"), ("/v1/messages", "claude-cli/2"), ("/v1/chat/completions", "OpenAI/Python"))
    for path, client in calls:
        request = Request(
            workstation.server.address + path,
            json.dumps(question).encode(),
            {"Content-Type": "application/json", "User-Agent": client},
        )
        thread = threading.Thread(target=lambda sent=request: urlopen(sent, timeout=60).read())
        thread.start()
        wait(lambda started=thread: not started.is_alive())
    QTest.qWait(600)
    window.server.inspector.table.selectRow(0)
    QTest.qWait(1200)


def main() -> int:
    """Take all pictures into the folder given."""
    out = Path(sys.argv[1] if len(sys.argv) > 1 else "docs/images")
    out.mkdir(parents=True, exist_ok=True)
    application = make_application()
    translations = Translations(application)
    for language in ("en", "zh_CN"):
        with tempfile.TemporaryDirectory() as folder, make_workstation(make_paths(Path(folder) / "data")) as workstation:
            take_pictures(out, language, workstation, translations)
    return 0


if __name__ == "__main__":
    sys.exit(main())
