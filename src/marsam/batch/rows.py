"""One picture of a batch: what is known of it, and how that is written as one row of a table."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from marsam.errors import LanguageError, OptionError
from marsam.text.languages import ENGLISH, language

DRAFT, REVIEWED, FAILED = "draft", "reviewed", "error"
BEFORE = ("path", "sha256", "width", "height")
AFTER = ("warnings", "error", "captioner", "translator", "pictures", "state")
"""The columns before and after those of the languages, which are named by their tags."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """A picture of a batch.

    Attributes:
        path: from the folder, with ``/`` on every system.
        sha256: of the file; empty when it cannot be read.
        width: pixels, upright.
        height: pixels, upright.
        texts: by NLLB code, English first; empty when there is an error. An empty text is one that
            somebody took away on purpose.
        warnings: names of :class:`marsam.notices.Notice`.
        error: one sentence; empty when all went well.
        models: ``{"captioner": "name@revision", "translator": …}``.
        pictures: new pictures painted from the words: paths from the first table's folder.
        reviewed: somebody has read the texts.
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
        """The English text; empty when there is none."""
        return self.texts.get(ENGLISH.code, "")

    @property
    def state(self) -> str:
        """``draft``, ``reviewed`` or ``error``, as its table names it."""
        return FAILED if self.error else REVIEWED if self.reviewed else DRAFT

    def failed(self, error: Exception) -> "Row":
        """The same picture, with nothing but the reason why there are no words."""
        return replace(self, texts={}, warnings=(), error=str(error), reviewed=False)

    def columns(self) -> dict[str, Any]:
        """As one row of a table: numbers and texts, lists joined by spaces."""
        words = {language(code).tag: text for code, text in self.texts.items()}
        return {
            "path": self.path,
            "sha256": self.sha256,
            "width": self.width,
            "height": self.height,
            **words,
            "warnings": " ".join(self.warnings),
            "error": self.error,
            "captioner": self.models.get("captioner", ""),
            "translator": self.models.get("translator", ""),
            # A path may hold spaces.
            "pictures": json.dumps(self.pictures, ensure_ascii=False) if self.pictures else "",
            "state": self.state,
        }

    @classmethod
    def from_columns(cls, data: Mapping[str, Any]) -> "Row":
        """What :meth:`columns` wrote.

        Raises:
            OptionError: when the row is not one of ours.
        """
        try:
            reviewed = data["state"] == REVIEWED
            words = {
                language(tag).code: str(text or "")
                for tag, text in data.items()
                if tag not in (*BEFORE, *AFTER)
                # An empty column of somebody's own says nothing.
                and (text or (reviewed and _is_language(tag)))
            }
            pictures = json.loads(data["pictures"] or "[]")
            return cls(
                path=str(data["path"]),
                sha256=str(data["sha256"]),
                width=int(data["width"]),
                height=int(data["height"]),
                texts=words,
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


def spelled(name: str) -> str:
    """A file's name as it can be written down; no table holds what is no letter."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def heading(codes: list[str]) -> list[str]:
    """The names of all columns, for the languages of these NLLB codes."""
    return [*BEFORE, *(language(code).tag for code in codes), *AFTER]
