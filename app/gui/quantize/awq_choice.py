"""What is to be chosen of an AWQ folder: how many weights share a scale, for whom it is laid out, and which text calibrates."""

from __future__ import annotations

from PySide6.QtWidgets import QComboBox, QFileDialog, QFormLayout, QSizePolicy, QWidget

from app.gui.translation import tr
from app.gui.widgets import make_label
from quantize.awq.recipe import GROUP_SIZES, LAYOUTS, AwqRecipe
from quantize.order import BUILTIN, CONVERSATIONS

_TEXTS = (BUILTIN, CONVERSATIONS, "file")


class AwqChoice(QWidget):
    """A form of three rows."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._file = ""
        self._labels = [make_label("", "soft", self) for _ in range(3)]
        self.group = QComboBox(self)
        self.layout_choice = QComboBox(self)
        self.text = QComboBox(self)
        self.text.activated.connect(self._text_chosen)
        form = QFormLayout(self)
        form.setContentsMargins(0, 0, 0, 0)
        form.setVerticalSpacing(6)
        for label, box in zip(self._labels, (self.group, self.layout_choice, self.text), strict=True):
            box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
            box.setMinimumContentsLength(14)
            box.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
            form.addRow(label, box)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
        self.retranslate()

    def recipe(self) -> AwqRecipe:
        """As it is chosen."""
        size = sorted(GROUP_SIZES, reverse=True)[max(0, self.group.currentIndex())]
        return AwqRecipe(group_size=size, layout=LAYOUTS[max(0, self.layout_choice.currentIndex())])

    def calibration(self) -> str:
        """The text that calibrates, as an order names it."""
        kind = _TEXTS[max(0, self.text.currentIndex())]
        return self._file if kind == "file" else kind

    def _text_chosen(self, index: int) -> None:
        if _TEXTS[index] == "file":
            self._file, _ = QFileDialog.getOpenFileName(self, tr("Choose a text"), "", tr("Texts (*.txt *.md);;All files (*)"))
            if not self._file:
                self.text.setCurrentIndex(0)

    def retranslate(self) -> None:
        """Speak another language."""
        words = (tr("Group size"), tr("Layout"), tr("Calibrated on"))
        choices = (
            tuple(str(size) for size in sorted(GROUP_SIZES, reverse=True)),
            (tr("AutoAWQ, for most programs"), tr("compressed-tensors, for vLLM")),
            (tr("The built-in text"), tr("My conversations"), tr("A file…")),
        )
        boxes = (self.group, self.layout_choice, self.text)
        for label, box, said, names in zip(self._labels, boxes, words, choices, strict=True):
            label.setText(said)
            box.setAccessibleName(said)
            index = max(0, box.currentIndex())
            box.clear()
            box.addItems(list(names))
            box.setCurrentIndex(index)
        self.group.setToolTip(tr("So many weights share a scale. Smaller groups lose less and take a little more."))
