"""The report on this machine in the window: looked at in the background, in the language of the window."""

from __future__ import annotations

from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QLabel, QLineEdit, QPushButton

from app.gui.settings import machine_dialog
from app.gui.settings.machine_dialog import MachineDialog
from app.gui.translation import Translations
from app.services.diagnosis import DoctorReport
from app.services.findings import Finding
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


def test_a_command_that_would_help_can_be_copied(qtbot, workstation: Workstation, monkeypatch) -> None:
    commands = ("python3 -m venv /data/torch-pack", "/data/torch-pack/bin/python -m pip install -r /opt/yanmo/requirements.txt")
    found = (
        Finding(
            "PyTorch", "note", "It is not installed: only AWQ and safetensors models need it.", "Make a torch pack.", commands
        ),
    )
    monkeypatch.setattr(machine_dialog, "make_report", lambda paths: DoctorReport(found))
    dialog = MachineDialog(workstation)
    qtbot.addWidget(dialog)
    qtbot.waitUntil(lambda: len(dialog.findChildren(QLineEdit)) == 2, timeout=5000)
    assert tuple(line.text() for line in dialog.findChildren(QLineEdit)) == commands
    copies = [button for button in dialog.findChildren(QPushButton) if button.text() == "Copy"]
    copies[1].click()
    assert QGuiApplication.clipboard().text() == commands[1]
