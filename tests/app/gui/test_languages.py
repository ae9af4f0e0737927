"""Both languages are whole: every string is translated, and no English is left in the Chinese window."""

from __future__ import annotations

import ast
import importlib.util
import re
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
from PySide6.QtCore import QLocale
from PySide6.QtWidgets import (
    QAbstractButton,
    QApplication,
    QComboBox,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QTextEdit,
    QToolButton,
    QWidget,
)

from app.gui.error_card import make_error_card
from app.gui.main_window import MainWindow
from app.gui.server.clients import CLIENTS
from app.gui.theme import LIGHT
from app.gui.translation import Translations, tr, tr_reason, translated_error
from app.workstation import Workstation
from backends.options import SAMPLER_STEPS, GenerationOptions, LoadOptions, SamplingOptions
from models.errors import DamagedModelFile, InvalidOption, iter_error_kinds

ROOT = Path(__file__).resolve().parents[3]
UNTRANSLATED = (
    "Top-p", "Min-p", "Top-k", "RAM", "VRAM", "Mirostat", "Mirostat 1", "Mirostat 2", "English", "Yanmo", "GB", "tok/s", "JSON",
    "Flash attention", "Qwen3", "Gemma", "GGUF", "Hugging Face", "AWQ", "Apache 2.0", "MIT",
    "NUMA", "Top-nσ", r"blk\.[0-3]\.ffn=CPU", ", ".join(SAMPLER_STEPS),
)  # fmt: skip
ALLOWED = re.compile(r"[\W\d_]*|[a-z0-9_]+(\.\d+)?|/.*")


def load_updater() -> ModuleType:
    spec = importlib.util.spec_from_file_location("update", ROOT / "packaging" / "translations" / "update.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_string_has_a_translation_with_the_same_placeholders() -> None:
    updater = load_updater()
    catalog = updater.read_catalog()
    for source in updater.collect_strings():
        assert catalog.get(source), f"not translated: {source!r}; run make translations"
        assert sorted(re.findall(r"\{\w+\}", source)) == sorted(re.findall(r"\{\w+\}", catalog[source])), source
        assert (
            re.search(r"[\u4e00-\u9fff]", catalog[source])
            or source in UNTRANSLATED
            or not re.search(r"[a-zA-Z]{2}", re.sub(r"\{\w+\}", "", source))
        ), source


def test_the_compiled_catalog_is_up_to_date(translations: Translations) -> None:
    catalog = load_updater().read_catalog()
    translations.use("zh_CN")
    assert {source: tr(source) for source in catalog} == catalog


def test_tr_is_only_given_literals() -> None:
    for path in (ROOT / "app" / "gui").rglob("*.py"):
        if path.name == "translation.py":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "tr":
                assert isinstance(node.args[0], ast.Constant), f"{path.name}:{node.lineno}"


def visible_texts(widget: QWidget) -> list[str]:
    texts = []
    for child in widget.findChildren(QWidget):
        if isinstance(child, QAbstractButton | QLabel):
            texts.append(child.text())
        if isinstance(child, QLineEdit | QPlainTextEdit | QTextEdit):
            texts.append(child.placeholderText())
        if isinstance(child, QComboBox):
            texts += [child.itemText(index) for index in range(child.count())]
        texts += [child.toolTip(), child.accessibleName()]
    return [text for text in texts if text]


# Names of programs are the same in every language.
PROGRAMS = tuple(re.sub(r" \(.*\)", "", name) for entry in CLIENTS for name in entry.split(", "))


def english_in(texts: list[str]) -> list[str]:
    left = []
    for text in texts:
        plain = re.sub(r"<[^>]*>|\([^)]*\)", "", text)
        for word in (*PROGRAMS, *UNTRANSLATED):
            plain = plain.replace(word, "")
        if (
            re.search(r"[A-Za-z]{2,}", plain)
            and not re.search(r"[\u4e00-\u9fff]", plain)
            and not ALLOWED.fullmatch(plain.strip())
        ):
            left.append(text)
    return left


def test_no_english_is_left_in_the_chinese_window(qtbot, window: MainWindow, workstation: Workstation) -> None:
    conversation = workstation.conversations.create(title="笔记", preset="Balanced")
    window.chat.open_conversation(conversation.id)
    workstation.settings.set("language", "zh_CN")
    qtbot.waitUntil(lambda: "新对话" in visible_texts(window), timeout=5000)
    for page in ("chat", "library", "quantize", "server", "settings"):
        window.show_page(page)
    assert QLocale().name() == "zh_CN"
    assert english_in(visible_texts(window)) == []
    window._translations.use("en")
    QApplication.processEvents()
    assert "New chat" in visible_texts(window)


def test_every_error_speaks_chinese(translations: Translations) -> None:
    translations.use("zh_CN")
    for kind in iter_error_kinds():
        what, _, _ = translated_error(kind(file="文件", model="模型"))
        assert re.search(r"[\u4e00-\u9fff]", what), kind


def test_a_reason_written_by_the_engine_side_is_translated_by_its_template(translations: Translations) -> None:
    translations.use("zh_CN")
    assert (
        tr_reason("It says it is a GGUF of version 9; versions 2 and 3 are known.")
        != "It says it is a GGUF of version 9; versions 2 and 3 are known."
    )
    assert "9" in tr_reason("It says it is a GGUF of version 9; versions 2 and 3 are known.")
    assert tr_reason("An unknown sentence stays as it is.") == "An unknown sentence stays as it is."


@pytest.mark.parametrize(
    "make",
    [
        lambda: LoadOptions(threads=5000),
        lambda: LoadOptions(kv_type="q3"),
        lambda: LoadOptions(rpc_servers=("here",)),
        lambda: SamplingOptions(temperature=99.0),
        lambda: GenerationOptions(grammar="root ::= x", schema="{}"),
        lambda: GenerationOptions(logit_bias=((-4, 1.0),)),
    ],
)
def test_what_a_value_must_be_is_said_in_chinese(translations: Translations, make: Callable[[], object]) -> None:
    translations.use("zh_CN")
    with pytest.raises(InvalidOption) as caught:
        make()
    _, why, _ = translated_error(caught.value)
    assert (
        re.search(r"[\u4e00-\u9fff]", why.removeprefix("必须是").removesuffix("。")) or caught.value.facts["option"] == "kv_type"
    ), why
    assert not re.search(r"\b(number|from|to|of|ids|each|empty|where|pairs)\b", why), why


def test_buttons_without_words_have_names_for_screen_readers(window: MainWindow, workstation: Workstation) -> None:
    conversation = workstation.conversations.create(model="echo:")
    window.chat.open_conversation(conversation.id)
    nameless = [
        button
        for button in window.findChildren(QToolButton)
        if not button.text() and not button.accessibleName() and button.parent().metaObject().className() != "QLineEdit"
        and "Scroll" not in button.metaObject().className() and button.objectName() != "qt_menubar_ext_button"
    ]  # fmt: skip
    assert [button.objectName() or button.parent() for button in nameless if button.isVisibleTo(window)] == []


def test_an_error_card_offers_fixes_and_folds_its_log(qtbot, translations: Translations) -> None:
    card = make_error_card(DamagedModelFile(file="x.gguf", reason="It is cut off.", details="log line"), LIGHT)
    qtbot.addWidget(card)
    card.show()
    with qtbot.waitSignal(card.fix_requested, timeout=1000) as heard:
        next(button for button in card.findChildren(QAbstractButton) if button.text() == "Verify the file").click()
    assert heard.args == ["verify_file"]
    assert card._log.isHidden() and card._log.toPlainText() == "log line"
