"""Devices are chosen in the load panel: what is shown is what is loaded, and what makes no sense is explained beside its field."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace

import pytest
from pytestqt.qtbot import QtBot

from app.gui.chat import model_control
from app.gui.chat.load_panel import LoadPanel
from app.gui.main_window import MainWindow
from app.gui.theme import LIGHT
from app.gui.translation import Translations
from app.services.events import ModelLoaded
from app.workstation import Workstation
from backends.devices import Device
from backends.events import LoadedModel
from backends.options import LoadOptions

PROCESSOR = Device("CPU", "A processor", "cpu", 1, 1)
GPUS = [Device("CUDA0", "Large card", "gpu", 2, 2), Device("CUDA1", "Small card", "gpu", 1, 1), PROCESSOR]
EVERYTHING = LoadOptions(
    context_length=4_000_000,
    gpu_layers=5000,
    threads=1024,
    batch_size=65_536,
    cpu_experts=2000,
    device="CUDA1",
    split_mode="row",
    main_gpu=1,
    tensor_split=(3, 1.5),
    kv_offload=False,
    numa="distribute",
    parallel=16,
    tensor_overrides=((r"blk\.[0-3]\.ffn", "CPU"), ("a=b", "CUDA0")),
)


@pytest.fixture
def panel(qtbot: QtBot, translations: Translations) -> Iterator[LoadPanel]:
    panel = LoadPanel(LIGHT)
    qtbot.addWidget(panel)
    panel.resize(300, 1400)
    panel.show()
    return panel


def unfold(panel: LoadPanel) -> None:
    panel.devices._fold.click()


def test_what_was_set_elsewhere_is_shown_and_kept_as_it_is(panel: LoadPanel, translations: Translations) -> None:
    for devices in (None, GPUS, [PROCESSOR]):
        panel.show_options(EVERYTHING)
        if devices is not None:
            panel.show_devices(devices)
        assert panel.options() == EVERYTHING
    translations.use("zh_CN")
    assert panel.options() == EVERYTHING
    several = replace(EVERYTHING, device="cuda0,CUDA1")
    panel.show_options(several)
    assert panel.options() == several


@pytest.mark.parametrize("wish", [None, True, False])
def test_whether_the_file_is_mapped_is_shown_kept_and_automatic_unless_chosen(
    qtbot: QtBot, panel: LoadPanel, translations: Translations, wish: bool | None
) -> None:
    panel.show_options(LoadOptions(use_mmap=wish, flash_attention=wish))
    assert panel._mmap.currentText() == {None: "automatic", True: "on", False: "off"}[wish]
    translations.use("zh_CN")
    qtbot.waitUntil(lambda: panel._mmap.currentText() == {None: "自动", True: "开", False: "关"}[wish])
    assert panel.options().use_mmap is wish
    assert panel.options().flash_attention is wish


def test_devices_are_asked_for_once_and_offered_by_name(qtbot: QtBot, panel: LoadPanel) -> None:
    asked: list[bool] = []
    panel.devices.devices_wanted.connect(lambda: asked.append(True))
    unfold(panel)
    panel.show_devices(GPUS)
    unfold(panel)
    unfold(panel)
    assert asked == [True]
    combo = panel.devices.device
    assert [combo.itemText(index) for index in range(combo.count())] == [
        "automatic",
        "CPU only",
        "CUDA0: Large card",
        "CUDA1: Small card",
    ]
    combo.setCurrentIndex(3)
    panel.devices.tensor_split.setText("3, 1")
    panel.devices.parallel.setValue(9)
    chosen = panel.options()
    assert (chosen.device, chosen.tensor_split, chosen.parallel) == ("CUDA1", (3, 1), 9)


def test_without_a_gpu_what_needs_one_can_only_be_taken_back(panel: LoadPanel) -> None:
    unfold(panel)
    part = panel.devices
    panel.show_devices([PROCESSOR])
    assert part._no_gpu.isVisible()
    assert not any(
        field.isEnabled() for field in (part.device, part.split_mode, part.main_gpu, part.tensor_split, part.kv_offload)
    )
    assert not panel._gpu_layers.isEnabled()
    assert part.parallel.isEnabled()
    panel.show_options(EVERYTHING)
    assert all(field.isEnabled() for field in (part.device, part.split_mode, part.main_gpu, part.tensor_split, part.kv_offload))
    assert panel._gpu_layers.isEnabled()
    panel.show_options(LoadOptions(rpc_servers=("127.0.0.1:50052",)))  # a GPU may be there
    assert part.device.isEnabled()
    assert not part._no_gpu.isVisible()


@pytest.mark.parametrize(
    ("name", "wrong", "right"),
    [
        ("tensor_split", "3,x", "3,1"),
        ("tensor_split", "-1", "0,1"),
        ("tensor_overrides", "ffn", "ffn=CPU"),
        ("tensor_overrides", "(=CPU", "(a)=CPU"),
    ],
)
def test_a_text_that_makes_no_sense_is_explained_beside_its_field(panel: LoadPanel, name: str, wrong: str, right: str) -> None:
    unfold(panel)
    field, said = getattr(panel.devices, name), panel.devices._errors[name]
    write = field.setText if name == "tensor_split" else field.setPlainText
    write(wrong)
    assert said.isVisible()
    assert name in said.text()
    assert not panel._reload.isEnabled()
    write(right)
    assert not said.isVisible()
    assert panel._reload.isEnabled()
    write(wrong)
    panel.show_options(LoadOptions())
    assert panel._reload.isEnabled()


@pytest.mark.skipif(sys.platform != "linux", reason="NUMA is offered on Linux only")
def test_numa_is_offered(panel: LoadPanel) -> None:
    unfold(panel)
    panel.devices.numa.setCurrentIndex(panel.devices.numa.findData("isolate"))
    assert panel.options().numa == "isolate"


def test_the_window_finds_the_devices_in_the_background(
    qtbot: QtBot, window: MainWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_control, "list_engine_devices", lambda: GPUS)
    panel = window.chat.inspector.load_panel
    unfold(panel)
    qtbot.waitUntil(lambda: panel.devices.device.count() == 4, timeout=60_000)


def test_a_load_that_is_not_quite_what_was_wished_is_told_at_its_end(
    window: MainWindow, workstation: Workstation, translations: Translations
) -> None:
    told = ("The graphics memory was full, so the processor computes.", "No model is in memory.")
    notice = "\n".join(told)
    facts = LoadedModel("A", "llama", "Q8_0", 1, 512, 512, "llamacpp", "CPU", "1", notice=notice)
    window.chat.models.hear(ModelLoaded("a", replace(facts, notice="")))
    assert not window.chat.notice.isVisible()
    window.chat.models.hear(ModelLoaded("a", facts))
    assert window.chat.notice.isVisible()
    assert window.chat.notice._label.text() == notice
    translations.use("zh_CN")
    window.chat.models.hear(ModelLoaded("a", facts))
    assert "显存已满" in window.chat.notice._label.text()
