"""One image of a batch, as a row of a table."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from marsam.errors import LanguageError, OptionError
from marsam.text.cleaning import clean
from marsam.text.languages import ENGLISH, language

DRAFT, REVIEWED, FAILED = "draft", "reviewed", "error"
FIRST_COLUMNS = ("path", "sha256", "width", "height")
LAST_COLUMNS = ("warnings", "error", "captioner", "translator", "pictures", "state", "checksum")
"""The columns before and after those of the languages, which are named by language tags."""
_DRAFTS = {DRAFT, "", "مسودة"}
_ERRORS = {FAILED, "خطأ"}


@dataclass(frozen=True, kw_only=True)
class Row:
    """An image of a batch and its texts.

    Attributes:
        path: relative to the batch's folder, with ``/`` on every system.
        sha256: checksum of the file; empty when it cannot be read.
        width, height: in pixels, after rotation to upright.
        texts: by NLLB code, English first; none when there is an error. An empty text was cleared
            by a reviewer.
        warnings: names of :class:`marsam.notices.Notice`.
        error: one sentence; empty when there is no error.
        models: ``{"captioner": "name@revision", "translator": …}``.
        pictures: new pictures painted from the caption: paths relative to the first table's folder.
        reviewed: a reviewer has approved the texts.
    """

    path: str
    sha256: str = ""
    width: int = 0
    height: int = 0
    texts: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    error: str = ""
    models: Mapping[str, str] = field(default_factory=dict)
    pictures: tuple[str, ...] = ()
    reviewed: bool = False

    @property
    def english(self) -> str:
        """The English text; empty if there is none."""
        return self.texts.get(ENGLISH.code, "")

    @property
    def state(self) -> str:
        """``draft``, ``reviewed`` or ``error``, as in the table."""
        return FAILED if self.error else REVIEWED if self.reviewed else DRAFT

    def with_error(self, error: Exception) -> "Row":
        """Return the row with an error in place of its texts."""
        return replace(self, texts={}, warnings=(), error=str(error), reviewed=False)

    def to_columns(self) -> dict[str, Any]:
        """Return the values of one row of a table, by column."""
        texts = {language(code).tag: text for code, text in self.texts.items()}
        return {
            **{name: getattr(self, name) for name in FIRST_COLUMNS},
            **texts,
            "warnings": " ".join(self.warnings),
            "error": self.error,
            "captioner": self.models.get("captioner", ""),
            "translator": self.models.get("translator", ""),
            # As JSON, since a path may contain spaces.
            "pictures": json.dumps(self.pictures, ensure_ascii=False) if self.pictures else "",
            "state": self.state,
            "checksum": text_checksum(texts) if self.state == DRAFT else "",
        }

    @classmethod
    def from_columns(cls, data: Mapping[str, Any]) -> "Row":
        """Read what :meth:`to_columns` returned, or what a person made of it.

        A draft whose words are not those that Marsam wrote counts as reviewed, and so does a state
        that is neither a draft's nor an error's, in whatever words.

        Raises:
            OptionError: when Marsam did not write the row.
        """
        try:
            cells = {
                tag: str(text or "")
                for tag, text in data.items()
                if tag not in (*FIRST_COLUMNS, *LAST_COLUMNS)
            }
            state = str(data["state"] or "").strip().casefold()
            # Older tables have no checksums.
            is_edited = "checksum" in data and data["checksum"] != text_checksum(cells)
            reviewed = is_edited if state in _DRAFTS else state not in _ERRORS
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
                warnings=tuple(str(data["warnings"] or "").split()),
                error=str(data["error"] or ""),
                models={k: str(data[k] or "") for k in ("captioner", "translator")},
                pictures=tuple(map(str, pictures)),
                reviewed=reviewed,
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
    cleaned = {tag: clean(text) for tag, text in texts.items() if _is_language(tag)}
    filled = {tag: text for tag, text in cleaned.items() if text}
    return hashlib.sha256(json.dumps(filled, sort_keys=True).encode()).hexdigest()[:16]


def printable_name(name: str) -> str:
    """Return a file name that any table can store: bytes that are not Unicode as escapes."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def column_names(codes: Sequence[str]) -> list[str]:
    """Return the names of all columns, for languages by their NLLB codes."""
    return [*FIRST_COLUMNS, *(language(code).tag for code in codes), *LAST_COLUMNS]
