"""Colours, fonts and the one style sheet, all from a table of design tokens."""

from __future__ import annotations

from dataclasses import dataclass, fields

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QFont, QFontDatabase, QGuiApplication, QPalette
from PySide6.QtWidgets import QApplication

from resources import resource_folder

SANS_FAMILIES = [
    "Inter",
    "Noto Sans CJK SC",
    "Microsoft YaHei UI",
    "PingFang SC",
    "Noto Sans SC",
    "Noto Color Emoji",
    "Segoe UI Emoji",
    "Apple Color Emoji",
]
MONO_FAMILIES = [
    "JetBrains Mono",
    "Noto Sans Mono CJK SC",
    "Noto Sans CJK SC",
    "Microsoft YaHei UI",
    "PingFang SC",
    "Noto Sans SC",
]


FONTS_LOADED = "yanmoFontsLoaded"


@dataclass(frozen=True, slots=True)
class Tokens:
    """The colours of one theme. Names say what a colour is for, not what it looks like."""

    name: str
    background: str
    sidebar: str
    rail: str
    panel: str
    field: str
    border: str
    border_strong: str
    text: str
    text_soft: str
    text_faint: str
    accent: str
    accent_hover: str
    accent_soft: str
    accent_soft_text: str
    hover: str
    selected: str
    bubble: str
    code: str
    inline_code: str
    ok: str
    warning: str
    error: str
    error_soft: str
    track: str
    scroll: str
    link: str
    keyword: str
    string: str
    number: str
    comment: str
    function: str


LIGHT = Tokens(
    "light", "#ffffff", "#f7f7f8", "#f0f0f2", "#fbfbfc", "#ffffff", "#e5e6ea", "#d5d7dd", "#1d1f24", "#5c626e", "#737985",
    "#5757d9", "#4a4ac8", "#eeeefb", "#4a4ac8", "#ececef", "#e4e5ea", "#f2f3f5", "#f6f7f9", "#eff0f3", "#1f9d61", "#b86e00", "#d03b3b",
    "#fdf0f0", "#dfe1e6", "#cfd2d9", "#2f5fd0", "#7a3fc4", "#1a7f4e", "#b3541e", "#7b828e", "#2563c9",
)  # fmt: skip
DARK = Tokens(
    "dark", "#1b1c1f", "#151619", "#101114", "#17181b", "#222327", "#2a2c31", "#3a3d44", "#e9eaee", "#a5abb6", "#838a96",
    "#7b7bf2", "#8d8df6", "#292a45", "#b3b3ff", "#222429", "#2a2c32", "#2a2c31", "#141518", "#2b2d33", "#3ecf8e", "#f0a93b", "#ff6b6b",
    "#33191c", "#34373e", "#3b3e46", "#7aa2f7", "#c792ea", "#8fd694", "#f0a36b", "#7d8592", "#82aaff",
)  # fmt: skip


class Sizes:
    """Lengths in device-independent pixels."""

    RAIL = 60
    SIDEBAR = 256
    INSPECTOR = 300
    COLUMN = 720
    COMPOSER = 744
    TOP_BAR = 56
    TEXT_CAPTION = 11
    TEXT_SMALL = 12
    TEXT_UI = 13
    TEXT_TITLE = 14
    TEXT_MESSAGE = 15
    TEXT_CODE = 13


def load_fonts() -> None:
    """Register the fonts that ship with Yanmo, once, so that Chinese shows on a bare system too."""
    application = QGuiApplication.instance()
    if application is None or application.property(FONTS_LOADED):
        return
    application.setProperty(FONTS_LOADED, True)
    for path in sorted((resource_folder() / "fonts").glob("*.[ot]tf")):
        QFontDatabase.addApplicationFont(str(path))


def make_font(size: int, *, weight: QFont.Weight = QFont.Weight.Normal, mono: bool = False) -> QFont:
    """A font of ``size`` pixels with fall-backs for Chinese and emoji."""
    font = QFont()
    font.setFamilies(MONO_FAMILIES if mono else SANS_FAMILIES)
    font.setPixelSize(size)
    font.setWeight(weight)
    font.setHintingPreference(QFont.HintingPreference.PreferNoHinting)
    if mono:
        font.setStyleHint(QFont.StyleHint.Monospace)
    return font


def choose_tokens(setting: str) -> Tokens:
    """The tokens for the setting ``system``, ``light`` or ``dark``; an unknown system scheme counts as light."""
    if setting == "dark":
        return DARK
    if setting == "system" and QGuiApplication.styleHints().colorScheme() == Qt.ColorScheme.Dark:
        return DARK
    return LIGHT


def make_palette(tokens: Tokens) -> QPalette:
    """Qt's own palette, for what no style sheet reaches."""
    palette = QPalette()
    role = QPalette.ColorRole
    pairs = {
        role.Window: tokens.background,
        role.WindowText: tokens.text,
        role.Base: tokens.field,
        role.AlternateBase: tokens.sidebar,
        role.Text: tokens.text,
        role.Button: tokens.panel,
        role.ButtonText: tokens.text,
        role.ToolTipBase: tokens.panel,
        role.ToolTipText: tokens.text,
        role.PlaceholderText: tokens.text_faint,
        role.Highlight: tokens.accent,
        role.HighlightedText: "#ffffff",
        role.Link: tokens.link,
        role.BrightText: tokens.error,
        role.Light: tokens.panel,
        role.Midlight: tokens.hover,
        role.Mid: tokens.border,
        role.Dark: tokens.border_strong,
        role.Shadow: tokens.border_strong,
    }
    for key, colour in pairs.items():
        palette.setColor(key, QColor(colour))
    for key in (role.Text, role.WindowText, role.ButtonText):
        palette.setColor(QPalette.ColorGroup.Disabled, key, QColor(tokens.text_faint))
    return palette


def make_style_sheet(tokens: Tokens) -> str:
    """The style sheet with every ``@token`` replaced."""
    sheet = (resource_folder() / "themes" / "yanmo.qss").read_text(encoding="utf-8")
    names = sorted((field.name for field in fields(tokens)), key=len, reverse=True)
    for name in names:
        sheet = sheet.replace(f"@{name};", f"{getattr(tokens, name)};").replace(f"@{name} ", f"{getattr(tokens, name)} ")
    icons = (resource_folder() / "icons").as_posix()
    return sheet.replace("@icons", icons).replace("-@name.svg", f"-{tokens.name}.svg")


def apply_theme(application: QApplication, tokens: Tokens) -> None:
    """Make the whole application wear a theme; live windows are repainted."""
    application.setFont(make_font(Sizes.TEXT_UI))
    application.setPalette(make_palette(tokens))
    application.setStyleSheet(make_style_sheet(tokens))
