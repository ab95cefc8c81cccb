"""Finds the images of a page, with what they say and what surrounds them.

The page is read as a browser with scripts reads it: what is in ``<noscript>`` is not seen.
"""

import re
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from marsam.documents.direction import fitting
from marsam.documents.document import AltText, DocumentImage, Kind
from marsam.documents.html_context import Collected, ContextReader, Link, Mark, Surroundings
from marsam.documents.html_images import (
    Attributes,
    Found,
    found,
    has_image_role,
    is_hidden_from_readers,
)
from marsam.documents.html_tags import Edit, Tag, tag_at
from marsam.documents.page_text import MAX_IMAGES
from marsam.documents.server_code import FILLER, without_filler
from marsam.documents.sources import shown
from marsam.documents.stylesheets import backgrounds, is_hidden
from marsam.documents.words import checked, readable
from marsam.errors import DocumentError, OptionError
from marsam.text.inline_markup import INLINE

if TYPE_CHECKING:
    from justhtml import Element

_HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
_INLINE = INLINE | {
    *("area", "br", "button", "code", "font", "img", "input", "kbd", "label", "map", "object"),
    *("output", "picture", "rp", "rt", "ruby", "samp", "script", "source", "style", "svg"),
    *("template", "var", "wbr"),
}
_WITHOUT_TEXT = frozenset(
    (
        *("audio", "canvas", "datalist", "head", "iframe", "noscript", "object", "script"),
        *("select", "style", "svg", "template", "textarea", "title", "video"),
    )
)
_NAMES_OF_LINKS = ("aria-label", "aria-labelledby", "title")
_MAX_NODES = 1000
"""Of an element that names another, so that nested ones take no long time."""
_STYLE_END = re.compile("</style", re.IGNORECASE)


@dataclass(frozen=True)
class Place:
    """Where an image is in a page.

    Attributes:
        image: as it is reported.
        address: of its file, whole.
        start: where it starts in the page's source.
        tag: that the alt text is written in; None if it cannot be written.
        attribute: that it is written in.
        can_be_decorative: by an empty alt text.
        is_hidden: decorative, whatever the alt text is.
    """

    image: DocumentImage
    address: str
    start: int
    tag: Tag | None
    attribute: str
    can_be_decorative: bool
    is_hidden: bool

    def edit(self, alt: AltText, encode: Callable[[str], str] = str) -> Edit | None:
        """The edit that writes an alt text; None if the page says the same already.

        Args:
            alt: what to write.
            encode: what writes characters that the page's encoding lacks.

        Raises:
            OptionError: it cannot be written here.
        """
        if self.tag is None:
            raise OptionError("No alt text can be written for picture {key}.", key=self.image.key)
        if alt.decorative and not self.can_be_decorative:
            raise OptionError("Picture {key} cannot be marked as decorative.", key=self.image.key)
        text = checked(alt)
        return None if text == self.image.alt else self.tag.with_value(self.attribute, text, encode)


@dataclass(frozen=True)
class Page:
    """The images of a page, and the address that relative ones start from."""

    places: list[Place]
    base: str


def read_page(
    text: str, line_starts: Sequence[int], *, markup: str | None = None, language: str = ""
) -> Page:
    """Find the images of a page.

    Args:
        text: the page's source.
        line_starts: where its lines start.
        markup: the source without the code that a server runs, if there may be any.
        language: of the page, where it does not say another.

    Raises:
        DocumentError: it has more than 20,000 images, or cannot be read.
    """
    from justhtml import JustHTML  # it takes a tenth of a second to import

    markup = text if markup is None else markup
    try:
        root: Any = JustHTML(markup, sanitize=False, track_node_locations=True).root
    except Exception as error:  # for a page that it does not expect
        raise DocumentError("The page cannot be read.") from error
    return _Reader(text, markup, line_starts).read(root, _Scope(language))


