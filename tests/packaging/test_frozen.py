"""What the packages are made with: a lock that holds every requirement, icons in every size, an engine for everybody's processor."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "packaging" / "frozen"))

import environment
import icons
import licences
import package

from app.services.licences import LicensedPart

ROOT = Path(__file__).resolve().parents[2]


def locked() -> dict[str, Version]:
    """The lock as it is for this Python, by name; every entry has at least one hash."""
    found = {}
    entry = re.compile(r"^([\w.-]+)==(\S+)(?: ; ([^\\\n]+))?(.*?)(?=^\S|\Z)", re.MULTILINE | re.DOTALL)
    for name, version, marker, rest in entry.findall(environment.LOCK.read_text(encoding="utf-8")):
        assert "--hash=sha256:" in rest, name
        if not marker or Marker(marker).evaluate():
            found[canonicalize_name(name)] = Version(version)
    return found


def test_every_requirement_of_the_app_is_locked_in_a_version_that_suits() -> None:
    lock = locked()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for text in project["dependencies"]:
        wanted = Requirement(text)
        if wanted.marker is None or wanted.marker.evaluate():
            assert wanted.specifier.contains(lock[canonicalize_name(wanted.name)]), f"{text}: run packaging/frozen/lock.py"
    for line in (ROOT / "packaging" / "constraints.txt").read_text(encoding="utf-8").splitlines():
        name, _, version = line.partition("==")
        if version and canonicalize_name(name) in lock:
            assert lock[canonicalize_name(name)] == Version(version), f"{line}: run packaging/frozen/lock.py"
    assert "torch" not in lock


def test_the_engine_is_taken_out_of_the_lock_to_be_built_here() -> None:
    rest, engine = environment.split_lock(environment.LOCK.read_text(encoding="utf-8"))
    assert engine.startswith("llama-cpp-python==") and engine.count("--hash") == 1
    assert "llama-cpp-python" not in rest and "pyinstaller==" in rest


def test_on_linux_kernels_for_many_processors_are_built_and_gcc_is_helped() -> None:
    flags = environment.build_flags("Linux", "x86_64")
    assert "GGML_CPU_ALL_VARIANTS=ON" in flags["CMAKE_ARGS"] and "GGML_NATIVE=OFF" in flags["CMAKE_ARGS"]
    assert all(str(header) in flags["CXXFLAGS"] and header.exists() for header in environment.HEADERS)
    assert "CXXFLAGS" not in environment.build_flags("Linux", "aarch64")
    assert "GGML_METAL=ON" in environment.build_flags("Darwin", "arm64")["CMAKE_ARGS"]


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("icons")
    subprocess.run(
        [sys.executable, icons.__file__, str(folder)], check=True
    )  # its Qt would be the wrong one for tests of the window
    return folder


def test_the_icon_is_drawn_in_every_size_for_every_system(drawn: Path) -> None:
    for size in icons.HICOLOR_SIZES:
        with Image.open(drawn / "hicolor" / f"{size}x{size}" / "apps" / "yanmo.png") as picture:
            assert picture.size == (size, size)
            assert len(picture.convert("RGB").getcolors(size * size) or []) > 8, "there is something on it"
    with Image.open(drawn / "yanmo.ico") as picture:
        assert {side for side, _ in picture.info["sizes"]} == set(icons.ICO_SIZES)
    with Image.open(drawn / "yanmo.icns") as picture:
        assert {side * scale for side, _, scale in picture.info["sizes"]} >= {32, 64, 256, 512, 1024}
    assert (drawn / "hicolor" / "scalable" / "apps" / "yanmo.svg").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has glibc")
def test_the_package_asks_for_the_c_library_that_its_files_need(tmp_path: Path) -> None:
    (tmp_path / "python").write_bytes(Path(sys.executable).resolve().read_bytes())
    (tmp_path / "words.txt").write_text("no program", encoding="utf-8")
    major, minor = package.needed_glibc(tmp_path).split(".")
    assert (2, 17) <= (int(major), int(minor)) < (3, 0)


def test_no_library_of_the_system_is_taken_along_that_is_under_the_gpl_alone() -> None:
    table = licences.read_table()
    assert [name for name, licence in table.items() if not LicensedPart(name, "", licence, "").is_free_to_ship] == []
    assert licences.find_licence("libxkbcommon-x11.so.0", table) == "MIT"
    assert licences.find_licence("libzstd.so.1", table).startswith("BSD-3-Clause")
    with pytest.raises(licences.UnknownLicence, match=r"libreadline\.so\.8 has no licence"):
        licences.find_licence("libreadline.so.8", table)


@pytest.mark.skipif(sys.platform != "linux", reason="libraries of the system are taken along on Linux")
def test_the_app_carries_the_licence_of_each_library_that_came_from_the_system(tmp_path: Path) -> None:
    (tmp_path / "libz.so.1").write_bytes(b"a library")
    (tmp_path / "libpython3.11.so.1.0").write_bytes(b"another")
    (tmp_path / "libjpeg.so.62").symlink_to("elsewhere")
    told = (
        tmp_path
        / "environment"
        / "lib"
        / "python3.11"
        / "site-packages"
        / "pyinstaller-6.0.dist-info"
        / "licenses"
        / "COPYING.txt"
    )
    told.parent.mkdir(parents=True)
    told.write_text("The Bootloader Exception", encoding="utf-8")
    assert licences.collect(tmp_path, tmp_path / "environment") == 2
    assert (tmp_path / "licences" / "libz.so.1.txt").read_text(encoding="utf-8").startswith("Zlib\n")
    assert "PYTHON SOFTWARE FOUNDATION LICENSE" in (tmp_path / "licences" / "libpython3.11.so.1.0.txt").read_text(
        encoding="utf-8"
    )
    assert "Bootloader Exception" in (tmp_path / "licences" / "PyInstaller.txt").read_text(encoding="utf-8")
    (tmp_path / "libreadline.so.8").write_bytes(b"no")
    with pytest.raises(licences.UnknownLicence):
        licences.collect(tmp_path, tmp_path / "environment")


def test_recipes_for_other_systems_say_that_they_were_not_tried() -> None:
    for name in (
        "linux/appimage/build.sh",
        "linux/flatpak/org.yanmo.Yanmo.yml",
        "windows/build.ps1",
        "windows/yanmo.nsi",
        "macos/build.sh",
    ):
        assert re.search("NOT (BUILT|RUN) by this project", (ROOT / "packaging" / name).read_text(encoding="utf-8")), name
