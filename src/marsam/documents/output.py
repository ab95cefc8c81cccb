"""Where filled documents are written: copies in a folder, or the documents themselves."""

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from marsam.atomic import atomic_path
from marsam.documents.formats import find_documents
from marsam.errors import DocumentError, OptionError, reason_of


@dataclass(frozen=True, kw_only=True)
class Outputs:
    """The files to write.

    Attributes:
        folder: of the copies; None when the documents themselves are changed.
        targets: the file to write, by document.
    """

    folder: Path | None
    targets: dict[Path, Path]

    def write(self, path: Path, data: bytes | None) -> Path | None:
        """Write a document, whole or not at all; None for its data means unchanged.

        Returns:
            The file that was written; None when a document in place has not changed.

        Raises:
            DocumentError: it cannot be written.
        """
        target = self.targets[path]
        if data is None and self.folder is None:
            return None
        try:
            with atomic_path(target) as partial:
                if data is None:
                    shutil.copyfile(path, partial)
                else:
                    partial.write_bytes(data)
                shutil.copymode(path, partial)
        except OSError as error:
            raise DocumentError(
                "Cannot write {file}: {reason}.", file=target, reason=reason_of(error)
            ) from error
        return target


def outputs_for(paths: Sequence[Path], folder: Path | None) -> Outputs:
    """Find the documents below the paths, and the files to write for them.

    A copy has the same path below ``folder`` as the document below the folder that was named.

    Raises:
        OptionError: two documents would become one file, or a copy would replace its document.
    """
    targets: dict[Path, Path] = {}
    for document, relative in _documents(paths, folder):
        target = document if folder is None else folder / relative
        if target in targets.values():
            raise OptionError(
                "Two documents are named {file}; write them into different folders.", file=relative
            )
        if folder is not None and target.resolve() == document.resolve():
            raise OptionError(
                "The copy of {file} would replace it; choose another folder, or --in-place.",
                file=relative,
            )
        targets[document] = target
    return Outputs(folder=folder, targets=targets)


def _documents(paths: Sequence[Path], folder: Path | None) -> Iterator[tuple[Path, Path]]:
    """Each document once, with its path below the path that it was found by."""
    seen: set[Path] = set()
    for path in paths:
        for document in find_documents([path], exclude=[folder] if folder else []):
            if (resolved := document.resolve()) not in seen:
                seen.add(resolved)
                is_below = path.is_dir()
                yield document, document.relative_to(path) if is_below else Path(document.name)
