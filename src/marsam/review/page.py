"""The review page: one image at a time, with its texts in every language."""

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, NamedTuple

import gradio as gr
from markupsafe import Markup

from marsam.batch import row_html
from marsam.batch.images import MissingImage, RowImages
from marsam.batch.review import Review, digest
from marsam.batch.rows import DRAFT, Row
from marsam.errors import MarsamError
from marsam.review import render
from marsam.review.layout import FILTERS, Components
from marsam.review.strings import STRINGS
from marsam.text import languages
from marsam.ui.blocks import Blocks
from marsam.ui.html import EMPTY, join, paragraph
from marsam.ui.i18n import ARABIC, ENGLISH
from marsam.ui.native import native_caption
from marsam.ui.updates import Update, merge


class UnsavedTexts(NamedTuple):
    """Texts that were edited but not saved, and the digest of the row that was edited."""

    texts: Mapping[str, str]
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


@dataclass(frozen=True)
class PageState:
    """What the browser sends with each request.

    Attributes:
        session: the state of the page on the server.
        language: of the page.
        filter: name of the filter.
        row: the row that the page shows, see :class:`marsam.review.layout.Components`.
        texts: contents of the text boxes, by NLLB code.
    """

    session: Session
    language: str
    filter: str
    row: str = ""
    texts: Mapping[str, str] = field(default_factory=dict)


def build(review: Review, images: RowImages, *, own_words: bool = False) -> Blocks:
    """Return the review page of a table.

    With ``own_words`` the text boxes of drafts are empty, and the drafts stand beside them: who
    begins with a model's text writes a worse one (doi 10.1145/3441852.3471207).
    """
    page = Blocks(title="Marsam · مرسم", delete_cache=(3600, 86400))
    with page:
        components = Components(review.table.name, review.codes, Session())
        ReviewHandlers(components, review, images, own_words=own_words).connect(page)
    return page


