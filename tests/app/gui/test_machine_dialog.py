"""The report on this machine in the window: looked at in the background, in the language of the window."""

from __future__ import annotations

from PySide6.QtWidgets import QLabel

from app.gui.settings import machine_dialog
from app.gui.settings.machine_dialog import MachineDialog
from app.gui.translation import Translations
from app.services.diagnosis import DoctorReport, Finding, is_frozen, torch_remedy
from app.workstation import Workstation


def test_it_says_what_the_engine_was_built_for_and_what_would_help(
    qtbot, workstation: Workstation, translations: Translations, monkeypatch
) -> None:
    remedy = "Rebuild it: run “make run ACCEL=cuda”."
    found = (
        Finding("Memory", "good", "20.6 GB are free, of 25.3 GB."),
        Finding("Acceleration", "note", "The engine was built for processors only: the GPU is not used.", remedy),
    )
    monkeypatch.setattr(machine_dialog, "make_report", lambda paths: DoctorReport(found))
    translations.use("zh_CN")
    dialog = MachineDialog(workstation)
    qtbot.addWidget(dialog)
    qtbot.waitUntil(lambda: dialog.words.text() == "研墨在这里可以工作。", timeout=5000)
    texts = [label.text() for label in dialog.findChildren(QLabel)]
    assert "共 25.3 GB，空闲 20.6 GB。" in texts
    assert "引擎只为处理器编译：没有用到 GPU。<br>→ 请重新编译：运行 “make run ACCEL=cuda”。" in texts
    translations.use("en")


def test_in_the_packaged_app_nobody_is_told_to_run_make_or_pip_there(monkeypatch) -> None:
    assert not is_frozen()
    assert torch_remedy().startswith("Run “pip install")
    monkeypatch.setattr("sys.frozen", True, raising=False)
    assert "pipx install" in torch_remedy()
    assert torch_remedy().startswith("Nothing can be added")
