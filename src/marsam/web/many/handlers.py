"""The tab for many pictures: what the page may ask for."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr
from markupsafe import Markup

from marsam.batch import row_html
from marsam.batch.review import Review
from marsam.errors import DocumentError, MarsamError
from marsam.ui.html import EMPTY
from marsam.ui.i18n import both
from marsam.web.many import render
from marsam.web.many.documents import is_document
from marsam.web.many.files import write_file
from marsam.web.many.lists import Lists
from marsam.web.many.picture_list import CODES, PictureList, key_of
from marsam.web.many.strings import STRINGS
from marsam.web.many.work import Describer
from marsam.web.session import Session, Sessions, uploaded_path
from marsam.web.view import UNQUEUED, View


@dataclass(frozen=True)
class Request:
    """What the page sends: what to do, and what it knows already.

    Attributes:
        do: name of a method of :class:`ManyHandlers`, without the underscore.
        list_id: ID of the list that the page shows; empty for none.
        since: version of the list that it shows.
        values: of the rest, none of which is certain.
        session: of the page.
    """

    do: str
    list_id: str
    since: int
    values: dict[str, Any]
    session: Session

    def text(self, name: str) -> str:
        """A value as text."""
        return str(self.values.get(name) or "")


class ManyHandlers:
    """Keeps a visitor's list; the page asks, and gets the rows that have changed."""

    def __init__(self, view: View, sessions: Sessions) -> None:
        self.component, self.sessions = view.components.many, sessions
        self.lists = Lists(view.journal.folder)
        self.describer = Describer(view.scheduler)
        self._actions = {
            "add": self._add,
            "save": self._save,
            "decorative": self._decorate,
            "remove": self._remove,
            "remove_document": self._remove_document,
            "stop": self._stop,
            "resume": self._resume,
            "delete": self._delete,
            "download": self._download,
        }

    def connect(self) -> None:
        """Attach the handler to its event."""
        self.component.act(self.act, None, [self.component], trigger_mode="multiple", **UNQUEUED)

    def act(self, event: gr.EventData, request: gr.Request) -> Any:
        """Do what the page asks for, and answer with what is new in the list."""
        values, session = dict(event._data or {}), self.sessions.of(request)
        session.recognise(values.get("client"))  # this server may have been started since
        asked = Request(
            do=str(values.get("do")),
            list_id=str(values.get("list") or ""),
            since=values["since"] if type(values.get("since")) is int else 0,
            values=values,
            session=session,
        )
        reply: dict[str, Any] = {"id": values.get("id")}
        try:
            action = self._actions.get(asked.do)
            reply |= action(asked) if action else {}
            reply |= self._state(asked, self.lists.find(session.client), reply)
        except MarsamError as error:
            reply |= {"message": both(error), "failed": True}
        return json.dumps(reply)

    def _state(
        self, asked: Request, one: PictureList | None, reply: dict[str, Any]
    ) -> dict[str, Any]:
        if one is None:
            return {
                "list": "",
                "version": 0,
                "rows": [],
                "keys": [],
                "working": False,
                "documents": 0,
            }
        version, changed, keys = one.changes(asked.since if asked.list_id == one.id else 0)
        messages = reply.pop("messages", {})
        stopping = self.describer.is_stopping(one)
        return {
            "list": one.id,
            "version": version,
            "rows": [
                (
                    key := key_of(row.path),
                    render.row(key, row, one.image(row), *messages.get(key, ())),
                )
                for row in changed
            ],
            "keys": keys,
            "working": one.working or stopping,
            "documents": len(one.documents),
            "says": render.says(one, stopping=stopping),
            "panel": render.panel(one, stopping=stopping),
        }

    def _add(self, asked: Request) -> dict[str, Any]:
        """Add an uploaded picture or document, and begin to describe."""
        session = asked.session
        path = uploaded_path({"path": asked.text("path")}, self.component)
        if path is None or not path.is_file():  # it was sent long ago
            return {"lost": True}
        one = self.lists.find_or_create(session.client, session.whose_turn)
        if is_document(asked.text("name")):
            return self._add_document(one, path, asked)
        added = one.add(path, asked.text("name"))
        self.describer.start(one)
        return {} if added else {"known": True}

    def _add_document(self, one: PictureList, path: Path, asked: Request) -> dict[str, Any]:
        try:
            with self.describer.turn(one):
                found = one.add_document(path, asked.text("name"))
        except DocumentError as error:
            return {"refused": both(error)}
        self.describer.start(one)
        if found is None:
            return {"known": True}
        notes = render.notes(found)
        return {"notes": notes, "complete": not (found.images or notes)}

    def _save(self, asked: Request) -> dict[str, Any]:
        """Save the texts of a row, as reviewed or not yet."""
        sent, reviewed = asked.values.get("texts"), asked.values.get("reviewed") is True
        texts = (
            {code: str(sent.get(code) or "") for code in CODES} if isinstance(sent, dict) else {}
        )

        def save(review: Review, index: int) -> bool:
            return review.save(index, texts, asked.text("digest"), reviewed=reviewed)

        return self._change(asked, save, texts.values())

    def _decorate(self, asked: Request) -> dict[str, Any]:
        """Mark a picture as decorative, or give it back its texts."""
        decorative = asked.values.get("decorative") is True

        def mark(review: Review, index: int) -> bool:
            return review.mark_decorative(index, asked.text("digest"), decorative=decorative)

        return self._change(asked, mark)

    def _change(
        self, asked: Request, change: Callable[[Review, int], bool], texts: Iterable[str] = ()
    ) -> dict[str, Any]:
        """Change a row; ``texts`` are those that are to be saved."""
        one, key = self.lists.find(asked.session.client), asked.text("row")
        index = one.index_of(key) if one is not None and one.id == asked.list_id else None
        if one is None or index is None:
            return {"message": STRINGS.html("gone"), "failed": True}
        path, message, saved = one.review.rows[index].path, EMPTY, False
        try:
            saved = change(one.review, index)
        except MarsamError as error:
            message = row_html.not_saved(error, texts)
        if one.review.write_error and saved:
            message = row_html.saved(one.review)
        one.touch(path)
        conflict = not saved and not message
        note = Markup('<p class="notice">{}</p>').format(message) if message else EMPTY
        return {"saved": saved, "messages": {key: (note, conflict)}}

    def _remove(self, asked: Request) -> dict[str, Any]:
        """Remove a picture from the list."""
        one = self.lists.find(asked.session.client)
        name = one.remove(asked.text("row")) if one and one.id == asked.list_id else None
        key = "gone" if name is None else "removed"
        return {"message": STRINGS.html(key, *filter(None, (name,)))}

    def _remove_document(self, asked: Request) -> dict[str, Any]:
        """Remove a document from the list; its pictures stay."""
        one = self.lists.find(asked.session.client)
        name = one.remove_document(asked.text("row")) if one and one.id == asked.list_id else None
        key = "gone" if name is None else "removed_document"
        return {"message": STRINGS.html(key, *filter(None, (name,)))}

    def _stop(self, asked: Request) -> dict[str, Any]:
        if (one := self.lists.find(asked.session.client)) is not None:
            self.describer.stop(one)
        return {}

    def _resume(self, asked: Request) -> dict[str, Any]:
        if (one := self.lists.find(asked.session.client)) is not None:
            self.describer.start(one)
        return {}

    def _delete(self, asked: Request) -> dict[str, Any]:
        one = self.lists.find(asked.session.client)
        if one is not None and one.id == asked.list_id:
            self.describer.stop(one)
            self.lists.delete(asked.session.client)
        return {"message": STRINGS.html("deleted")}

    def _download(self, asked: Request) -> dict[str, Any]:
        if (one := self.lists.find(asked.session.client)) is None:
            return {}
        path = write_file(one, asked.text("kind"), one.changes(0).version)
        return {"file": str(path), "name": path.name} if path else {}
