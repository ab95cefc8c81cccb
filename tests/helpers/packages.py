"""Office documents and books for tests, and how two of them differ."""

import io
import random
import zipfile
from collections.abc import Iterator, Mapping

from PIL import Image

from marsam.documents.document import AltText, Document


def png(color: str = "red") -> bytes:
    """A small picture."""
    file = io.BytesIO()
    Image.new("RGB", (8, 8), color).save(file, "PNG")
    return file.getvalue()


def members(data: bytes) -> dict[str, bytes]:
    """The files in an archive, in order."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def packed(files: Mapping[str, bytes | str]) -> bytes:
    """An archive of these files; ``mimetype`` is stored, as readers want it."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            method = zipfile.ZIP_STORED if name == "mimetype" else None
            archive.writestr(name, content, method)
    return file.getvalue()


def with_members(data: bytes, changes: Mapping[str, bytes | str]) -> bytes:
    """An archive with other or more files."""
    return packed({**members(data), **changes})


def filled(document: Document, text: str = "A red square.") -> bytes:
    """A document with this alt text wherever one is missing."""
    missing = [one for one in document.images if not (one.alt or one.decorative)]
    return document.with_alt_texts({one.key: AltText(text=text) for one in missing})


def only_change(before: bytes, after: bytes) -> tuple[str, str, str]:
    """Name of the only file that differs, and how it was and is at the only differing place."""
    old, new = members(before), members(after)
    assert list(old) == list(new)
    (name,) = [name for name in old if old[name] != new[name]]
    was, became = old[name], new[name]
    shorter = min(len(was), len(became))
    start = next((i for i in range(shorter) if was[i] != became[i]), shorter)
    rest = shorter - start
    end = next((i for i in range(rest) if was[-1 - i] != became[-1 - i]), rest)
    return name, was[start : len(was) - end].decode(), became[start : len(became) - end].decode()


def mutated(data: bytes, count: int, seed: int = 0) -> Iterator[bytes]:
    """Documents that were damaged: in the archive, or in one of its files."""
    files = members(data)
    for number in range(count):
        rng = random.Random(f"{seed} {number}")
        if rng.random() < 0.3:
            yield _damaged(data, rng)
        else:
            texts = [name for name in files if name.endswith(("ml", "rels", "opf"))]
            name = rng.choice(texts)
            yield packed({**files, name: _damaged(files[name], rng)})


def _damaged(content: bytes, rng: random.Random) -> bytes:
    changed = bytearray(content)
    for _ in range(rng.choice([1, 1, 2, 8])):
        start = rng.randrange(len(changed) + 1)
        end = start + rng.choice([0, 1, 1, 3, 30, 300])
        other = rng.randrange(len(changed) + 1)
        changed[start:end] = rng.choice(
            [b"", bytes([rng.randrange(256)]), changed[other : other + rng.choice([1, 5, 50, 500])]]
        )
        if not changed:
            break
    return bytes(changed)
