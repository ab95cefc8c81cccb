"""One image of a batch, as a row of a table."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from marsam.errors import LanguageError, MarsamError, OptionError
from marsam.text.cleaning import clean
from marsam.text.languages import ARABIC, ENGLISH, language

DRAFT, EDITED, REVIEWED, DECORATIVE = "draft", "edited", "reviewed", "decorative"
FAILED = "error"
FIRST_COLUMNS = ("path", "sha256", "width", "height")
NATIVE_COLUMNS = ("native", "agreement")
"""Columns of tables whose Arabic captions were also asked of the captioner."""
CONTEXT_COLUMN = "context"
"""Column of tables whose images are in documents."""
OPTIONAL_COLUMNS = (*NATIVE_COLUMNS, CONTEXT_COLUMN)
LAST_COLUMNS = ("warnings", "error", "captioner", "translator", "pictures", "state", "checksum")
"""The columns before and after those of the languages, which are named by language tags."""
_DRAFTS = {DRAFT, "", "مسودة"}
_EDITED = {EDITED, "معدّل", "معدل"}
_DECORATIVE = {DECORATIVE, "للزينة"}
_ERRORS = {FAILED, "خطأ"}


@dataclass(frozen=True, kw_only=True)
class Row:
    """An image of a batch and its texts.

    Attributes:
        path: relative to the batch's folder, with ``/`` on every system.
        sha256: checksum of the file; empty when it cannot be read.
        width: in pixels, after rotation to upright.
        height: likewise.
        texts: by NLLB code, English first; none when there is an error. An empty text was cleared
            by a reviewer.
        native: the Arabic caption of the captioner itself; None where it was not asked for.
        agreement: how far it names what the English text names, 0 to 1; None if not compared.
        context: where the image is in documents, and what is around it there.
        warnings: names of :class:`marsam.notices.Notice`.
        error: one sentence; empty when there is no error.
        models: ``{"captioner": "name@revision", "translator": …}``.
        pictures: new pictures painted from the caption: paths relative to the first table's folder.
        reviewed: a reviewer has approved the texts.
        edited: a person wrote the texts, and has not approved them yet.
        decorative: a reviewer decided that the picture needs no texts (``alt=""``); it is
            ``reviewed``, too.
        failure: the error itself while the batch runs; a table keeps its English sentence only.
    """

    path: str
    sha256: str = ""
    width: int = 0
    height: int = 0
    texts: Mapping[str, str] = field(default_factory=dict)
    native: str | None = None
    agreement: float | None = None
    context: str = ""
    warnings: tuple[str, ...] = ()
    error: str = ""
    models: Mapping[str, str] = field(default_factory=dict)
    pictures: tuple[str, ...] = ()
    reviewed: bool = False
    edited: bool = False
    decorative: bool = False
    failure: MarsamError | None = field(default=None, compare=False)

    @property
    def english(self) -> str:
        """The English text; empty if there is none."""
        return self.texts.get(ENGLISH.code, "")

    @property
    def native_beside(self) -> str:
        """The captioner's own Arabic caption, where it is not the Arabic text; or empty."""
        return "" if self.native in (None, self.texts.get(ARABIC.code)) else self.native or ""

    @property
    def state(self) -> str:
        """``draft``, ``edited``, ``reviewed``, ``decorative`` or ``error``, as in the table."""
        if self.error:
            return FAILED
        if self.reviewed:
            return DECORATIVE if self.decorative else REVIEWED
        return EDITED if self.edited else DRAFT

    @property
    def is_kept(self) -> bool:
        """Whether the texts are a person's, so that no model may replace them."""
        return self.reviewed or self.edited

    def in_state(self, state: str) -> "Row":
        """Return the row in a state that a person gives it."""
        return replace(
            self,
            error="",
            reviewed=state in (REVIEWED, DECORATIVE),
            edited=state == EDITED,
            decorative=state == DECORATIVE,
        )

    def with_error(self, error: MarsamError) -> "Row":
        """Return the row with an error in place of its texts."""
        row = replace(self.in_state(DRAFT), texts={}, native=None, agreement=None, warnings=())
        return replace(row, error=error.en, failure=error)

    def to_columns(self) -> dict[str, Any]:
        """Return the values of one row of a table, by column."""
        texts = {language(code).tag: text for code, text in self.texts.items()}
        return {
            **{name: getattr(self, name) for name in FIRST_COLUMNS},
            **texts,
            **({} if self.native is None else self._native_columns()),
            **({CONTEXT_COLUMN: self.context} if self.context else {}),
            "warnings": " ".join(self.warnings),
            "error": self.error,
            "captioner": self.models.get("captioner", ""),
            "translator": self.models.get("translator", ""),
            # As JSON, since a path may contain spaces.
            "pictures": json.dumps(self.pictures, ensure_ascii=False) if self.pictures else "",
            "state": self.state,
            "checksum": text_checksum(texts) if self.state == DRAFT else "",
        }

    def _native_columns(self) -> dict[str, str]:
        agreement = "" if self.agreement is None else f"{self.agreement:g}"
        return dict(zip(NATIVE_COLUMNS, (self.native or "", agreement), strict=True))

    @classmethod
    def from_columns(cls, data: Mapping[str, Any]) -> "Row":
        """Read what :meth:`to_columns` returned, or what a person made of it.

        A draft whose words are not those that Marsam wrote counts as reviewed, and so does a state
        that is none of Marsam's, in whatever words. A decorative picture has no texts: those that
        Marsam wrote are left out, and with others it is none.

        Raises:
            OptionError: when Marsam did not write the row.
        """
        try:
            cells = {
                tag: str(text or "")
                for tag, text in data.items()
                if tag not in (*FIRST_COLUMNS, *OPTIONAL_COLUMNS, *LAST_COLUMNS)
            }
            state = str(data["state"] or "").strip().casefold()
            # Older tables have no checksums.
            is_edited = "checksum" in data and data["checksum"] != text_checksum(cells)
            decorative = state in _DECORATIVE and not (is_edited and any(_texts(cells)))
            if decorative:
                cells = dict.fromkeys(cells, "")
            edited = state in _EDITED
            reviewed = is_edited if state in _DRAFTS else state not in _ERRORS | _EDITED
            # Users may add columns; an empty one is ignored.
            texts = {
                language(tag).code: text
                for tag, text in cells.items()
                if text or (reviewed and _is_language(tag))
            }
            pictures = json.loads(data["pictures"] or "[]")
            return cls(
                path=str(data["path"]),
                sha256=str(data["sha256"]),
                width=int(data["width"]),
                height=int(data["height"]),
                texts=texts,
                native=str(data["native"]) if data.get("native") else None,
                agreement=float(data["agreement"]) if data.get("agreement") else None,
                context=str(data.get(CONTEXT_COLUMN) or ""),
                warnings=tuple(str(data["warnings"] or "").split()),
                error=str(data["error"] or ""),
                models={k: str(data[k] or "") for k in ("captioner", "translator")},
                pictures=tuple(map(str, pictures)),
                reviewed=reviewed,
                edited=edited,
                decorative=decorative,
            )
        except (LanguageError, KeyError, TypeError, ValueError) as error:
            raise OptionError("This table was not written by marsam batch.") from error