@dataclass(frozen=True)
class _Scope:
    """What holds for all that is in an element."""

    language: str = ""
    is_of_page: bool = True
    """Whether the language is said for the whole page."""
    is_hidden: bool = False
    is_in_svg: bool = False
    has_text: bool = True
    sink: Collected | None = None
    """Where text goes that does not run on: headings, captions, navigation."""
    caption: Collected | None = None
    link: Link | None = None


@dataclass
class _Reader:
    """Walks through a page; without recursion, since pages may be nested deeply."""

    text: str
    markup: str
    line_starts: Sequence[int]
    base: str = ""
    heading: Collected | None = None
    context: ContextReader = field(default_factory=ContextReader)
    places: list[Place] = field(default_factory=list)
    labelled: dict[int, tuple[str, ...]] = field(default_factory=dict)
    ids: dict[str, "Element"] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    seen: set[int] = field(default_factory=set)
    in_language_of_page: set[int] = field(default_factory=set)

    def read(self, root: Any, scope: _Scope) -> Page:
        stack: list[tuple[Any, _Scope]] = [(root, scope)]
        while stack:
            node, scope = stack.pop()
            if node is None:
                self._border(scope)
            elif node.name == "#text":
                self._text(node.data or "", scope)
            elif node.name[:1] not in ("#", "!"):
                if node.name not in _INLINE:
                    self._border(scope)
                    stack.append((None, scope))
                inner = self._element(node, scope)
                children = node.children or ()
                content = getattr(node, "template_content", None)
                stack.extend((child, inner) for child in reversed(children))
                if content is not None:
                    stack.append((content, inner))
            else:
                stack.extend((child, scope) for child in reversed(node.children or ()))
        contexts = self.context.contexts()
        for index, (place, context) in enumerate(zip(self.places, contexts, strict=True)):
            label = self._label(self.labelled.get(index, ()))
            alt, tag = (label, None) if label else (place.image.alt, place.tag)
            image = replace(place.image, context=context, alt=alt)
            if index in self.in_language_of_page:
                image = replace(image, language=fitting(image.language, context))
            self.places[index] = replace(place, image=image, tag=tag)
        return Page(self.places, self.base)

    def _text(self, text: str, scope: _Scope) -> None:
        if not (scope.has_text and text):
            return
        if scope.link and not scope.link.has_name and text.strip():
            scope.link.has_name = True
        words = without_filler(text)
        if scope.sink:
            scope.sink.add(words)
        else:
            self.context.text(words)

    def _border(self, scope: _Scope) -> None:
        if scope.sink:
            scope.sink.add(" ")
        else:
            self.context.mark(Mark.BLOCK)

    def _element(self, element: "Element", scope: _Scope) -> _Scope:
        """Report the images that an element is or has; returns the scope of its content."""
        name = element.name
        if name == "br":
            self._text(" ", scope)
        if element.attrs or name in ("img", "svg"):
            scope = self._with_attributes(element, scope)
        if name in _HEADINGS and scope.has_text:
            self.heading = Collected()
            self.context.mark(Mark.SECTION)
            return replace(scope, sink=self.heading)
        if name == "style":
            self._style_sheet(element, scope)
        if name in _WITHOUT_TEXT:
            return replace(scope, has_text=False, is_in_svg=scope.is_in_svg or name == "svg")
        if name == "figure":
            return replace(scope, caption=Collected())
        if name == "figcaption" and scope.caption:
            return replace(scope, sink=scope.caption)
        return replace(scope, sink=Collected()) if name == "nav" else scope

    def _with_attributes(self, element: "Element", scope: _Scope) -> _Scope:
        """Report the images that an element's attributes make it; returns what they change."""
        values = element.attrs
        attributes = Attributes(element, self.text, self.markup)
        language = values.get("lang", values.get("xml:lang"))
        if language is not None:
            scope = replace(
                scope,
                language="" if FILLER in language else readable(language.strip()),
                is_of_page=element.name in ("html", "body"),
            )
        if identity := values.get("id"):
            self.ids.setdefault(identity, element)
        if element.name == "base" and not self.base:
            self.base = attributes["href"].strip()
        style = attributes["style"]
        is_shown = not ("hidden" in values or (style and is_hidden(style)))
        if not is_shown:
            scope = replace(scope, has_text=False)
        if element.name == "a" and "href" in values:
            has_name = any(attributes[key].strip() for key in _NAMES_OF_LINKS)
            scope = replace(scope, link=Link(attributes["href"].strip(), has_name))
        is_hidden_here = is_hidden_from_readers(attributes)
        scope = replace(scope, is_hidden=True, has_text=False) if is_hidden_here else scope
        start = element.origin_offset
        if start is None or start in self.seen:  # a copy, of a tag that is not closed in order
            return scope
        self.seen.add(start)
        image = None
        if element.namespace in (None, "html") or (element.name == "svg" and not scope.is_in_svg):
            image = found(element, attributes)
        if image and (is_shown or element.name != "svg"):  # symbols that are used elsewhere
            self._image(image, scope, start, attributes)
        for _, address in backgrounds(style) if style else ():
            self._image(Found(Kind.BACKGROUND, address), scope, start)
        return replace(scope, is_hidden=True) if image and has_image_role(attributes) else scope

    def _image(
        self, image: Found, scope: _Scope, start: int, attributes: Attributes | None = None
    ) -> None:
        index = len(self.places)
        if index == MAX_IMAGES:
            raise DocumentError("The document has more than {limit} pictures.", limit=MAX_IMAGES)
        is_picture = image.kind is not Kind.BACKGROUND
        is_hidden = is_picture and (image.is_hidden or scope.is_hidden)
        if scope.link and is_picture and not is_hidden:
            scope.link.images += 1
        link = Link(image.target, images=1) if image.target else scope.link
        self.context.image(Surroundings(self.heading, scope.caption, link))
        if scope.is_of_page:
            self.in_language_of_page.add(index)
        if image.labelled_by:
            self.labelled[index] = image.labelled_by
        alt = None if image.alt is None else readable(image.alt)
        reported = DocumentImage(
            key=str(index + 1),
            kind=image.kind,
            line=bisect_right(self.line_starts, start),
            source=shown(image.source),
            alt=alt,
            decorative=is_hidden or (alt == "" and image.can_be_decorative),
            language=scope.language,
        )
        can_write = attributes and image.attribute and attributes.can_write(image.attribute)
        self.places.append(
            Place(
                image=reported,
                address=image.source,
                start=start,
                tag=attributes.tag if attributes and can_write else None,
                attribute=image.attribute or "",
                can_be_decorative=image.can_be_decorative,
                is_hidden=is_hidden,
            )
        )

    def _style_sheet(self, element: "Element", scope: _Scope) -> None:
        start = element.origin_offset
        tag = None if start is None else tag_at(self.markup, start)
        if tag is None or element.namespace not in (None, "html"):
            return
        end = _STYLE_END.search(self.markup, tag.end)
        sheet = self.markup[tag.end : end.start() if end else len(self.markup)]
        for place, address in backgrounds(sheet):
            self._image(Found(Kind.BACKGROUND, address), scope, tag.end + place, None)

    def _label(self, ids: tuple[str, ...]) -> str:
        """The text of the elements with these ids; nothing if there are none."""
        label = Collected()
        for one in ids:
            if one in self.ids:
                if one not in self.labels:
                    self.labels[one] = _text_of(self.ids[one])
                label.add(f"{self.labels[one]} ")
        return label.text()


def _text_of(element: "Element") -> str:
    """The text of an element, or its beginning if there is much in it."""
    text, stack = Collected(), [element]
    for _ in range(_MAX_NODES):
        if not stack:
            break
        node: Any = stack.pop()
        if node.name == "#text":
            text.add(without_filler(node.data or ""))
        stack.extend(reversed(node.children or ()))
    return text.text()
