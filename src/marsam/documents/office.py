"""What Word and PowerPoint have in common (OOXML, ECMA-376): relationships and alt texts."""

import posixpath
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import unquote

from lxml import etree

from marsam.documents.document import AltText, Kind
from marsam.documents.flow import Found
from marsam.documents.package import Parts
from marsam.documents.xml_edit import Edits, prefix_in
from marsam.documents.xml_names import attribute, child, descendants, name_of, namespace_like
from marsam.errors import OptionError

_DECORATIVE_EXTENSION = "{C183D7F6-B498-43B3-948B-1728B52AA6E4}"
TRUE = ("1", "true", "on")


def pictures_in(element: etree._Element) -> list[etree._Element]:
    """The references to pictures within a drawing, but not within a text in it."""
    names = ("a:blip", "v:imagedata")
    return list(descendants(element, *names, outside="w:txbxContent"))


def is_on(element: etree._Element | None, name: str = "w:val") -> bool:
    """Whether a property is there and not switched off."""
    return element is not None and (attribute(element, name) or "1") in TRUE


def is_hidden(carrier: etree._Element) -> bool:
    """Whether a drawing is not shown."""
    return carrier.get("hidden") in TRUE


@dataclass(frozen=True)
class Relationship:
    """What a part refers to: a member of the container, or an address outside."""

    type: str
    target: str
    is_external: bool


class Relationships:
    """Those of a part, by id; of the whole package for the part ``""``."""

    def __init__(self, parts: Parts, part: str) -> None:
        folder, _, name = part.rpartition("/")
        path = posixpath.join(folder, "_rels", f"{name}.rels")
        self._by_id: dict[str, Relationship] = {}
        for one in parts[path].root if path in parts else ():
            if name_of(one) != "rels:Relationship":
                continue
            target, is_external = one.get("Target", ""), one.get("TargetMode") == "External"
            if not is_external and not target.startswith("#"):
                target = posixpath.normpath(posixpath.join("/", folder, target)).lstrip("/")
                if target not in parts:
                    target = unquote(target)
            kind = one.get("Type", "").rpartition("/")[2]
            self._by_id[one.get("Id", "")] = Relationship(kind, target, is_external)

    def get(self, identifier: str | None) -> Relationship | None:
        """By its id."""
        return self._by_id.get(identifier or "")

    def of_type(self, kind: str) -> list[str]:
        """The members that relationships of a type refer to; the last part of its address."""
        return [one.target for one in self._by_id.values() if one.type == kind]


def main_part(parts: Parts) -> tuple[str, str]:
    """The member that is the document itself, and the name of its root; empty without one."""
    found = Relationships(parts, "").of_type("officeDocument")
    return (found[0], name_of(parts[found[0]].root)) if found and found[0] in parts else ("", "")


def picture(element: etree._Element, relationships: Relationships) -> tuple[str, str]:
    """The source of the first picture within an element, and its file if that is in the document.

    Of an SVG with a picture for old programs, this is the latter.
    """
    for blip in pictures_in(element):
        for name in ("r:embed", "r:id", "o:relid", "r:link"):
            if found := relationships.get(attribute(blip, name)):
                return found.target, "" if found.is_external else found.target
    return "", ""


def described(
    carrier: etree._Element, kind: Kind, relationships: Relationships, content: etree._Element
) -> Found:
    """An image whose alt text an element like ``wp:docPr`` carries, or a shape of VML.

    Args:
        carrier: has the alt text.
        kind: what the image is.
        relationships: those of the part.
        content: the drawing, which refers to the picture.
    """
    source, file = "", ""
    if kind is Kind.IMAGE:
        source, file = picture(content, relationships)
    link = relationships.get(attribute(child(carrier, "a:hlinkClick"), "r:id"))
    is_decorative = is_on(_decorative(carrier), "val")
    texts = (carrier.get(name, "") for name in ("alt", "descr", "title"))
    alt = next(filter(str.strip, texts), None)
    return Found(
        kind=kind,
        carriers=[carrier],
        write=write_alt_text,
        source=source,
        file=file,
        alt=None if is_decorative else alt,
        decorative=is_decorative,
        link=link.target if link else "",
    )


def join_alternatives(found: Sequence[Found], old: Sequence[Found]) -> None:
    """Let what new programs show and what old ones show instead have the same alt texts."""
    if len(found) == len(old):
        for one, other in zip(found, old, strict=True):
            one.carriers += other.carriers
            if one.kind is Kind.IMAGE and not one.file:
                one.source, one.file = other.source, other.file


def kind_of_drawing(content: etree._Element) -> Kind | None:
    """What DrawingML shows; None for text, and for a shape without a picture.

    A group is one image, which its pictures and shapes make up together.
    """
    match name_of(content):
        case "c:chart" | "cx:chart":
            return Kind.CHART
        case "dgm:relIds":
            return Kind.DIAGRAM
        case "wpg:wgp" | "wpc:wpc" | "lc:lockedCanvas" | "p:grpSp" | "v:group":
            return _kind_of_group(content)
        case _:
            return Kind.IMAGE if pictures_in(content) else None


def _kind_of_group(group: etree._Element) -> Kind | None:
    pictures = len(pictures_in(group))
    texts = (one.text or "" for one in descendants(group, "w:t", "a:t"))
    if not pictures and any(map(str.strip, texts)):
        return None
    return Kind.IMAGE if pictures == 1 else Kind.DRAWING


def write_alt_text(edits: Edits, carriers: Sequence[etree._Element], alt: AltText) -> None:
    """Write an alt text to all elements that stand for one image.

    Raises:
        OptionError: there is only a shape of VML, which cannot be decorative.
    """
    modern = [one for one in carriers if name_of(one).partition(":")[0] != "v"]
    if alt.decorative and not modern:
        raise OptionError(
            "A picture in the old format VML cannot be marked as decorative; write a text for it."
        )
    for one in carriers:
        if one not in modern:
            edits.set(one, "alt", alt.text)
            continue
        mark = _decorative(one)
        if alt.decorative == is_on(mark, "val") and (one.get("descr") or "") == alt.text:
            continue
        edits.set(one, "descr", alt.text)
        if mark is not None:
            edits.set(mark, "val", "1" if alt.decorative else "0")
        elif alt.decorative:
            _mark_decorative(edits, one)


def _decorative(carrier: etree._Element) -> etree._Element | None:
    extensions = child(carrier, "a:extLst")
    return None if extensions is None else next(descendants(extensions, "adec:decorative"), None)


def _mark_decorative(edits: Edits, carrier: etree._Element) -> None:
    """Add the extension as Word and PowerPoint write it."""
    extensions = child(carrier, "a:extLst")
    parent = carrier if extensions is None else extensions
    prefix, declaration = prefix_in(parent, namespace_like(carrier, "a"))
    mark = f'<adec:decorative xmlns:adec="{namespace_like(carrier, "adec").uri}" val="1"/>'
    if extensions is None:
        mark = f'<{prefix}ext uri="{_DECORATIVE_EXTENSION}">{mark}</{prefix}ext>'
        edits.insert(carrier, f"<{prefix}extLst{declaration}>{mark}</{prefix}extLst>")
    else:
        opening = f'<{prefix}ext{declaration} uri="{_DECORATIVE_EXTENSION}">'
        edits.insert(extensions, f"{opening}{mark}</{prefix}ext>")
