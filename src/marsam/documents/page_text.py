"""Pages as texts that can be encoded again, byte for byte."""

import codecs
import re
from dataclasses import dataclass, replace
from typing import Self

from marsam.documents.html_tags import Tag, tag_at
from marsam.errors import DocumentError

MAX_BYTES = 50_000_000
MAX_IMAGES = 20_000
_HEAD_BYTES, _FIRST_BYTES = 16_384, 1024
"""Where a page may declare its encoding: some programs look at the first bytes alone, as the HTML
standard says (section 13.2.3.2)."""
_MARKS = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}
_OTHER_NAMES = {
    **dict.fromkeys(("ascii", "us-ascii", "iso-8859-1", "latin1", "x-user-defined"), "cp1252"),
    **dict.fromkeys(("gb2312", "gbk", "x-gbk", "gb_2312-80"), "gb18030"),
    **dict.fromkeys(("shift_jis", "shift-jis", "sjis", "x-sjis"), "cp932"),
    **dict.fromkeys(("euc-kr", "ks_c_5601-1987", "korean"), "cp949"),
    **dict.fromkeys(("iso-8859-9", "latin5"), "cp1254"),
    **dict.fromkeys(("iso-8859-11", "tis-620"), "cp874"),
    **dict.fromkeys(("utf-16", "utf-16le", "utf-16be", "unicode"), "utf-8"),
    **{f"x-cp{number}": f"cp{number}" for number in range(1250, 1259)},
}
"""Python's encodings for labels that browsers read in another way."""
_ENCODINGS = re.compile(
    r"utf-8|cp125\d|cp874|cp866|iso8859-(?:[2-8]|1[03-6])|koi8-[ru]|mac-(?:roman|cyrillic)"
    r"|gb18030|big5|cp932|euc_jp|cp949"
)
_CHARSET = re.compile(r"charset[\t\n\f\r ]*=[\t\n\f\r ]*[\"']?([^\"';\t\n\f\r ]+)", re.IGNORECASE)
_TAG = re.compile(r"<!--.*?-->|<[A-Za-z]", re.DOTALL)
_XML = re.compile(r"<\?xml(?:[^>]*?encoding[\t\n\r ]*=[\t\n\r ]*[\"']([^\"'>]+))?")
_LINE_END = re.compile(r"\r\n?|\n")


@dataclass(frozen=True)
class PageText:
    """A decoded page.

    Attributes:
        text: without the byte order mark. A byte that the encoding does not know is a surrogate.
        encoding: Python's name of it.
        mark: the byte order mark, or nothing.
        declared_until: where a page's declaration of the encoding ends; 0 if there is none.
    """

    text: str
    encoding: str
    mark: bytes = b""
    declared_until: int = 0

    @classmethod
    def of_html(cls, data: bytes) -> Self:
        """Decode a page in the encoding that it declares.

        Without a declaration it is UTF-8 if it can be, else Windows-1252, as in browsers; and one
        in ASCII stays in ASCII, since a browser would not know that it became UTF-8.

        Raises:
            DocumentError: larger than 50 MB, or not a text in that encoding.
        """
        _check_size(data)
        default = "ascii" if data.isascii() else "utf-8" if _is_utf8(data) else "cp1252"
        declared, end = _declared(data)
        return replace(cls._of(data, declared or default), declared_until=end)

    @classmethod
    def of_utf8(cls, data: bytes) -> Self:
        """Decode a text in UTF-8, or in UTF-16 with a byte order mark.

        Raises:
            DocumentError: larger than 50 MB, or in another encoding.
        """
        _check_size(data)
        if not data.startswith(tuple(_MARKS)) and not _is_utf8(data):
            raise DocumentError("The text is not UTF-8; save it as UTF-8 and try again.")
        return cls._of(data, "utf-8")

    @classmethod
    def _of(cls, data: bytes, encoding: str) -> Self:
        mark = next((mark for mark in _MARKS if data.startswith(mark)), b"")
        encoding = _MARKS.get(mark, encoding)
        content = data[len(mark) :]
        try:
            text = content.decode(encoding, _errors(encoding))
            is_same = text.encode(encoding, _errors(encoding)) == content
        except UnicodeError as error:
            raise _unreadable(encoding) from error
        if not is_same:
            raise _unreadable(encoding)
        return cls(text, encoding, mark)

    def encoded(self, text: str) -> bytes:
        """Encode a changed text as this one is encoded."""
        return self.mark + text.encode(self.encoding, _errors(self.encoding))

    def encoded_page(self, text: str) -> bytes:
        """Encode a changed page as it is encoded, if all programs will find out how.

        Raises:
            DocumentError: its declaration would be too far from its beginning, or it has none and
                would be taken for another one.
        """
        data = self.encoded(text)
        again = self.of_html(data)
        is_first = again.declared_until <= _FIRST_BYTES or self.declared_until > _FIRST_BYTES
        if again.text != text or not (self.mark or is_first):
            raise DocumentError(
                "With the alt texts, programs would not find out the page's encoding; write "
                '<meta charset="…"> at the beginning of its <head>, and try again.'
            )
        return data

    def with_references(self, text: str) -> str:
        """Write what the encoding lacks as character references."""
        return text.encode(self.encoding, "xmlcharrefreplace").decode(self.encoding)

    def line_starts(self) -> list[int]:
        """Where the lines start."""
        return [0, *(end.end() for end in _LINE_END.finditer(self.text))]


def _errors(encoding: str) -> str:
    return "surrogatepass" if encoding.startswith("utf-16") else "surrogateescape"


def _check_size(data: bytes) -> None:
    if len(data) > MAX_BYTES:
        raise DocumentError("The file is larger than {limit} MB.", limit=MAX_BYTES // 1_000_000)


def _unreadable(encoding: str) -> DocumentError:
    return DocumentError(
        "The document cannot be kept as it is in {encoding}; save it in UTF-8.", encoding=encoding
    )


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _declared(data: bytes) -> tuple[str | None, int]:
    """The encoding that the beginning of a page declares, if Python and browsers know it.

    And where the declaration ends.
    """
    head = data[:_HEAD_BYTES].decode("latin-1")
    if xml := _XML.match(head):
        return _known(xml[1]) if xml[1] else "utf-8", xml.end()
    position = 0
    while found := _TAG.search(head, position):
        position = found.end()
        if found[0].startswith("<!"):
            continue
        tag = tag_at(head, found.start())
        if tag is None:  # it does not end, so that all the rest is in it
            break
        position = tag.end
        if head[tag.start + 1 : tag.name_end].lower() == "meta":
            encoding = _known(_label(head, tag))
            if encoding:
                return encoding, tag.end
    return None, 0


def _label(head: str, meta: Tag) -> str:
    """What a ``meta`` element declares."""
    values = {name: meta.value(head, name) or "" for name in ("charset", "http-equiv", "content")}
    if values["charset"]:
        return values["charset"]
    is_type = values["http-equiv"].lower() == "content-type"
    charset = _CHARSET.search(values["content"]) if is_type else None
    return charset[1] if charset else ""


def _known(label: str) -> str | None:
    label = label.strip().lower()
    try:
        name = codecs.lookup(_OTHER_NAMES.get(label, label)).name
    except (LookupError, ValueError):
        return None
    name = "cp1252" if name == "iso8859-1" else name
    return name if _ENCODINGS.fullmatch(name) else None
