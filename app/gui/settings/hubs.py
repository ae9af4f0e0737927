"""The settings of both hubs: mirror, proxy and token of each, the preferred one, and working offline."""

from __future__ import annotations

from PySide6.QtWidgets import QComboBox, QGridLayout, QHBoxLayout, QLabel, QLineEdit, QPushButton, QVBoxLayout, QWidget

from app.gui.theme import Tokens
from app.gui.translation import tr, translated_error
from app.gui.widgets import Switch, make_label
from app.workstation import Workstation
from models.errors import UserFacingError
from models.hubs.hub import HUB_KEYS, HubKey

_FIELD_WIDTH = 300


class HubSettings(QWidget):
    """Every change takes effect at once, but a token is kept when its button is pressed."""

    def __init__(self, workstation: Workstation, tokens: Tokens, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._workstation = workstation
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(12)
        self._preferred = QComboBox(self)
        self._preferred.setMinimumWidth(180)
        for key in HUB_KEYS:
            self._preferred.addItem("", key)
        self._preferred.setCurrentIndex(max(0, self._preferred.findData(workstation.settings.get("hubs.preferred"))))
        self._preferred.activated.connect(
            lambda index: workstation.settings.set("hubs.preferred", self._preferred.itemData(index))
        )
        self._offline = Switch(tokens, self)
        self._offline.setChecked(bool(workstation.settings.get("hubs.offline")))
        self._offline.toggled.connect(lambda is_on: workstation.settings.set("hubs.offline", is_on))
        self._preferred_name, self._offline_name = QLabel(self), QLabel(self)
        for name, field in ((self._preferred_name, self._preferred), (self._offline_name, self._offline)):
            row = QHBoxLayout()
            row.addWidget(name)
            row.addStretch()
            row.addWidget(field)
            layout.addLayout(row)
        self._names: dict[HubKey, QLabel] = {}
        self._fields: dict[str, tuple[QLabel, QLineEdit]] = {}
        self._keep: dict[HubKey, QPushButton] = {}
        for hub in HUB_KEYS:
            layout.addLayout(self._make_hub(hub))
        self._said = make_label("", "faint", self)
        self._said.setWordWrap(True)
        layout.addWidget(self._said)
        self.retranslate()

    def _make_hub(self, key: HubKey) -> QGridLayout:
        grid = QGridLayout()
        grid.setVerticalSpacing(8)
        self._names[key] = make_label("", "strong", self)
        grid.addWidget(self._names[key], 0, 0, 1, 3)
        for row, kind in enumerate(("endpoint", "proxy", "token"), start=1):
            name, field = QLabel(self), QLineEdit(self)
            name.setBuddy(field)
            field.setMinimumWidth(_FIELD_WIDTH)
            self._fields[f"{key}.{kind}"] = (name, field)
            grid.addWidget(name, row, 0)
            grid.addWidget(field, row, 1)
            if kind != "token":
                field.setText(self._value(f"{key}.{kind}"))
                field.editingFinished.connect(lambda place=f"{key}.{kind}": self._change(place))
        token = self._fields[f"{key}.token"][1]
        token.setEchoMode(QLineEdit.EchoMode.Password)
        self._keep[key] = QPushButton(self)
        self._keep[key].clicked.connect(lambda _checked=False, hub=key: self._keep_token(hub))
        grid.addWidget(self._keep[key], 3, 2)
        grid.setColumnStretch(1, 1)
        return grid

    def _change(self, place: str) -> None:
        field = self._fields[place][1]
        text = field.text().strip()
        if place.endswith("proxy") and not text:
            text = "system"
        try:
            self._workstation.settings.set(f"hubs.{place}", text.rstrip("/") if place.endswith("endpoint") else text)
            self._said.setText("")
        except UserFacingError as error:
            self._said.setText(" ".join(translated_error(error)))
        field.setText(self._value(place))

    def _value(self, place: str) -> str:
        """What stands in a field; what is as usual stands there as nothing."""
        value = str(self._workstation.settings.get(f"hubs.{place}"))
        return "" if value == "system" else value

    def _keep_token(self, key: HubKey) -> None:
        field = self._fields[f"{key}.token"][1]
        try:
            file = self._workstation.tokens.keep(key, field.text())
        except UserFacingError as error:
            self._said.setText(" ".join(translated_error(error)))
            return
        if not field.text().strip():
            said = tr("The token is forgotten.")
        elif file is None:
            said = tr("The token is in the system's keyring.")
        else:
            said = tr("This system has no keyring: the token lies in {file}, which only you can read.").format(file=file)
        field.clear()
        self._said.setText(said)

    def retheme(self, tokens: Tokens) -> None:
        """Wear other colours."""
        self._offline.tokens = tokens
        self._offline.update()

    def retranslate(self) -> None:
        """Speak another language."""
        names: dict[HubKey, str] = {"huggingface": "Hugging Face", "modelscope": tr("ModelScope")}
        self._preferred_name.setText(tr("Ask first"))
        self._preferred.setAccessibleName(tr("Ask first"))
        self._offline_name.setText(tr("Work offline"))
        self._offline.setAccessibleName(tr("Work offline"))
        kinds = {"endpoint": tr("Mirror"), "proxy": tr("Proxy"), "token": tr("Token")}
        hints = {
            "endpoint": tr("the hub itself, or https://…"),
            "proxy": tr("as the system; or none, http://…, socks5://…"),
            "token": tr("never sent to a mirror"),
        }
        for index, key in enumerate(HUB_KEYS):
            self._preferred.setItemText(index, names[key])
            self._names[key].setText(names[key])
            self._keep[key].setText(tr("Keep"))
            for kind, word in kinds.items():
                label, field = self._fields[f"{key}.{kind}"]
                label.setText(word)
                field.setPlaceholderText(hints[kind])
                field.setAccessibleName(f"{names[key]}: {word}")
