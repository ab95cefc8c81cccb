"""Images and HTML in Markdown, with their places in the source.

``markdown-it-py`` tells the lines of a block and no places in them. Here its rules for images and
HTML note where they are in their block's text, and each line of that text is found in its line of
the source: it is the line's end, after the marks of quotations and lists.
"""

import re
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.common.utils import escapeHtml
from markdown_it.renderer import RendererHTML
from markdown_it.rules_inline import StateInline, html_inline, image
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict

from marsam.documents.html_tags import Edit
from marsam.documents.markdown_labels import Labels

MAX_NESTING = 50
"""Of quotations, lists and links: each list is two levels."""
_SENTINEL = "\ufdd1"
"""Stands around the number of a part in the rendered page; no text has it."""
_PART = re.compile(f"{_SENTINEL}([0-9]+){_SENTINEL}")
_SPACES = " \t"
_ESCAPED = re.compile(r"[\\*_\[\]~|]")
_REFERENCES = (
    (re.compile("&(?=#?\\w+;)"), "&amp;"),
    (re.compile("<"), "&lt;"),
    (re.compile(">"), "&gt;"),
    # A backslash before it does not keep a code span from ending.
    (re.compile("`"), "&#96;"),
    (re.compile(r"\{(?=[{%])"), "&#123;"),
)


class SourceLines:
    """A text in lines, each without its end.

    Args:
        text: Markdown.
        starts: where its lines start.
    """

    def __init__(self, text: str, starts: Sequence[int]) -> None:
        text = text.replace(_SENTINEL, "\ufffd").replace("\0", "\ufffd")
        ends = [*starts[1:], len(text)]
        self.text, self.starts = text, starts
        self.lines = [
            text[start:end].rstrip("\r\n") for start, end in zip(starts, ends, strict=True)
        ]

    def find(self, number: int, line: str) -> int | None:
        """The place of a line of a block, which is the end of a line of the source."""
        words = line.strip(_SPACES)
        found = self.lines[number].rfind(words) if words else len(self.lines[number])
        lead = len(line) - len(line.lstrip(_SPACES)) if words else 0
        return self.starts[number] + found - lead if found >= 0 else None

    def number(self, place: int) -> int:
        """The number of the line of a place, from 1."""
        return bisect_right(self.starts, place)


class BlockText:
    """The text of a block, and where its lines are in the source.

    Args:
        text: as markdown-it has it.
        lines: the numbers of its lines in the source, from 0; the end is not among them.
        source: the lines of the source.
    """

    def __init__(self, text: str, lines: tuple[int, int], source: SourceLines) -> None:
        own = text.removesuffix("\n").split("\n")
        self._starts = [0, *accumulate(len(line) + 1 for line in own)]
        self._leads = [len(line) - len(line.lstrip(_SPACES)) for line in own]
        self._places: list[int | None] = [None] * len(own)
        self._source = source.text
        first, end = lines
        # What stands around a paragraph and is a space for Unicode is not in its text.
        for number in range(first, max(first, end - len(own)) + 1):
            found = list(map(source.find, range(number, end), own))
            if len(found) == len(own) and None not in found:
                self._places = found
                break

    def place(self, position: int) -> int | None:
        """The place in the source of a position in the text; None if it is unknown."""
        line = self._line(position)
        start = self._places[line]
        return None if start is None else start + position - self._starts[line]

    def line_break(self, start: int, end: int) -> str:
        """The first end of a line between two positions, with the marks of the next line."""
        line = self._line(start) + 1
        if line > self._line(end):
            return ""
        first = self.place(self._starts[line] - 1)
        last = self.place(self._starts[line] + self._leads[line])
        return "" if first is None or last is None else self._source[first:last]

    def _line(self, position: int) -> int:
        return min(bisect_right(self._starts, position), len(self._places)) - 1


@dataclass(frozen=True)
class Part:
    """An image, or HTML, in Markdown.

    Attributes:
        html: what it is in the rendered page.
        text: the text of its block.
        start: where it starts in that text.
        label: where an image's alt text starts and ends in that text; None for HTML.
        after: what follows on the alt text of an image.
    """

    html: str
    text: BlockText
    start: int
    label: tuple[int, int] | None = None
    after: str = ""

    def with_alt(self, alt: str) -> list[Edit] | None:
        """The edits that give an image an alt text; None if its place is unknown."""
        if self.label is None:
            return None
        escaped, (first, last) = escaped_alt(alt), self.label
        is_whole = self.after.startswith("](") or re.match(r"\]\[[^\]]", self.after)
        start, end = self.text.place(first), self.text.place(last)
        if start is None or end is None:
            return None
        if is_whole:
            return [Edit(start, end, escaped)]
        # Of ![alt] and ![alt][] the alt text is the name of the reference, which stays.
        edits = [Edit(start, start, f"{escaped}][")]
        return [*edits, Edit(end + 1, end + 3, "")] if self.after.startswith("][]") else edits

    def in_source(self, edit: Edit, start: int) -> list[Edit] | None:
        """An edit of the rendered page, where this part starts there, as one of the source."""
        if edit.end > start + len(self.html):
            return None
        offset = self.start - start
        first, last = self.text.place(edit.start + offset), self.text.place(edit.end + offset)
        if first is None or last is None:
            return None
        if line_break := self.text.line_break(edit.start + offset, edit.end + offset):
            # A tag on more than one line does not begin a block, and one on a single line may.
            quote = self.html[edit.start - start - 1]
            return [Edit(first - 1, last, f"{line_break}{quote}{edit.text}")]
        return [Edit(first, last, edit.text)]


