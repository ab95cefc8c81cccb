"""The review page: one image at a time, with its texts in every language."""

import json
from collections.abc import Iterable
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
from marsam.review.layout import FILTERS, Components, create_components
from marsam.review.strings import STRINGS
from marsam.review.table import Review, digest
from marsam.ui.error_messages import error_message
from marsam.ui.html import EMPTY, join
from marsam.ui.i18n import ARABIC, ENGLISH, Bilingual
from marsam.ui.updates import Update, merge


class UnsavedTexts(NamedTuple):
    """Texts that were edited but not saved, and the digest of the row that was edited."""

    texts: dict[str, str]
    digest: str


@dataclass
class Session:
    """The state of one open page.

    Attributes:
        done: paths of rows that were saved or reopened since the filter was chosen; they stay
            reachable, although the filter no longer shows them.
        unsaved: unsaved texts, by the path of their row.
    """

    done: set[str] = field(default_factory=set)
    unsaved: dict[str, UnsavedTexts] = field(default_factory=dict)


def build(review: Review, images: RowImages) -> gr.Blocks:
    """Return the review page of a table."""
    with gr.Blocks(title="Marsam · مرسم", delete_cache=(3600, 86400)) as page:
        components = create_components(review.table.name, review.codes, Session())
        _wire(page, components, ReviewHandlers(components, review, images))
    return page


def _wire(page: gr.Blocks, components: Components, handlers: "ReviewHandlers") -> None:
    options: dict[str, Any] = {
        "queue": False,
        "trigger_mode": "multiple",  # a key may be pressed again before the response
        "show_progress": "hidden",
        "api_visibility": "private",
    }
    outputs = components.all
    # Every request names its row: a key pressed twice cannot save a text to another row.
    inputs = [
        components.session,
        components.language,
        components.filter,
        components.current_row,
        *components.texts.values(),
    ]
    page.load(
        handlers.load,
        [components.language],
        outputs,
        js="() => window.marsam.load().slice(1)",
        **options,
    ).then(None, js="() => window.marsam.ready()")
    components.language.input(
        handlers.set_language,
        [components.language, components.current_row],
        outputs,
        js="(code, row) => [window.marsam.setLanguage(code), row]",
        **options,
    )
    components.filter.input(handlers.set_filter, inputs, outputs, **options)
    components.save.click(handlers.save, inputs, outputs, **options)
    components.reopen.click(handlers.reopen, inputs, outputs, **options)
    components.next.click(partial(handlers.move, 1), inputs, outputs, **options)
    components.previous.click(partial(handlers.move, -1), inputs, outputs, **options)