class ReviewHandlers:
    """Event handlers of the review page; each returns updates of its components."""

    def __init__(
        self, components: Components, review: Review, images: RowImages, *, own_words: bool = False
    ) -> None:
        self.components, self.review, self.images = components, review, images
        self.own_words = own_words

    def connect(self, page: gr.Blocks) -> None:
        """Attach the handlers to their events."""
        options: dict[str, Any] = {
            "outputs": self.components.all,
            "queue": False,
            "trigger_mode": "multiple",  # a key may be pressed again before the response
            "show_progress": "hidden",
            "api_visibility": "private",
        }
        parts, language = self.components, self.components.language
        load, ready = "() => window.marsam.load().slice(1, 2)", "() => window.marsam.ready()"
        page.load(self.load, [language], js=load, **options).then(None, js=ready)
        set_language = "(code, row) => [window.marsam.setLanguage(code), row]"
        language.input(self.set_language, [language, parts.current_row], js=set_language, **options)
        # Every request names its row: a key pressed twice cannot save a text to another row.
        inputs = [parts.session, language, parts.filter, parts.current_row, *parts.texts.values()]

        def connect(event: Callable[..., Any], handler: Callable[[PageState], Update]) -> None:
            def run(session: Session, language: str, name: str, row: str, *values: str) -> Update:
                texts = dict(zip(parts.texts, values, strict=True))
                return handler(PageState(session, language, name, row, texts))

            event(run, inputs, **options)

        connect(parts.filter.input, self.set_filter)
        connect(parts.save.click, self.save)
        connect(parts.decorative.click, self.mark_decorative)
        connect(parts.reopen.click, self.reopen)
        connect(parts.use_native.click, self.use_native)
        connect(parts.next.click, partial(self.move, 1))
        connect(parts.previous.click, partial(self.move, -1))

    def load(self, language: str) -> Update:
        """Show the first draft on a newly opened page; the first row if there is no draft."""
        self.review.reload_if_changed()
        page = PageState(Session(), ARABIC if language == ARABIC else ENGLISH, "draft")
        index = self._find(page, -1, 1)
        if index is None:
            page, index = replace(page, filter="all"), 0
        controls = {
            self.components.language: page.language,
            self.components.filter: gr.update(value=page.filter),
        }
        return merge(self.components.labels(page.language), controls, self._show(page, index))

    def set_language(self, language: str, row: str) -> Update:
        """Show the page in the other language; edited texts do not change."""
        update = self.components.labels(language)
        index, _ = self._locate(row)
        if index is not None:
            update[self.components.image] = self._image(self.review.rows[index], language, None)
        return update

    def set_filter(self, page: PageState) -> Update:
        """Keep the row if the new filter shows it; otherwise show the next row of the filter."""
        index = self._keep_edits(page)
        page.session.done.clear()
        if index is None or not FILTERS[page.filter](self.review.rows[index]):
            following = self._find(page, -1 if index is None else index, 1)
            index = self._find(page, -1, 1) if following is None else following
        return self._show(page, index)

    def move(self, step: int, page: PageState) -> Update:
        """Show the next or previous row; edits are saved, but not as reviewed."""
        index = start = self._keep_edits(page)
        if start is None:
            start = -1 if step > 0 else len(self.review.rows)
        target = self._find(page, start, step)
        if target is None:
            end = EMPTY if index is None else STRINGS.html("last" if step > 0 else "first")
            return self._show(page, index, end)
        return self._show(page, target)

    def save(self, page: PageState) -> Update:
        """Save the texts as reviewed, and show the next row."""
        index, expected = self._locate(page.row)
        if index is None:
            return self._show(page, None)
        session, path = page.session, self.review.rows[index].path
        session.unsaved[path] = UnsavedTexts(page.texts, expected)
        try:
            saved = self.review.save(index, page.texts, expected)
        except MarsamError as error:
            return self._show(page, index, row_html.not_saved(error, page.texts.values()))
        if not saved:  # the current texts are shown now, so that saving again replaces them
            session.unsaved[path] = UnsavedTexts(page.texts, digest(self.review.rows[index]))
            return self._show(page, index, conflict=True)
        session.unsaved.pop(path, None)
        return self._show_next(page, index)

    def mark_decorative(self, page: PageState) -> Update:
        """Mark the row's picture as decorative, and show the next row."""
        index = self._keep_edits(page)
        if index is None:
            return self._show(page, None)
        row = self.review.rows[index]
        unsaved = page.session.unsaved.get(row.path)
        if unsaved and any(map(str.strip, unsaved.texts.values())):  # they could not be saved
            return self._show(page, index, conflict=True)
        page.session.unsaved.pop(row.path, None)
        try:
            self.review.mark_decorative(index, digest(row))
        except MarsamError as error:
            return self._show(page, index, row_html.not_saved(error, ()))
        return self._show_next(page, index)

    def reopen(self, page: PageState) -> Update:
        """Take the approval of the row back, or give a decorative picture its texts back."""
        index = self._keep_edits(page)
        if index is None:
            return self._show(page, None)
        row = self.review.rows[index]
        try:
            self.review.reopen(index, digest(row))
        except MarsamError as error:
            return self._show(page, index, row_html.not_saved(error, page.texts.values()))
        page.session.done.add(row.path)
        return self._show(page, index, STRINGS.html("reopened"))

    def use_native(self, page: PageState) -> Update:
        """Put the captioner's own Arabic caption into its text box, or the row's text again."""
        index, _ = self._locate(page.row)
        box = self.components.texts.get(languages.ARABIC.code)
        if index is None or box is None:
            return self._show(page, None)
        row = self.review.rows[index]
        own = row.texts.get(languages.ARABIC.code, "")
        is_native = page.texts.get(languages.ARABIC.code) == row.native
        return {box: gr.update(value=own if is_native else row.native or own)}

    def _show_next(self, page: PageState, index: int) -> Update:
        """Show the row after one that was saved."""
        page.session.done.add(self.review.rows[index].path)
        following = self._find(page, index, 1)
        if following is None:  # start again with the rows that were skipped
            unreviewed = page.filter in ("draft", "notices")
            following = self._find(replace(page, session=Session()), -1, 1) if unreviewed else index
        end = STRINGS.html("last") if following == index else EMPTY
        return self._show(page, following, row_html.saved(self.review), end)

    def _show(
        self, page: PageState, index: int | None, *messages: Markup, conflict: bool = False
    ) -> Update:
        """Show a row, or that the filter has none.

        Args:
            page: the state of the page.
            index: of the row; None for no row.
            messages: shown in the status line.
            conflict: also show the row's current texts, which differ from the edited ones.
        """
        components, rows = self.components, self.review.rows
        update: Update = {components.session: page.session, components.count: row_html.count(rows)}
        if index is None:
            natives = (components.native, components.use_native)
            hidden = (components.notices, components.guide, *natives, *components.actions)
            return update | {
                components.current_row: "",
                components.image: paragraph(STRINGS.html(f"none_{page.filter}"), "nothing"),
                **dict.fromkeys((*hidden, *components.texts.values()), gr.update(visible=False)),
                components.status: join(messages, " "),
            }
        row = rows[index]
        current = {code: row.texts.get(code, "") for code in components.texts}
        unsaved = page.session.unsaved.get(row.path)
        notices = row_html.notices(
            row, unsaved=unsaved is not None, elsewhere=current if conflict else None
        )
        texts, expected = unsaved or (self._texts_to_edit(row), digest(row))
        guide = render.guide(row) if self._is_blank(row) else EMPTY
        editable = bool(row.sha256) and not row.decorative
        offers_native = bool(row.native) and editable
        return update | {
            components.current_row: json.dumps([index, row.path, expected]),
            components.image: self._image(row, page.language, self._find(page, index, 1)),
            components.notices: gr.update(value=notices, visible=bool(notices)),
            components.guide: gr.update(value=guide, visible=bool(guide)),
            **{
                box: gr.update(value=texts[code], visible=editable)
                for code, box in components.texts.items()
            },
            components.native: gr.update(
                value=native_caption(row.native, row.agreement), visible=offers_native
            ),
            components.use_native: gr.update(visible=offers_native),
            components.save: gr.update(visible=editable),
            components.decorative: gr.update(visible=editable),
            components.reopen: gr.update(visible=row.reviewed),
            components.status: join([*messages, STRINGS.html("place", index + 1, len(rows))], " "),
        }

    def _is_blank(self, row: Row) -> bool:
        """Whether a reviewer begins with empty text boxes."""
        return self.own_words and row.state == DRAFT

    def _texts_to_edit(self, row: Row) -> dict[str, str]:
        texts = {} if self._is_blank(row) else row.texts
        return {code: texts.get(code, "") for code in self.components.texts}

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

    def _locate(self, row: str) -> tuple[int | None, str]:
        """Return the index of the page's row, and its digest when the page received it."""
        self.review.reload_if_changed()
        try:
            last_index, path, expected = json.loads(row)
            return self.review.index_of(str(path), int(last_index)), str(expected)
        except (TypeError, ValueError):
            return None, ""

    def _keep_edits(self, page: PageState) -> int | None:
        """Save edits, not as reviewed, before another row is shown; return the index.

        What cannot be saved is kept in the session.
        """
        index, expected = self._locate(page.row)
        if index is None:
            return None
        row, unsaved = self.review.rows[index], page.session.unsaved
        shown = self._texts_to_edit(row)
        is_edited = any((text or "") != shown.get(code, "") for code, text in page.texts.items())
        if not is_edited or row.decorative:  # the text boxes of a decorative picture are hidden
            unsaved.pop(row.path, None)
            return index
        unsaved[row.path] = UnsavedTexts(page.texts, expected)
        with suppress(MarsamError):
            if self.review.save(index, page.texts, expected, reviewed=False):
                page.session.done.add(row.path)
                unsaved.pop(row.path, None)
        return index

    def _find(self, page: PageState, start: int, step: int) -> int | None:
        """Return the next index after ``start`` that the filter shows, or whose row was edited."""
        rows, reachable = self.review.rows, page.session.done | page.session.unsaved.keys()
        for index in range(start + step, len(rows) if step > 0 else -1, step):
            if FILTERS[page.filter](rows[index]) or rows[index].path in reachable:
                return index
        return None