def escaped_alt(text: str) -> str:
    """An alt text in Markdown."""
    text = _ESCAPED.sub(r"\\\g<0>", text)
    for pattern, reference in _REFERENCES:
        text = pattern.sub(reference, text)
    return text


def rendered(source: SourceLines) -> tuple[str, list[tuple[int, int, Part]]]:
    """Render Markdown as HTML.

    Returns:
        The HTML, and start and end in it of each image and each piece of HTML of the source.
    """
    markdown = _Markdown()
    parts: list[Part] = []
    tokens = markdown.parse("\n".join(source.lines))
    _number(tokens, source, parts, markdown)
    page = markdown.renderer.render(tokens, markdown.options, {})
    pieces, spans, length, position = [], [], 0, 0
    for mark in _PART.finditer(page):
        part = parts[int(mark[1])]
        between = page[position : mark.start()]
        start = length + len(between)
        length = start + len(part.html)
        spans.append((start, length, part))
        pieces += [between, part.html]
        position = mark.end()
    return "".join([*pieces, page[position:]]), spans


def _number(
    tokens: Sequence[Token], source: SourceLines, parts: list[Part], markdown: "_Markdown"
) -> None:
    """Give each image and each piece of HTML its number, in the order of the source."""
    for token in tokens:
        lines = (token.map[0], token.map[1]) if token.map else (0, 0)
        if token.type == "html_block":
            token.meta["part"] = len(parts)
            parts.append(Part(token.content, BlockText(token.content, lines, source), 0))
        spans = [child for child in token.children or () if "span" in child.meta]
        text = BlockText(token.content, lines, source) if spans else None
        for child in spans:
            child.meta["part"] = len(parts)
            parts.append(_part(child, token.content, text, markdown))


def _part(token: Token, content: str, text: Any, markdown: "_Markdown") -> Part:
    start, end = token.meta["span"]
    if token.type == "html_inline":
        return Part(token.content, text, start)
    alt = markdown.renderer.renderInlineAsText(token.children, markdown.options, {})
    last = start + 2 + len(token.content)
    return Part(
        html=f'<img src="{escapeHtml(str(token.attrs["src"]))}"'
        f' alt="{escapeHtml(" ".join(alt.split(chr(10))))}">',
        text=text,
        start=start,
        label=(start + 2, last),
        after=content[last:end],
    )


class _Markdown(MarkdownIt):
    """CommonMark, with addresses as they are written."""

    renderer: "_Renderer"

    def __init__(self) -> None:
        super().__init__("commonmark", {"maxNesting": MAX_NESTING}, renderer_cls=_Renderer)
        self.helpers: Any = Labels()
        self.inline.ruler.at("image", _image)
        self.inline.ruler.at("html_inline", _html_inline)

    def normalizeLink(self, url: str) -> str:  # noqa: N802
        return url

    def validateLink(self, url: str) -> bool:  # noqa: ARG002, N802
        return True


class _Renderer(RendererHTML):
    """Writes the numbers of parts in their places."""

    def image(
        self,
        tokens: Sequence[Token],
        idx: int,
        options: OptionsDict,  # noqa: ARG002
        env: EnvType,  # noqa: ARG002
    ) -> str:
        return f"{_SENTINEL}{tokens[idx].meta['part']}{_SENTINEL}"

    html_block = html_inline = image


def _image(state: StateInline, silent: bool) -> bool:
    return _noted(image, state, silent=silent)


def _html_inline(state: StateInline, silent: bool) -> bool:
    return _noted(html_inline, state, silent=silent)


def _noted(rule: Callable[[StateInline, bool], bool], state: StateInline, *, silent: bool) -> bool:
    """Apply a rule; its token notes where it starts and ends in the block's text."""
    start = state.pos
    is_found = rule(state, silent)
    if is_found and not silent:
        state.tokens[-1].meta["span"] = (start, state.pos)
    return is_found
