"""Every visible string passes here: ``tr`` translates, ``Translations`` switches the language of the running window."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from functools import lru_cache

from PySide6.QtCore import QCoreApplication, QLibraryInfo, QLocale, QTranslator

from models.errors import UserFacingError, fill
from resources import resource_folder

CONTEXT = "yanmo"
LANGUAGES = {"en": "English", "zh_CN": "简体中文"}


def tr(text: str) -> str:
    """The text in the language of the window. Placeholders are filled afterwards, with ``str.format``."""
    return QCoreApplication.translate(CONTEXT, text)


def translated_error(error: UserFacingError) -> tuple[str, str, str]:
    """What happened, why, and what to try, in the language of the window."""
    facts = {name: tr_reason(value) for name, value in error.facts.items()}
    what, why, remedy = (fill(_tr_template(template), facts) for template in (error.what, error.why, error.remedy))
    return what, why, remedy


def short_error(error: UserFacingError) -> str:
    """What happened and why, in one line, for the place beside a field."""
    return " ".join(filter(None, translated_error(error)[:2]))


def _tr_template(template: str) -> str:
    return tr(template) if template and template != "{reason}" else template


def tr_reason(sentence: str) -> str:
    """A sentence that headless code wrote: its template is found by what it says; an unknown one stays as it is."""
    if " " not in sentence or tr(sentence) != sentence:
        return tr(sentence) if sentence else ""
    for template, pattern in _reason_patterns():
        match = pattern.fullmatch(sentence)
        if match and tr(template) != template:
            return tr(template).format(*(tr_reason(part) for part in match.groups()))
    return sentence


def tr_notice(notice: str) -> str:
    """A notice of a load, which has a sentence a line."""
    return "\n".join(tr_reason(sentence) for sentence in notice.splitlines())


@lru_cache(maxsize=1)
def _reason_patterns() -> list[tuple[str, re.Pattern[str]]]:
    """Templates with placeholders, the most telling first."""
    templates = json.loads((resource_folder() / "translations" / "reasons.json").read_text(encoding="utf-8"))
    found = []
    for template in sorted((text for text in templates if "{0}" in text), key=len, reverse=True):
        parts = re.split(r"\{\d+\}", template)
        found.append((template, re.compile("(.*?)".join(re.escape(part) for part in parts), re.DOTALL)))
    return found


def system_language() -> str:
    """The one of our languages that the system prefers."""
    languages: Iterable[str] = QLocale.system().uiLanguages()
    for name in languages:
        if name.lower().startswith("zh"):
            return "zh_CN"
        if name.lower().startswith("en"):
            return "en"
    return "en"


class Translations:
    """Holds the installed translators; ``use`` makes Qt send a LanguageChange event to every widget."""

    def __init__(self, application: QCoreApplication) -> None:
        self._application = application
        self._installed: list[QTranslator] = []
        self.language = "en"

    def use(self, language: str) -> None:
        """Switch to ``en``, ``zh_CN`` or ``system``."""
        language = system_language() if language not in LANGUAGES else language
        for translator in self._installed:
            self._application.removeTranslator(translator)
        self._installed.clear()
        self.language = language
        QLocale.setDefault(QLocale(language))
        if language == "en":
            return
        folder = resource_folder() / "translations"
        for path in (
            QLibraryInfo.path(QLibraryInfo.LibraryPath.TranslationsPath) + f"/qtbase_{language}.qm",
            str(folder / f"{language}.qm"),
        ):
            translator = QTranslator(self._application)
            if translator.load(path):
                self._application.installTranslator(translator)
                self._installed.append(translator)
