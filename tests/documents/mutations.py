"""Damages documents: their bytes, the archive that they are, and the markup in it."""

import io
import random
import re
import warnings
import zipfile
from collections.abc import Callable, Sequence

_TAG = re.compile(rb"<[^<>]{1,300}>")
_VALUE = re.compile(rb"=\s*(\"[^\"]{0,300}\"|'[^']{0,300}')")
_ENCODING = re.compile(rb"(encoding|charset)\s*=\s*[\"']?[\w-]+")
_NUMBER = re.compile(rb"\d+")
ENCODINGS = (
    *(b"utf-8", b"utf-16", b"utf-16le", b"utf-7", b"utf-32", b"windows-1256", b"iso-8859-6"),
    *(b"shift_jis", b"gb2312", b"x-user-defined", b"idna", b"rot13", b"nonsense", b""),
)
ENTITIES = (
    b"&a;", b"&nbsp;", b"&#0;", b"&#xD800;", b"&#x110000;", b"&#99999999999999999999;", b"&amp",
    b"&;", b"&#;", b"&lt;img&gt;",
)  # fmt: skip
VALUES = (
    b"", b"../../../../etc/passwd", b"/etc/passwd", b"//example.org/a.png", b"http://[::1", b"#",
    b"data:image/png;base64,AAAA", b"data:,%", b"rId999", b"\xff\xfe", b"C:\\a.png", b"a" * 9999,
    b"%00", b"{{ x }}", b"<?php ?>", b"-1", b"99999999999999999999", b"{urn:x}y", b"none",
    b"application/vnd.oasis.opendocument.text", "صورة.png".encode(),
)  # fmt: skip
DOCTYPES = (
    b'<!DOCTYPE x [<!ENTITY a "b">]>', b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>',
    b'<!DOCTYPE x SYSTEM "http://127.0.0.1:9/x.dtd">', b"<!DOCTYPE html>", b"<!DOCTYPE x [",
    b'<!DOCTYPE x [<!ENTITY a "0123456789"><!ENTITY b "&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;">]>',
)  # fmt: skip
MARKUP = (
    b"<!--", b"-->", b"<![CDATA[", b"]]>", b"<?", b"?>", b"<svg>", b"<template>", b"<table>",
    b"<p>", b"<img", b"<img alt", b"<a href=x>", b"<style>", b"</script>", b"![", b"](", b"`",
    b"> ", b"- ", b"\0", b"\r", b"\n\n", b"{{", b"%}",
    b"\xe2\x80\xae", b"\xef\xbf\xbf", b"\xed\xa0\x80",
)  # fmt: skip

Mutation = Callable[[bytes, random.Random], bytes]


def mutated(data: bytes, rng: random.Random) -> bytes:
    """A damaged copy of a document: an office document or a book, or a page."""
    if not data.startswith(b"PK"):
        return _of(data, rng, BYTES + MARKUPS * 2)
    return rng.choice((_in_a_member, _in_a_member, _in_a_member, _archive, _archive, _bytes))(
        data, rng
    )


def _of(data: bytes, rng: random.Random, mutations: Sequence[Mutation]) -> bytes:
    for _ in range(rng.choice((1, 1, 1, 2, 4, 16))):
        data = rng.choice(mutations)(data, rng) or b""
    return data


def _bytes(data: bytes, rng: random.Random) -> bytes:
    return _of(data, rng, BYTES)


def _in_a_member(data: bytes, rng: random.Random) -> bytes:
    """Damage the markup of one file in the archive, or two."""
    files = _unpacked(data)
    texts = [name for name in files if name.endswith(("ml", "rels", "opf", "ncx"))]
    for name in rng.choices(texts, k=rng.choice((1, 1, 2))):
        files[name] = _of(files[name], rng, MARKUPS if rng.random() < 0.8 else BYTES)
    return _packed([*files.items()])


def _archive(data: bytes, rng: random.Random) -> bytes:
    """Damage what the archive is made of."""
    files = [*_unpacked(data).items()]
    place = rng.randrange(len(files))
    name, content = files[place]
    match rng.randrange(9):
        case 0:
            del files[place]
        case 1:
            files.insert(rng.randrange(len(files) + 1), (name, content))
        case 2:
            names = ("../a", "/a", "a\\b", "", "C:x", name.upper(), f"{name}/", "a\0b", "ا" * 300)
            files[place] = rng.choice(names), content
        case 3:
            rng.shuffle(files)
        case 4:
            other = rng.choice(files)[1]
            files[place] = name, rng.choice((b"", other, b"<a/>", rng.randbytes(99)))
        case 5:
            files[place] = name, b" " * rng.choice((1_000_000, 9_000_000))
        case 6:
            files += [(f"more/{number}", b"") for number in range(rng.choice((10, 30_000)))]
        case 7:
            return _packed(files, rng.choice((zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)))
        case _:
            return _with_records(_packed(files), rng)
    return _packed(files)


