"""The page of every error: what is said, why, and what to try, in the words that the program uses."""

from __future__ import annotations

import re

from manual.catalog import Catalog

import models.document_errors
import models.download_errors
import models.remote_errors  # noqa: F401 - their errors register themselves
from models.error_root import UserFacingError, iter_error_kinds
from models.errors import EngineError, ModelError, StoreError

_MODULES = ("models.errors", "models.document_errors", "models.download_errors", "models.remote_errors")
"""In which order they are told, whichever was imported first."""
_NAMES = {"reason": ("the reason", "原因")}


def list_kinds() -> list[type[UserFacingError]]:
    """Every error that a person may be shown, without the roots, which are never raised as they are."""
    kinds = [kind for kind in dict.fromkeys(iter_error_kinds()) if kind is not UserFacingError]
    return sorted(kinds, key=lambda kind: _MODULES.index(kind.__module__))


def write_page(catalog: Catalog) -> str:
    """The page in the language of the catalog."""
    say = catalog.choose
    families: tuple[tuple[str, type[UserFacingError]], ...] = (
        (say("Models", "模型"), ModelError),
        (say("Engines and replies", "引擎与回答"), EngineError),
        (say("Your data", "你的数据"), StoreError),
    )
    parts = [
        say("# Every error message", "# 全部错误信息"),
        say(
            "An error says what happened, why, and what to try. Here is each of them; ⟨words like this⟩ stand for names and "
            "figures. The code is what the server sends to programs.",
            "每条错误信息都说明发生了什么、为什么、可以怎么办。这里列出全部；⟨这样的字⟩代表名称或数字。代码是服务器发给其他程序的标识。",
        ),
    ]
    left = list_kinds()
    for title, root in families:
        parts += [f"## {title}", *(_describe(kind, catalog) for kind in left if issubclass(kind, root))]
        left = [kind for kind in left if not issubclass(kind, root)]
    parts += [
        say("## Downloads, documents, servers and the rest", "## 下载、文档、服务器及其他"),
        *(_describe(kind, catalog) for kind in left),
    ]
    return "\n\n".join(parts) + "\n"


def _describe(kind: type[UserFacingError], catalog: Catalog) -> str:
    why = catalog.choose("*The reason is told.*", "*会给出原因。*") if kind.why == "{reason}" else _words(kind.why, catalog)
    lines = [f"**{_words(kind.what, catalog)}** `{kind.code}`", f":   {why}" if why else ""]
    if kind.remedy:
        lines.append(f":   {_words(kind.remedy, catalog)}")
    return "\n".join(line for line in lines if line)


def _words(template: str, catalog: Catalog) -> str:
    text = catalog.say(template).replace("*", "\\*").replace("<", "&lt;")
    return re.sub(r"\{(\w+)\}", lambda found: f"⟨{_NAMES.get(found[1], (found[1], found[1]))[catalog.language == 'zh']}⟩", text)
