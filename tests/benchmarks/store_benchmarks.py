"""How fast the store is: search over 100,000 messages, opening 2,000, journalling, starting. Prints figures; tests nothing.

Run with ``python -m tests.benchmarks.store_benchmarks``.
"""

from __future__ import annotations

import functools
import json
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from app.paths import make_paths
from app.services.live_replies import LiveReply
from app.store.connections import Connections
from app.store.conversations import make_id
from app.store.messages import Messages
from app.store.search import make_search_text
from app.workstation import Workstation, make_workstation
from backends.messages import ReasoningPart, TextPart, part_to_json

MESSAGES = 100_000
PATH_LENGTH = 2_000
LONG_REPLY_WORDS = 100_000
_ENGLISH_TEXT = (
    "model quantization context memory token sampler temperature layer weight tensor graph cache prompt answer window server "
    "download file local private fast slow large small the of and to in is that for with as on"
)
_ENGLISH = _ENGLISH_TEXT.split()
_CHINESE_TEXT = (
    "量化 模型 内存 上下文 提示 回答 窗口 下载 文件 本地 温度 采样 "
    "权重 张量 缓存 速度 中文 搜索 对话 研墨 我们 可以 怎样 因为 所以"
)
_CHINESE = _CHINESE_TEXT.split()


def run_all() -> dict[str, float]:
    """Every benchmark on a fresh store; figures by name, in milliseconds unless the name says otherwise."""
    figures: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        paths = make_paths(Path(folder))
        opened = time.perf_counter()
        with make_workstation(paths) as workstation:
            figures["start, new store"] = (time.perf_counter() - opened) * 1000
            started = time.perf_counter()
            fill(workstation, MESSAGES)
            figures[f"filling with {MESSAGES:,} messages, seconds"] = time.perf_counter() - started
            figures["database, megabytes"] = paths.database.stat().st_size / 1e6
            figures |= measure_search(workstation)
            figures |= measure_path(workstation)
            figures |= measure_journal(workstation)
            figures["snapshot of all that, verified"] = _milliseconds(workstation.snapshots.make)
        started = time.perf_counter()
        with make_workstation(paths):
            figures["start, store full"] = (time.perf_counter() - started) * 1000
    return figures


def fill(workstation: Workstation, count: int) -> None:
    """Conversations of 20 messages of 30 to 120 words, half of them Chinese, written in bulk as an import would."""
    chance = random.Random(7)
    connections: Connections = workstation._connections
    for start in range(0, count, 20_000):
        with connections.write() as connection:
            for number in range(start, min(start + 20_000, count), 20):
                conversation_id = make_id()
                connection.execute(
                    "INSERT INTO conversations (id, title, created_at, updated_at) VALUES (?, ?, ?, ?)",
                    (conversation_id, _words(chance, 4), number, number),
                )
                parent = None
                for index in range(20):
                    parts = (TextPart(_words(chance, chance.randint(30, 120))),)
                    message_id = make_id()
                    connection.execute(
                        "INSERT INTO messages (id, conversation_id, parent_id, role, parts, search_text, state, created_at) "
                        "VALUES (?, ?, ?, ?, ?, ?, 'complete', ?)",
                        (
                            message_id,
                            conversation_id,
                            parent,
                            ("user", "assistant")[index % 2],
                            json.dumps([part_to_json(part) for part in parts], ensure_ascii=False),
                            make_search_text(parts),
                            float(number + index),
                        ),
                    )
                    parent = message_id
    rare = workstation.conversations.create(title="rare")
    workstation.messages.append(rare.id, None, "user", [TextPart("一个罕见的词：饕餮；and one serendipitous word")])


def measure_search(workstation: Workstation) -> dict[str, float]:
    """Words that are common, rare, absent; of one, two, three and more characters."""
    queries = ["quantization", "serendipitous", "absentword", "模型", "饕餮", "饕", "型", "上下文", "墨者"]
    queries += ["local memory", "量化 sampler", "a"]
    return {f"search “{query}”": _median(lambda query=query: workstation.search.find(query)) for query in queries}


def measure_path(workstation: Workstation) -> dict[str, float]:
    """One conversation of 2,000 messages with run cards would be read like this when it is opened."""
    conversation = workstation.conversations.create(title="long")
    chance = random.Random(8)
    parent = None
    with workstation.messages.together():
        for index in range(PATH_LENGTH):
            text = _words(chance, 120)
            role = "user" if index % 2 == 0 else "assistant"
            parent = workstation.messages.append(conversation.id, parent, role, [TextPart(text)]).id  # type: ignore[arg-type]
    return {
        f"open a path of {PATH_LENGTH:,}": _median(lambda: workstation.messages.path(conversation.id)),
        "the list of 5,000 conversations": _median(lambda: workstation.conversations.list()),
    }


def measure_journal(workstation: Workstation) -> dict[str, float]:
    """A flush in a short reply, and one at the end of a reply of 100,000 words; what a send costs the window."""
    messages: Messages = workstation.messages
    conversation = workstation.conversations.create(title="growing")
    question = messages.append(conversation.id, None, "user", [TextPart("?")])
    figures: dict[str, float] = {}
    for name, words in (("short", 10), (f"{LONG_REPLY_WORDS:,}-word", LONG_REPLY_WORDS)):
        reply = messages.append(conversation.id, question.id, "assistant", (), "streaming")
        live = LiveReply(conversation.id, reply.id, [ReasoningPart("thought", 1.0), TextPart("word " * words)])
        messages.journal(reply.id, live.parts())

        def flush(live: LiveReply = live, message_id: str = reply.id) -> None:
            live.add_text("twenty more words of an answer ")
            messages.journal(message_id, live.parts())

        figures[f"one flush of the journal, {name} reply"] = _median(flush, times=50)
        figures[f"the end of a {name} reply"] = _milliseconds(
            functools.partial(messages.finish, reply.id, live.parts(), "complete")
        )
    figures["keep one message"] = _median(
        lambda: messages.append(conversation.id, question.id, "assistant", [TextPart("x")]), times=20
    )
    return figures


def _words(chance: random.Random, count: int) -> str:
    if chance.random() < 0.5:
        return "".join(chance.choice(_CHINESE) + ("，" if chance.random() < 0.1 else "") for _ in range(count))
    return " ".join(chance.choice(_ENGLISH) for _ in range(count))


def _milliseconds(action: Callable[[], object]) -> float:
    started = time.perf_counter()
    action()
    return (time.perf_counter() - started) * 1000


def _median(action: Callable[[], object], times: int = 7) -> float:
    return statistics.median(_milliseconds(action) for _ in range(times))


if __name__ == "__main__":
    for name, figure in run_all().items():
        print(f"{name:48} {figure:10.2f}")