def _is_language(tag: str) -> bool:
    try:
        return bool(language(tag))
    except LanguageError:
        return False


def text_checksum(texts: Mapping[str, str]) -> str:
    """A checksum of the texts that are not empty, by language tag; 16 hexadecimal digits."""
    filled = _texts(texts)
    return hashlib.sha256(json.dumps(filled, sort_keys=True).encode()).hexdigest()[:16]


def _texts(cells: Mapping[str, str]) -> dict[str, str]:
    """The texts that are not empty, by language tag."""
    cleaned = {tag: clean(text) for tag, text in cells.items() if _is_language(tag)}
    return {tag: text for tag, text in cleaned.items() if text}


def printable_name(name: str) -> str:
    """Return a file name that any table can store: bytes that are not Unicode as escapes."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def optional_columns(rows: Iterable[Row]) -> tuple[str, ...]:
    """Return those of ``OPTIONAL_COLUMNS`` that the rows have values for."""
    rows = list(rows)
    native = NATIVE_COLUMNS if any(row.native is not None for row in rows) else ()
    return (*native, CONTEXT_COLUMN) if any(row.context for row in rows) else native


def column_names(codes: Sequence[str], optional: Sequence[str] = ()) -> list[str]:
    """Return the names of all columns, for languages by their NLLB codes."""
    return [*FIRST_COLUMNS, *(language(code).tag for code in codes), *optional, *LAST_COLUMNS]
