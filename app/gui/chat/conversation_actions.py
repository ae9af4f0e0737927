"""What can be done with conversations from menus: rename, pin, move, archive, export, delete with undo."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QLocale, QObject
from PySide6.QtWidgets import QFileDialog, QInputDialog

from app.gui.settings.transfer import make_labels, safe_file_name
from app.gui.translation import tr
from app.text.export import EXPORT_FORMATS, ExportFormat
from app.workstation import Workstation
from models.errors import UserFacingError

if TYPE_CHECKING:
    from app.gui.chat.page import ChatPage


class ConversationActions(QObject):
    """Runs an action by name on a conversation."""

    def __init__(self, workstation: Workstation, page: ChatPage) -> None:
        super().__init__(page)
        self._workstation = workstation
        self._page = page

    def run(self, action: str, conversation_id: str) -> None:
        """Do one action; user errors become a notice."""
        try:
            self._run(action, conversation_id)
        except UserFacingError as error:
            self._page.tell(error)

    def _run(self, action: str, conversation_id: str) -> None:
        conversations = self._workstation.conversations
        conversation = conversations.get(conversation_id)
        if action == "rename":
            self._page.sidebar.list.rename(conversation_id)
        elif action == "pin":
            conversations.set_pinned(conversation_id, not conversation.pinned)
        elif action == "archive":
            conversations.set_archived(conversation_id, not conversation.archived)
            said = tr("Taken out of the archive") if conversation.archived else tr("Archived")
            self._page.notice.say(said, tr("Undo"), lambda: conversations.set_archived(conversation_id, conversation.archived))
        elif action == "new_folder":
            name, is_given = QInputDialog.getText(self._page, tr("New folder"), tr("Name"))
            if is_given and name.strip():
                conversations.set_folder(conversation_id, name.strip())
        elif action.startswith("folder:"):
            conversations.set_folder(conversation_id, action.partition(":")[2])
        elif action.startswith("export:"):
            for kind in EXPORT_FORMATS:
                if action == f"export:{kind}":
                    self.export(conversation_id, kind)
        elif action == "delete":
            self._workstation.chat.stop(conversation_id)
            conversations.delete(conversation_id)
            title = conversation.title or tr("New chat")
            self._page.notice.say(
                tr("“{title}” is in the trash").format(title=title), tr("Undo"), lambda: self._undelete(conversation_id)
            )

    def _undelete(self, conversation_id: str) -> None:
        self._workstation.conversations.restore(conversation_id)
        self._page.open_conversation(conversation_id)

    def export(self, conversation_id: str, kind: ExportFormat) -> None:
        """Write one conversation to a file that the person names."""
        title = self._workstation.conversations.get(conversation_id).title or tr("conversation")
        path, _ = QFileDialog.getSaveFileName(self._page, tr("Export"), f"{safe_file_name(title)}.{kind}")
        if path:
            labels = make_labels(QLocale().name())
            self._workstation.portability.export_to(Path(path), kind, [conversation_id], labels)
            self._page.notice.say(tr("Exported to {file}").format(file=path))

    def show_snapshots(self) -> None:
        """The list of database snapshots, to restore one."""
        from app.gui.settings.snapshots_dialog import SnapshotsDialog

        SnapshotsDialog(self._workstation, self._page).exec()
