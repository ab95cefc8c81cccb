"""The review page: one picture at a time, its words in every language, kept with one key."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

import gradio as gr
from markupsafe import Markup

from marsam.batch.rows import Row
from marsam.errors import MarsamError, PromptError
from marsam.options import MAX_TEXT_CHARACTERS
from marsam.review import render
from marsam.review.images import MissingImage, RowImages
from marsam.review.layout import Parts, lay_out
from marsam.review.strings import STRINGS
from marsam.review.table import Review, digest
from marsam.ui.error_messages import error_message
from marsam.ui.html import EMPTY, join
from marsam.ui.i18n import ARABIC, ENGLISH, Bilingual
from marsam.ui.updates import Update, merge

_SHOWS: dict[str, Callable[[Row], bool]] = {
    "draft": lambda row: not row.error and not row.reviewed,
    "remarks": lambda row: bool(row.warnings) and not row.error and not row.reviewed,
    "reviewed": lambda row: row.reviewed and not row.error,
    "error": lambda row: bool(row.error),
    "all": lambda _: True,
}


class Unsaved(NamedTuple):
    """Texts that were changed and left, and how the row was when they were written."""

    written: dict[str, str]
    seen: str


@dataclass
class Visit:
    """What one open page remembers.

    Attributes:
        done: paths of rows handled since the filter was chosen: one can go back to them.
        unsaved: what was written and not saved, by path.
    """

    done: set[str] = field(default_factory=set)
    unsaved: dict[str, Unsaved] = field(default_factory=dict)


def build(review: Review, images: RowImages) -> gr.Blocks:
    """Return the review page of a table."""
    with gr.Blocks(title="Marsam · مرسم", delete_cache=(3600, 86400)) as page:
        parts = lay_out(review.table.name, review.codes, Visit())
        _wire(page, parts, Reviewing(parts, review, images))
    return page


def _wire(page: gr.Blocks, parts: Parts, reviewing: "Reviewing") -> None:
    quick: dict[str, Any] = {
        "queue": False,
        "trigger_mode": "multiple",  # keys may be faster than answers
        "show_progress": "hidden",
        "api_visibility": "private",
    }
    everything = parts.everything
    # The page tells which row it shows: a key pressed twice can never save a text elsewhere.
    given = [parts.visit, parts.language, parts.filter, parts.shown, *parts.boxes.values()]
    page.load(
        reviewing.arrive,
        [parts.language],
        everything,
        js="() => window.marsam.load().slice(1)",
        **quick,
    ).then(None, js="() => window.marsam.ready()")
    parts.language.input(
        reviewing.speak,
        [parts.language, parts.shown],
        everything,
        js="(code, shown) => [window.marsam.setLanguage(code), shown]",
        **quick,
    )
    parts.filter.input(reviewing.choose, given, everything, **quick)
    parts.save.click(reviewing.save, given, everything, **quick)
    parts.reopen.click(reviewing.reopen, given, everything, **quick)
    parts.next.click(partial(reviewing.move, 1), given, everything, **quick)
    parts.previous.click(partial(reviewing.move, -1), given, everything, **quick)


class Reviewing:
    """What happens when the parts of the page are used, and what is seen then."""

    def __init__(self, parts: Parts, review: Review, images: RowImages) -> None:
        self.parts, self.review, self.images = parts, review, images

    # What people do.

    def arrive(self, speech: str) -> Update:
        """The page was opened: the first row that nobody has reviewed."""
        self.review.reload_if_changed()
        speech = ARABIC if speech == ARABIC else ENGLISH
        visit = Visit()
        number = self._seek(visit, "draft", -1, 1)
        chosen = "draft"
        if number is None:  # all is done: there is still something to look at
            chosen, number = "all", 0
        told = {self.parts.language: speech, self.parts.filter: gr.update(value=chosen)}
        return merge(self.parts.labels(speech), told, self._look(visit, speech, chosen, number))

    def speak(self, speech: str, shown: str) -> Update:
        """Everything in the other language; what people wrote stays."""
        labels = self.parts.labels(speech)
        number, _ = self._place(shown)
        if number is not None:
            labels[self.parts.picture] = self._picture(self.review.rows[number], speech, None)
        return labels

    def choose(self, visit: Visit, speech: str, chosen: str, shown: str, *texts: str) -> Update:
        """Another filter: the row stays if it fits, else the next that does."""
        number = self._left(visit, shown, texts)
        visit.done.clear()
        if number is None or not _SHOWS[chosen](self.review.rows[number]):
            after = self._seek(visit, chosen, -1 if number is None else number, 1)
            number = self._seek(visit, chosen, -1, 1) if after is None else after
        return self._look(visit, speech, chosen, number)

    def move(
        self, step: int, visit: Visit, speech: str, chosen: str, shown: str, *texts: str
    ) -> Update:
        """The next row, or the one before; nothing is saved, and nothing written is lost."""
        number = self._left(visit, shown, texts)
        start = number
        if start is None:
            start = -1 if step > 0 else len(self.review.rows)
        found = self._seek(visit, chosen, start, step)
        if found is None:
            end = EMPTY if number is None else STRINGS.html("last" if step > 0 else "first")
            return self._look(visit, speech, chosen, number, end)
        return self._look(visit, speech, chosen, found)

    def save(self, visit: Visit, speech: str, chosen: str, shown: str, *texts: str) -> Update:
        """Keep the texts as reviewed, and go on."""
        number, seen = self._place(shown)
        if number is None:
            return self._look(visit, speech, chosen, None)
        written = dict(zip(self.parts.boxes, texts, strict=True))
        path = self.review.rows[number].path
        visit.unsaved[path] = Unsaved(written, seen)
        try:
            kept = self.review.save(number, written, seen)
        except PromptError:
            why = (
                STRINGS.html("too_long", MAX_TEXT_CHARACTERS)
                if any(map(str.strip, texts))
                else STRINGS.html("empty")
            )
            return self._look(visit, speech, chosen, number, why)
        except MarsamError as error:
            return self._look(visit, speech, chosen, number, _not_saved(error))
        if not kept:  # saved again, it is: now the other words have been seen
            visit.unsaved[path] = Unsaved(written, digest(self.review.rows[number]))
            return self._look(visit, speech, chosen, number, elsewhere=True)
        visit.unsaved.pop(path, None)
        visit.done.add(path)
        found = self._seek(visit, chosen, number, 1)
        if found is None:  # those that were left out before
            found = self._seek(Visit(), chosen, -1, 1) if chosen in ("draft", "remarks") else number
        ended = STRINGS.html("last") if found == number else EMPTY
        return self._look(visit, speech, chosen, found, self._saved(), ended)

    def reopen(self, visit: Visit, speech: str, chosen: str, shown: str, *texts: str) -> Update:
        """Make the row a draft again."""
        number, seen = self._place(shown)
        if number is None:
            return self._look(visit, speech, chosen, None)
        self._left(visit, shown, texts)
        path = self.review.rows[number].path
        try:
            kept = self.review.reopen(number, seen)
        except MarsamError as error:
            return self._look(visit, speech, chosen, number, _not_saved(error))
        visit.done.add(path)
        if kept and path in visit.unsaved:
            now = digest(self.review.rows[number])
            visit.unsaved[path] = visit.unsaved[path]._replace(seen=now)
        return self._look(
            visit, speech, chosen, number, STRINGS.html("reopened") if kept else EMPTY
        )

    # What they see.

    def _look(
        self,
        visit: Visit,
        speech: str,
        chosen: str,
        number: int | None,
        *said: Markup,
        elsewhere: bool = False,
    ) -> Update:
        """Everything about a row; or that there is none to show."""
        rows = self.review.rows
        done = sum(1 for row in rows if row.reviewed and not row.error)
        update: Update = {self.parts.visit: visit, self.parts.count: render.count(done, len(rows))}
        if number is None:
            nothing = Markup('<p class="nothing">{}</p>').format(STRINGS.html(f"none_{chosen}"))
            hidden = gr.update(visible=False)
            gone = [*self.parts.boxes.values(), self.parts.save, self.parts.reopen]
            return update | {
                self.parts.shown: "",
                self.parts.picture: nothing,
                self.parts.remarks: hidden,
                **dict.fromkeys(gone, hidden),
                self.parts.status: join(said, " "),
            }
        row = rows[number]
        texts = {code: row.texts.get(code, "") for code in self.parts.boxes}
        unsaved = visit.unsaved.get(row.path)
        notes = render.remarks(
            row, unsaved=unsaved is not None, elsewhere=texts if elsewhere else None
        )
        written, seen = unsaved or (texts, digest(row))
        can = bool(row.sha256)
        return update | {
            self.parts.shown: json.dumps([number, row.path, seen]),
            self.parts.picture: self._picture(row, speech, self._seek(visit, chosen, number, 1)),
            self.parts.remarks: gr.update(value=notes, visible=bool(notes)),
            **{
                box: gr.update(value=written[code], visible=can)
                for code, box in self.parts.boxes.items()
            },
            self.parts.save: gr.update(visible=can),
            self.parts.reopen: gr.update(visible=row.reviewed),
            self.parts.status: join([*said, STRINGS.html("place", number + 1, len(rows))], " "),
        }

    def _picture(self, row: Row, speech: str, following: int | None) -> Markup:
        found, after = self.images.find(row), ""
        if following is not None:
            ahead = self.review.rows[following]
            after = "" if isinstance(self.images.find(ahead), MissingImage) else ahead.sha256
        return render.picture(
            row, found if isinstance(found, MissingImage) else None, speech, after
        )

    def _saved(self) -> Markup:
        if self.review.write_error:
            reason = Bilingual(self.review.write_error, STRINGS["why_not_written"].ar)
            return STRINGS.html("saved_beside", self.review.corrections_file.name, reason)
        return STRINGS.html("saved")

    # Where they are.

    def _place(self, shown: str) -> tuple[int | None, str]:
        """The row a page shows, and how it was when it came there."""
        self.review.reload_if_changed()
        try:
            near, path, seen = json.loads(shown)
            return self.review.index_of(str(path), int(near)), str(seen)
        except (TypeError, ValueError):
            return None, ""

    def _left(self, visit: Visit, shown: str, texts: Iterable[str]) -> int | None:
        """The row that is left; what was changed and not saved is there when one comes back."""
        number, seen = self._place(shown)
        if number is not None:
            row, written = self.review.rows[number], dict(zip(self.parts.boxes, texts, strict=True))
            if any((text or "") != row.texts.get(code, "") for code, text in written.items()):
                visit.unsaved[row.path] = Unsaved(written, seen)
            else:
                visit.unsaved.pop(row.path, None)
        return number

    def _seek(self, visit: Visit, chosen: str, number: int, step: int) -> int | None:
        """The next row in a direction that the filter shows, or that was touched under it."""
        rows, touched = self.review.rows, visit.done | visit.unsaved.keys()
        for one in range(number + step, len(rows) if step > 0 else -1, step):
            if _SHOWS[chosen](rows[one]) or rows[one].path in touched:
                return one
        return None


def _not_saved(error: MarsamError) -> Markup:
    return STRINGS.html("not_saved", Bilingual(str(error), error_message(error).ar))
