"""Collect every visible string into ``resources/translations/zh_CN.ts`` and compile it; strings without a translation are named.

Strings are the literals given to ``tr`` in app/gui, the error templates of models/errors.py, and the sentences with which other
packages explain an error. Those are kept in ``reasons.json`` too: a window finds their template by what they say.
A file of ``{"English": "中文"}`` pairs on the command line fills in what is missing.
"""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
CATALOG = ROOT / "resources" / "translations" / "zh_CN.ts"
REASONS = CATALOG.with_name("reasons.json")
CONTEXT = "yanmo"
SENTENCE = re.compile(r"(?!SELECT|INSERT|UPDATE|DELETE|CREATE|PRAGMA)[A-Z“{][^\n]* [^\n]*[.!?…]", re.DOTALL)


def collect_literals(folder: Path) -> list[str]:
    """Every literal that is given to ``tr`` below a folder, in order of first appearance."""
    found: dict[str, None] = {}
    for path in sorted(folder.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "tr" and node.args:
                argument = node.args[0]
                if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                    found[argument.value] = None
    return list(found)


def collect_error_templates() -> list[str]:
    """What, why and remedy of every error."""
    import models.document_errors
    import models.download_errors
    import models.remote_errors  # noqa: F401 - their errors register themselves
    from models.errors import iter_error_kinds

    templates = [template for kind in iter_error_kinds() for template in (kind.what, kind.why, kind.remedy)]
    return list(dict.fromkeys(template for template in templates if template and template != "{reason}"))


def collect_reasons() -> list[str]:
    """Every sentence that headless code may put into an error, f-strings as templates with ``{0}``, ``{1}`` …"""
    found: dict[str, None] = {}
    for folder in ("models", "backends", "quantize", "app/services", "app/store", "app/text", "app/documents"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            found |= dict.fromkeys((*iter_sentences(tree), *iter_phrases(tree)))
    return [text for text in found if text not in collect_error_templates()]


def iter_sentences(tree: ast.Module) -> Iterator[str]:
    """Strings of a module that are sentences for people: not docstrings, not parts of f-strings, not log lines."""
    skipped: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            skipped.add(id(node.value))
        if isinstance(node, ast.JoinedStr):
            skipped.update(id(part) for part in ast.walk(node) if part is not node)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and getattr(node.func.value, "id", "") == "_log":
            skipped.update(id(part) for part in ast.walk(node))
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id in ("ValueError", "TypeError", "RuntimeError")
        ):
            skipped.update(id(part) for part in ast.walk(node))
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        text = node.value if isinstance(node, ast.Constant) else template_of(node) if isinstance(node, ast.JoinedStr) else None
        if isinstance(text, str) and SENTENCE.fullmatch(text):
            yield text


def iter_phrases(tree: ast.Module) -> Iterator[str]:
    """Parts of sentences that errors take: what a value must be (``allowed``), and what kind of model something is (``_KINDS``)."""
    is_name = re.compile("[a-z_]*")
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            for keyword in node.keywords:
                text = phrase_of(keyword.value) if keyword.arg in ("allowed", "kind") else ""
                if re.search("[a-z]{2}", text) and (keyword.arg == "allowed" or not is_name.fullmatch(text)):
                    yield text
        elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Dict) and "_KINDS" in map(ast.unparse, node.targets):
            yield from filter(None, map(phrase_of, node.value.values))


def phrase_of(node: ast.AST | None) -> str:
    """What a literal, an f-string, or a sum of both says, with numbered placeholders; empty where it says nothing by itself."""
    match node:
        case ast.Constant(str(text)):
            return text
        case ast.JoinedStr():
            return template_of(node)
        case ast.BinOp(left, ast.Add(), right):
            parts = [phrase_of(left), phrase_of(right)]
            if not any(parts):
                return ""
            count, text = 0, ""
            for part in parts:
                for piece in re.split(r"(\{\d+\})", part or "{0}"):
                    text += f"{{{count}}}" if re.fullmatch(r"\{\d+\}", piece) else piece
                    count += bool(re.fullmatch(r"\{\d+\}", piece))
            return text
    return ""


def template_of(node: ast.JoinedStr) -> str:
    """An f-string with numbered placeholders."""
    text, count = "", 0
    for part in node.values:
        if isinstance(part, ast.Constant):
            text += str(part.value)
        else:
            text += f"{{{count}}}"
            count += 1
    return text


def collect_strings() -> list[str]:
    """Everything that must be translated."""
    return list(dict.fromkeys([*collect_literals(ROOT / "app" / "gui"), *collect_error_templates(), *collect_reasons()]))


def read_catalog() -> dict[str, str]:
    """English to Chinese as the catalog has it; empty where it is not translated."""
    if not CATALOG.exists():
        return {}
    root = ElementTree.parse(CATALOG).getroot()
    return {str(item.findtext("source")): item.findtext("translation") or "" for item in root.iter("message")}


def write_catalog(pairs: dict[str, str]) -> None:
    """Write the catalog in Qt's format, sorted so that changes are easy to read."""
    root = ElementTree.Element("TS", version="2.1", language="zh_CN", sourcelanguage="en")
    context = ElementTree.SubElement(root, "context")
    ElementTree.SubElement(context, "name").text = CONTEXT
    for source in sorted(pairs):
        message = ElementTree.SubElement(context, "message")
        ElementTree.SubElement(message, "source").text = source
        translation = ElementTree.SubElement(message, "translation")
        translation.text = pairs[source]
        if not pairs[source]:
            translation.set("type", "unfinished")
    ElementTree.indent(root, "  ")
    body = ElementTree.tostring(root, encoding="unicode")
    CATALOG.parent.mkdir(parents=True, exist_ok=True)
    CATALOG.write_text(f'<?xml version="1.0" encoding="utf-8"?>\n<!DOCTYPE TS>\n{body}\n', encoding="utf-8")


def main() -> int:
    """Update and compile; the exit status is 1 while anything is missing."""
    known = read_catalog()
    for name in sys.argv[1:]:
        known |= json.loads(Path(name).read_text(encoding="utf-8"))
    pairs = {source: known.get(source, "") for source in collect_strings()}
    write_catalog(pairs)
    REASONS.write_text(json.dumps(collect_reasons(), ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    compiled = CATALOG.with_suffix(".qm")
    tool = Path(sys.executable).with_name("pyside6-lrelease")
    subprocess.run([str(tool), "-silent", str(CATALOG), "-qm", str(compiled)], check=True)
    missing = [source for source, text in pairs.items() if not text]
    for source in missing:
        print(f"not translated: {source!r}")
    print(f"{len(pairs)} strings, {len(missing)} without translation")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
