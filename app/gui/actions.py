"""Everything that can be done by keyboard or from the palette, as data."""

from __future__ import annotations

from dataclasses import dataclass

from app.gui.translation import tr


@dataclass(frozen=True, slots=True)
class Action:
    """``name`` is what the window runs; ``shortcut`` in Qt's portable notation."""

    name: str
    text: str
    shortcut: str = ""
    icon: str = ""


def make_actions() -> list[Action]:
    """All actions in the language of the window."""
    return [
        Action("new_conversation", tr("New chat"), "Ctrl+N", "edit"),
        Action("search", tr("Search chats"), "Ctrl+Shift+F", "search"),
        Action("palette", tr("Command palette"), "Ctrl+K", "command"),
        Action("choose_model", tr("Choose a model"), "Ctrl+M", "cpu"),
        Action("add_model", tr("Add a GGUF file…"), "Ctrl+O", "plus"),
        Action("unload", tr("Free the memory"), "", "power"),
        Action("stop", tr("Stop the reply"), "Ctrl+.", "player-stop"),
        Action("regenerate", tr("Regenerate the last reply"), "Ctrl+R", "refresh"),
        Action("edit_last", tr("Edit the last message"), "Ctrl+Up", "pencil"),
        Action("copy_last", tr("Copy the last reply"), "Ctrl+Shift+C", "copy"),
        Action("focus_composer", tr("Write a message"), "Ctrl+L", "message-2"),
        Action("toggle_sidebar", tr("Show or hide the list"), "Ctrl+B", "layout-sidebar"),
        Action("toggle_inspector", tr("Show or hide the settings"), "Ctrl+I", "layout-sidebar-right"),
        Action("page_chat", tr("Go to the chat"), "Ctrl+1", "message-2"),
        Action("page_library", tr("Go to the models"), "Ctrl+2", "stack-2"),
        Action("page_knowledge", tr("Go to the documents to answer from"), "Ctrl+5", "book"),
        Action("page_quantize", tr("Make a model smaller"), "Ctrl+3", "adjustments"),
        Action("pick_quant", tr("Pick a quant for this machine"), "", "sparkles"),
        Action("page_server", tr("Serve other programs"), "Ctrl+4", "server"),
        Action("page_settings", tr("Go to the settings"), "Ctrl+,", "settings"),
        Action("theme", tr("Switch between light and dark"), "Ctrl+Shift+L", "moon"),
        Action("language", tr("Switch between English and Chinese"), "", "language"),
        Action("rename", tr("Rename this conversation"), "F2", "pencil"),
        Action("export_md", tr("Export this conversation as Markdown…"), "Ctrl+S", "file-export"),
        Action("delete", tr("Delete this conversation"), "", "trash"),
        Action("trash", tr("Open the trash"), "", "trash"),
        Action("snapshots", tr("Open the snapshots"), "", "history"),
        Action("quit", tr("Quit"), "Ctrl+Q", "power"),
    ]
