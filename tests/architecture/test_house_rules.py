"""The house rules that a machine can check."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("app", "backends", "models", "quantize")
SOURCES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
ALL_SOURCES = [*SOURCES, *sorted((ROOT / "packaging").rglob("*.py"))]
HEAVY = (
    "PySide6",
    "torch",
    "transformers",
    "llama_cpp",
    "numpy",
    "jinja2",
    "huggingface_hub",
    "modelscope_hub",
    "urllib3",
    "requests",
    "keyring",
    "markdown_it",
    "pygments",
    "gguf",
)
BANNED_WORDS = ("utils", "helpers", "common", "misc", "manager")


def names(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_imports_go_one_way_only() -> None:
    done = subprocess.run(
        [str(Path(sys.executable).with_name("lint-imports"))], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def iter_imports(tree: ast.AST) -> list[str]:
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            found.append(node.module)
    return found


def test_only_the_window_imports_qt_and_only_engine_rooms_import_engines() -> None:
    for path in SOURCES:
        modules = {name.split(".")[0] for name in iter_imports(ast.parse(path.read_text(encoding="utf-8")))}
        place = names(path)
        if not place.startswith("app/gui/"):
            assert "PySide6" not in modules, place
        if not place.startswith(("backends/llamacpp/", "backends/torch_transformers/", "quantize/")):
            assert not modules & {"llama_cpp", "torch", "transformers"}, place


def test_importing_every_headless_module_loads_nothing_heavy() -> None:
    modules = [
        names(path).removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        for path in SOURCES
        if not names(path).startswith("app/gui/") and path.name != "__main__.py"
    ]
    # Engine folders and text work may use their libraries: nothing loads them at start.
    engines = (
        "backends.llamacpp",
        "backends.remote.",
        "backends.torch_transformers",
        "app.text",
        "quantize.gguf",
        "quantize.awq",
    )
    at_start = [name for name in modules if not name.startswith(engines)]
    code = f"import sys\nfor name in {at_start!r}:\n    __import__(name)\nprint([n for n in {HEAVY!r} if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]", done.stdout


def test_asking_for_help_loads_only_the_command_line() -> None:
    code = (
        "import sys\nfrom app.__main__ import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        f"print([n for n in {(*HEAVY, 'sqlite_utils', 'sqlite3', 'psutil')!r} if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip().endswith("[]"), done.stdout[-300:]


@pytest.mark.parametrize("path", ALL_SOURCES, ids=names)
def test_files_and_functions_stay_small_and_say_what_they_are(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count("\n") <= 400, "two nouns in one room"
    tree = ast.parse(text)
    assert ast.get_docstring(tree), "a module says in one sentence what lives in it"
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            assert length <= 60, f"{node.name} has {length} lines"
    assert not any(word in path.stem.split("_") for word in BANNED_WORDS)


def test_public_classes_and_functions_have_docstrings() -> None:
    missing = []
    for path in SOURCES:
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef | ast.FunctionDef) and not node.name.startswith("_") and not ast.get_docstring(node):
                if names(path) in ("models/errors.py", "models/download_errors.py", "models/remote_errors.py"):
                    continue  # each error is explained by its templates
                missing.append(f"{names(path)}:{node.name}")
    assert missing == []


def test_broad_excepts_stand_only_where_they_are_explained() -> None:
    for path in SOURCES:
        lines = path.read_text(encoding="utf-8").splitlines()
        for number, line in enumerate(lines):
            if line.strip().startswith(("except Exception", "except BaseException", "except:")):
                nearby = " ".join(lines[number : number + 3])
                assert "#" in nearby or "raise" in " ".join(lines[number : number + 6]), f"{names(path)}:{number + 1}"


def test_packaging_is_not_a_package() -> None:
    assert not (ROOT / "packaging" / "__init__.py").exists()


def test_the_five_packages_are_named() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    for package in ("app", "backends", "models", "quantize", "resources"):
        assert f'"{package}"' in text