def _with_records(data: bytes, rng: random.Random) -> bytes:
    """Another number in a record of the archive: flags, methods, sizes, offsets."""
    changed = bytearray(data)
    marks = [one.start() for one in re.finditer(b"PK(?:\x01\x02|\x03\x04|\x05\x06)", data)]
    mark = rng.choice(marks or [0])
    for _ in range(rng.choice((1, 1, 3))):
        place = mark + rng.randrange(4, 46)
        if place < len(changed):
            changed[place] = rng.choice((0, 1, 8, 99, 255, rng.randrange(256)))
    return bytes(changed)


def _unpacked(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def _packed(files: Sequence[tuple[str, bytes]], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(file, "w", method) as archive:
        warnings.simplefilter("ignore")  # two files of one name
        for name, content in files:
            stored = zipfile.ZIP_STORED if name == "mimetype" else None
            archive.writestr(zipfile.ZipInfo(name), content, stored or method)
    return file.getvalue()


def _flip(data: bytes, rng: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.choice((1, 3, 30)) if data else 0):
        changed[rng.randrange(len(changed))] = rng.randrange(256)
    return bytes(changed)


def _truncate(data: bytes, rng: random.Random) -> bytes:
    return data[: rng.randrange(len(data) + 1)]


def _move(data: bytes, rng: random.Random) -> bytes:
    """A piece is deleted, doubled or written over another place."""
    start, other = rng.randrange(len(data) + 1), rng.randrange(len(data) + 1)
    size = rng.choice((1, 5, 50, 500, 5000))
    piece = rng.choice((b"", data[other : other + size]))
    return data[:start] + piece + data[start + rng.choice((0, size)) :]


def _insert(data: bytes, rng: random.Random) -> bytes:
    place = rng.randrange(len(data) + 1)
    return data[:place] + rng.choice(MARKUP + ENTITIES) + data[place:]


def _tag(data: bytes, rng: random.Random) -> bytes:
    """A tag is deleted, doubled, nested, or changes places with another one."""
    tags = [one.span() for one in _TAG.finditer(data)]
    if not tags:
        return data
    (start, end), (first, last) = rng.choice(tags), rng.choice(tags)
    tag, other = data[start:end], data[first:last]
    new = rng.choice((b"", tag * 2, other, tag + other, tag * rng.choice((50, 300, 1000))))
    return data[:start] + new + data[end:]


def _element(data: bytes, rng: random.Random) -> bytes:
    """A piece from tag to tag is deleted or doubled."""
    tags = [one.span() for one in _TAG.finditer(data)]
    if not tags:
        return data
    index = rng.randrange(len(tags))
    start, end = tags[index][0], tags[min(len(tags) - 1, index + rng.randrange(30))][1]
    return data[:start] + data[start:end] * rng.choice((0, 2, 20)) + data[end:]


def _value(data: bytes, rng: random.Random) -> bytes:
    values = [one.span(1) for one in _VALUE.finditer(data)]
    if not values:
        return data
    (start, end), (first, last) = rng.choice(values), rng.choice(values)
    new = rng.choice((data[first:last], b'"' + rng.choice(VALUES) + b'"'))
    return data[:start] + new + data[end:]


def _number(data: bytes, rng: random.Random) -> bytes:
    numbers = [one.span() for one in _NUMBER.finditer(data)]
    if not numbers:
        return data
    start, end = rng.choice(numbers)
    return data[:start] + rng.choice((b"0", b"-1", b"999999999999", b"NaN", b"")) + data[end:]


def _encoding(data: bytes, rng: random.Random) -> bytes:
    """Another encoding is declared, or used."""
    name = rng.choice(ENCODINGS)
    kind = rng.randrange(4)
    if kind == 0:
        return rng.choice((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")) + data
    if kind == 1:
        used = rng.choice(("utf-16", "utf-16-le", "cp1256", "iso8859-6", "utf-8-sig"))
        return data.decode(errors="replace").encode(used, "replace")
    if kind == 2 and _ENCODING.search(data):
        return _ENCODING.sub(rb"\1=" + name, data, count=1)
    return (
        rng.choice((b"<meta charset=" + name + b">", b'<?xml version="1.0" encoding="%s"?>' % name))
        + data
    )


def _doctype(data: bytes, rng: random.Random) -> bytes:
    place = max(0, data.find(b"?>") + 2) if data.startswith(b"<?xml") else 0
    return data[:place] + rng.choice(DOCTYPES) + data[place:]


BYTES: tuple[Mutation, ...] = (_flip, _truncate, _move)
MARKUPS: tuple[Mutation, ...] = (
    *(_insert, _tag, _tag, _element, _element, _value, _value, _number, _encoding, _doctype, _move),
)
