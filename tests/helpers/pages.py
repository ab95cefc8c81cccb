"""What another parser than Marsam's reads in a page."""

from collections.abc import Sequence
from contextlib import suppress
from html.parser import HTMLParser


def without_alt_texts(page: str) -> list[object]:
    """Tags, texts and comments that the standard library's parser reads, without alt texts."""
    parser = _Parser(convert_charrefs=False)
    with suppress(AssertionError):  # at "<![x", where it stops
        parser.feed(page)
        parser.close()
    return parser.events


class _Parser(HTMLParser):
    def __init__(self, *, convert_charrefs: bool) -> None:
        super().__init__(convert_charrefs=convert_charrefs)
        self.events: list[object] = []

    def handle_starttag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        kept = [(name, value) for name, value in attrs if name not in ("alt", "aria-label")]
        self.events.append((tag, kept))

    def handle_endtag(self, tag: str) -> None:
        self.events.append(tag)

    def handle_data(self, data: str) -> None:
        self.events.append(("text", data))

    def handle_comment(self, data: str) -> None:
        self.events.append(("comment", data))
