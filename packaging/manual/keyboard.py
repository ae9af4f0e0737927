"""The page of the keyboard: every action of the window with its shortcut."""

from __future__ import annotations

from manual.catalog import Catalog

from app.gui.actions import make_actions

_ELSEWHERE = (
    ("Enter", "Send the message (Shift+Enter begins a new line)", "发送消息（Shift+Enter 换行）"),
    ("Esc", "Close the palette or the search, or give up an edit", "关闭命令面板或搜索，或放弃编辑"),
    (
        "Tab, Shift+Tab",
        "Go to the next or the previous control; every control can be reached",
        "移到下一个或上一个控件；每个控件都能到达",
    ),
)


def write_page(catalog: Catalog) -> str:
    """The page in the language of the catalog."""
    say = catalog.choose
    lines = [
        say("# Keyboard", "# 键盘"),
        "",
        say(
            "Everything can be done without a mouse: **Ctrl+K** opens the palette, which finds every action by its name. On macOS "
            "Ctrl is ⌘.",
            "不用鼠标也能完成一切：**Ctrl+K** 打开命令面板，可以按名称找到每个操作。在 macOS 上 Ctrl 是 ⌘。",
        ),
        "",
        say("| keys | what they do |", "| 按键 | 作用 |"),
        "|:--|:--|",
    ]
    for action in make_actions():
        keys = f"`{action.shortcut}`" if action.shortcut else say("palette", "命令面板")
        lines.append(f"| {keys} | {catalog.say(action.text)} |")
    lines += [f"| `{keys}` | {say(english, chinese)} |" for keys, english, chinese in _ELSEWHERE]
    return "\n".join(lines) + "\n"
