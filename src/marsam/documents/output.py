"""Where filled documents are written: copies in a folder, or the documents themselves."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from marsam.atomic import atomic_path
from marsam.documents.formats import WRITABLE, find_documents
from marsam.errors import DocumentError, OptionError, reason_of


@dataclass(frozen=True, kw_only=True)
class Outputs:
    """The files to write.

    Attributes:
        folder: of the copies; None when the documents themselves are changed.
        targets: the file to write, by document.
        folders: the folder that each document was found in.
    """

    folder: Path | None
    targets: Mapping[Path, Path]
    folders: Mapping[Path, Path]

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
    folders: dict[Path, Path] = {}
    seen: set[Path] = set()
    for document, found_in in find_documents(
        paths, exclude=[folder] if folder else [], suffixes=WRITABLE
    ):
        relative = document.relative_to(found_in)
        target = document if folder is None else folder / relative
        if target in seen:
            raise OptionError(
                "Two documents are named {file}; write them into different folders.", file=relative
            )
        if folder is not None and target.resolve() == document.resolve():
            raise OptionError(
                "The copy of {file} would replace it; choose another folder, or --in-place.",
                file=relative,
            )
        seen.add(target)
        targets[document], folders[document] = target, found_in
    return Outputs(folder=folder, targets=targets, folders=folders)