class ReviewHandlers:
    """Event handlers of the review page.

    Most take the state of the page: its session, its language, the name of the filter, the current
    row as JSON (see :class:`marsam.review.layout.Components`), and the edited texts.
    """

    def __init__(self, components: Components, review: Review, images: RowImages) -> None:
        self.components, self.review, self.images = components, review, images

    def load(self, language: str) -> Update:
        """Show the first draft on a newly opened page; the first row if there is no draft."""
        self.review.reload_if_changed()
        language = ARABIC if language == ARABIC else ENGLISH
        session = Session()
        index, filter_name = self._find(session, "draft", -1, 1), "draft"
        if index is None:
            index, filter_name = 0, "all"
        return merge(
            self.components.labels(language),
            {
                self.components.language: language,
                self.components.filter: gr.update(value=filter_name),
            },
            self._show(session, language, filter_name, index),
        )

    def set_language(self, language: str, current_row: str) -> Update:
        """Show the page in the other language; edited texts do not change."""
        update = self.components.labels(language)
        index, _ = self._locate(current_row)
        if index is not None:
            row = self.review.rows[index]
            update[self.components.image] = self._image(row, language, None)
        return update

    def set_filter(
        self, session: Session, language: str, filter_name: str, current_row: str, *texts: str
    ) -> Update:
        """Keep the row if the new filter shows it; otherwise show the next row of the filter."""
        index = self._keep_edits(session, current_row, texts)
        session.done.clear()
        if index is None or not FILTERS[filter_name](self.review.rows[index]):
            following = self._find(session, filter_name, -1 if index is None else index, 1)
            index = self._find(session, filter_name, -1, 1) if following is None else following
        return self._show(session, language, filter_name, index)

    def move(
        self,
        step: int,
        session: Session,
        language: str,
        filter_name: str,
        current_row: str,
        *texts: str,
    ) -> Update:
        """Show the next or previous row; edits are not saved, but kept in the session."""
        index = self._keep_edits(session, current_row, texts)
        start = index
        if start is None:
            start = -1 if step > 0 else len(self.review.rows)
        target = self._find(session, filter_name, start, step)
        if target is None:
            end = EMPTY if index is None else STRINGS.html("last" if step > 0 else "first")
            return self._show(session, language, filter_name, index, end)
        return self._show(session, language, filter_name, target)

    def save(
        self, session: Session, language: str, filter_name: str, current_row: str, *texts: str
    ) -> Update:
        """Save the texts as reviewed, and show the next row."""
        show = partial(self._show, session, language, filter_name)
        index, expected = self._locate(current_row)
        if index is None:
            return show(None)
        edited = dict(zip(self.components.texts, texts, strict=True))
        path = self.review.rows[index].path
        session.unsaved[path] = UnsavedTexts(edited, expected)
        try:
            saved = self.review.save(index, edited, expected)
        except PromptError:
            too_long = any(map(str.strip, texts))
            return show(
                index,
                STRINGS.html("too_long", MAX_TEXT_CHARACTERS)
                if too_long
                else STRINGS.html("empty"),
            )
        except MarsamError as error:
            return show(index, _not_saved(error))
        if not saved:  # shown now, so that saving again replaces it
            session.unsaved[path] = UnsavedTexts(edited, digest(self.review.rows[index]))
            return show(index, conflict=True)
        session.unsaved.pop(path, None)
        session.done.add(path)
        following = self._find(session, filter_name, index, 1)
        if following is None:  # start again with the rows that were skipped
            unreviewed = filter_name in ("draft", "remarks")
            following = self._find(Session(), filter_name, -1, 1) if unreviewed else index
        end = STRINGS.html("last") if following == index else EMPTY
        return show(following, self._saved_message(), end)

    def reopen(
        self, session: Session, language: str, filter_name: str, current_row: str, *texts: str
    ) -> Update:
        """Make the row a draft again."""
        show = partial(self._show, session, language, filter_name)
        index, expected = self._locate(current_row)
        if index is None:
            return show(None)
        self._keep_edits(session, current_row, texts)
        path = self.review.rows[index].path
        try:
            reopened = self.review.reopen(index, expected)
        except MarsamError as error:
            return show(index, _not_saved(error))
        session.done.add(path)
        if reopened and path in session.unsaved:
            current = digest(self.review.rows[index])
            session.unsaved[path] = session.unsaved[path]._replace(digest=current)
        return show(index, STRINGS.html("reopened") if reopened else EMPTY)

    def _show(
        self,
        session: Session,
        language: str,
        filter_name: str,
        index: int | None,
        *messages: Markup,
        conflict: bool = False,
    ) -> Update:
        """Show a row, or that the filter has none.

        Args:
            session: of the page.
            language: of the page.
            filter_name: of the page.
            index: of the row; None for no row.
            messages: shown in the status line.
            conflict: also show the row's current texts, which differ from the edited ones.
        """
        components, rows = self.components, self.review.rows
        done = sum(1 for row in rows if row.reviewed and not row.error)
        update: Update = {
            components.session: session,
            components.count: render.count(done, len(rows)),
        }
        if index is None:
            nothing = Markup('<p class="nothing">{}</p>').format(
                STRINGS.html(f"none_{filter_name}")
            )
            hidden = gr.update(visible=False)
            return update | {
                components.current_row: "",
                components.image: nothing,
                components.remarks: hidden,
                components.save: hidden,
                components.reopen: hidden,
                **dict.fromkeys(components.texts.values(), hidden),
                components.status: join(messages, " "),
            }
        row = rows[index]
        current = {code: row.texts.get(code, "") for code in components.texts}
        unsaved = session.unsaved.get(row.path)
        remarks = render.remarks(
            row, unsaved=unsaved is not None, elsewhere=current if conflict else None
        )
        texts, expected = unsaved or (current, digest(row))
        editable = bool(row.sha256)
        following = self._find(session, filter_name, index, 1)
        return update | {
            components.current_row: json.dumps([index, row.path, expected]),
            components.image: self._image(row, language, following),
            components.remarks: gr.update(value=remarks, visible=bool(remarks)),
            **{
                box: gr.update(value=texts[code], visible=editable)
                for code, box in components.texts.items()
            },
            components.save: gr.update(visible=editable),
            components.reopen: gr.update(visible=row.reviewed),
            components.status: join([*messages, STRINGS.html("place", index + 1, len(rows))], " "),
        }

    def _image(self, row: Row, language: str, following: int | None) -> Markup:
        """Return the HTML of the row's image, which also prefetches that of the next row."""
        prefetch = ""
        if following is not None:
            next_row = self.review.rows[following]
            if not isinstance(self.images.find(next_row), MissingImage):
                prefetch = next_row.sha256
        path = self.images.find(row)
        missing = path if isinstance(path, MissingImage) else None
        return render.picture(row, missing, language, prefetch)

    def _saved_message(self) -> Markup:
        if self.review.write_error:
            reason = Bilingual(self.review.write_error, STRINGS["why_not_written"].ar)
            return STRINGS.html("saved_beside", self.review.corrections_file.name, reason)
        return STRINGS.html("saved")

    def _locate(self, current_row: str) -> tuple[int | None, str]:
        """Return the index of the page's row, and its digest when the page received it."""
        self.review.reload_if_changed()
        try:
            last_index, path, expected = json.loads(current_row)
            return self.review.index_of(str(path), int(last_index)), str(expected)
        except (TypeError, ValueError):
            return None, ""

    def _keep_edits(self, session: Session, current_row: str, texts: Iterable[str]) -> int | None:
        """Store unsaved edits in the session before another row is shown; return the index."""
        index, expected = self._locate(current_row)
        if index is not None:
            row = self.review.rows[index]
            edited = dict(zip(self.components.texts, texts, strict=True))
            if any((text or "") != row.texts.get(code, "") for code, text in edited.items()):
                session.unsaved[row.path] = UnsavedTexts(edited, expected)
            else:
                session.unsaved.pop(row.path, None)
        return index

    def _find(self, session: Session, filter_name: str, start: int, step: int) -> int | None:
        """Return the next index after ``start`` that the filter shows, or whose row was edited."""
        rows, reachable = self.review.rows, session.done | session.unsaved.keys()
        for index in range(start + step, len(rows) if step > 0 else -1, step):
            if FILTERS[filter_name](rows[index]) or rows[index].path in reachable:
                return index
        return None


def _not_saved(error: MarsamError) -> Markup:
    return STRINGS.html("not_saved", Bilingual(str(error), error_message(error).ar))
