"""Hands an address or a folder to the program that the system has for it."""

from __future__ import annotations

import shutil
import sys

from PySide6.QtCore import QProcess, QProcessEnvironment, QUrl
from PySide6.QtGui import QDesktopServices

from backends.outer_environment import make_outer_environment


def open_outside(address: QUrl) -> None:
    """Open a page in the browser, or a file or folder with its program.

    Qt would start it with this process's environment, in which the packaged app's libraries come first: there xdg-open is asked directly.
    """
    opener = shutil.which("xdg-open") if sys.platform == "linux" and getattr(sys, "frozen", False) else None
    if opener is None:
        QDesktopServices.openUrl(address)
        return
    environment = QProcessEnvironment()
    for name, value in make_outer_environment().items():
        environment.insert(name, value)
    process = QProcess()
    process.setProgram(opener)
    process.setArguments([address.toString(QUrl.ComponentFormattingOption.FullyEncoded)])
    process.setProcessEnvironment(environment)
    process.startDetached()
