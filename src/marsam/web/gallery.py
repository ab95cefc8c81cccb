"""The pictures of the page, earlier work and the viewer, as HTML in both languages."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import Any
from urllib.parse import quote

import segno
from markupsafe import Markup

from marsam.journal.records import Run, StoredPicture
from marsam.options import PaintOptions
from marsam.results import Prompt
from marsam.styles import STYLES
from marsam.text.fidelity import Fidelity
from marsam.text.vocabulary import fold
from marsam.ui.html import macros
from marsam.ui.i18n import Bilingual, both, day, pictures, time_of_day
from marsam.web.session import cached_path
from marsam.web.strings import STRINGS


@dataclass(frozen=True)
class Tile:
    """A picture; ``url`` is None when it was blocked."""

    index: int
    seed: int
    url: str | None
    name: str
    fidelity: Fidelity | None
    starred: bool


@dataclass(frozen=True)
class Round:
    """The pictures of one run, and how many are still to come; ``run`` is empty for the example."""

    run: str
    texts: Bilingual
    pictures: list[Tile]
    missing: int
    width: int
    height: int
    style: Bilingual | None


@dataclass(frozen=True)
class Work:
    """An entry of the earlier work: the rounds of one prompt."""

    run: str
    url: str | None
    texts: Bilingual | None
    created: float
    facts: list[Markup]

    @property
    def time(self) -> Markup:
        """When it was begun, on its day."""
        return time_of_day(datetime.fromtimestamp(self.created)).html

    @property
    def day(self) -> Bilingual:
        """The day on which it was begun."""
        return day(datetime.fromtimestamp(self.created))


MAX_SEARCH_CHARACTERS = 200
_part = macros(Path(__file__).with_name("gallery.html"), strings=STRINGS, both=both)


def viewer() -> Markup:
    """The dialog that shows a picture in the whole window; ``viewer.js`` fills it."""
    return _part("viewer")


def help_dialogs(phone_url: str | None) -> Markup:
    """The keyboard shortcuts and the address for phones, in dialogs that ``viewer.js`` opens."""
    code = phone_url and segno.make(phone_url).svg_inline(scale=6, light="white")
    return _part("help", phone_url, code)


def rounds(shown: Sequence[Round]) -> Markup:
    """The new pictures, round by round."""
    return _part("rounds", shown)


def history(works: Iterable[Work]) -> Markup:
    """Earlier work under the days on which it was begun."""
    days = [(date.html, list(same)) for date, same in groupby(works, lambda work: work.day)]
    return _part("history", days)


class Gallery:
    """Prepares pictures for the page, which shows copies in the cache of a Gradio component."""

    def __init__(self, component: Any) -> None:
        self._component = component

    def examples(self, paths: Sequence[str]) -> Markup:
        """The examples to choose from; their click events carry ``index``."""
        items = [(self.url(Path(path)), f"example_{Path(path).stem}") for path in paths]
        return _part("examples", items)

    def round(
        self,
        run: str,
        prompt: Prompt | None,
        painted: Sequence[StoredPicture],
        options: PaintOptions | None,
        *,
        missing: int = 0,
    ) -> Round:
        """A round of pictures; one whose file was deleted is left out."""
        tiles = [self._tile(picture) for picture in painted if picture.blocked or picture.find()]
        width, height = (options and options.width) or 1, (options and options.height) or 1
        texts = _bilingual(prompt.english, prompt.arabic) if prompt else Bilingual("", "")
        style = _style(options) if options else None
        return Round(run, texts, tiles, missing, width, height, style)

    def works(self, runs: Iterable[Run], *, words: str = "", kept: bool = False) -> list[Work]:
        """The entries of the earlier work, the latest first.

        Rounds of the same prompt are one entry, and so are equal repeats.

        Args:
            runs: of a client, the latest first.
            words: search for these in both languages.
            kept: only work with pictures to keep.
        """
        wanted = fold(words[:MAX_SEARCH_CHARACTERS])
        groups: dict[str, list[Run]] = {}
        for run in runs:
            groups.setdefault(run.parent or run.id, []).append(run)
        found: dict[object, Work] = {}
        for group in groups.values():
            latest, painted = group[0], [picture for run in group for picture in run.pictures]
            text = " ".join(_texts(latest, edited=not painted) or ())
            if (kept and not any(p.starred for p in painted)) or wanted not in fold(text):
                continue
            repeat = (text, str(group[-1].options)) if painted else latest.id
            found.setdefault(repeat, self._work(group, painted))
        return [work for work in found.values() if work.url or work.texts]

    def _work(self, group: Sequence[Run], painted: Sequence[StoredPicture]) -> Work:
        latest = group[0]
        starred = [picture for picture in painted if picture.starred]
        files = (picture.find() for picture in (*starred, *painted))
        file = next(filter(None, files), None) or latest.find_image()
        wanted = sum(run.options.paint.pictures if run.options else 0 for run in group)
        facts = [pictures(len(painted)).html] if painted else []
        if starred:
            facts.append(Markup("★ {}").format(len(starred)))
        if wanted and any(run.ended and run.state != "finished" for run in group):
            facts.append(STRINGS.html("unfinished", len(painted), wanted))
        styles = (_style(run.options.paint) for run in group if run.options)
        facts += [style.html for style in dict.fromkeys(filter(None, styles))]
        texts = _texts(latest, edited=not painted)
        return Work(latest.id, self.url(file) if file else None, texts, latest.created, facts)

    def _tile(self, picture: StoredPicture) -> Tile:
        file = picture.find()
        url, name = (self.url(file), file.name) if file else (None, "")
        return Tile(picture.index, picture.seed, url, name, picture.fidelity, picture.starred)

    def url(self, path: Path) -> str:
        """The address of a copy, relative to that of the page."""
        return "gradio_api/file=" + quote(cached_path(path, self._component))


def _texts(run: Run, *, edited: bool) -> Bilingual | None:
    """The texts of a run: its prompt, or what was written after that if ``edited``."""
    one = (edited and run.draft) or run.prompt
    return _bilingual(one.english, one.arabic) if one and (one.english or one.arabic) else None


def _bilingual(english: str, arabic: str) -> Bilingual:
    """A text in both languages; where there is none in one of them, the other one shows."""
    return Bilingual(english or arabic, arabic or english)


def _style(options: PaintOptions) -> Bilingual | None:
    """The name of a style; None without one."""
    style = STYLES.get(options.style)
    return Bilingual(style.en, style.ar) if style else None
