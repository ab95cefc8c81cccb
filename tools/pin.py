"""Update ``src/marsam/hub/manifest.json``, the pinned revisions and checksums of the models.

::

    python tools/pin.py            # all models of the catalog, from the hub, and the mini set
    python tools/pin.py OWNER/NAME # one repository
    python tools/pin.py mini       # the mini set in the package; no network

This is a step of every release and needs network access. It pins the commit that ``main`` of each
repository points to. The hub reports the SHA-256 of large (LFS) files; small files are downloaded,
checked against their git hash, and hashed. Other entries of the manifest do not change. After an
error nothing is written.
"""

import hashlib
import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import typer

from marsam.errors import ModelDamaged
from marsam.hub import cache as hub_cache
from marsam.hub import catalog
from marsam.hub.errors import map_hub_errors
from marsam.hub.manifest import PACKAGED
from marsam.hub.model_files import is_intact

Entry = dict[str, Any]


def main(
    names: Annotated[list[str] | None, typer.Argument(help="Hub ids, or mini.")] = None,
    out: Annotated[Path, typer.Option(help="The manifest to update.")] = PACKAGED,
) -> None:
    """Update the manifest of models."""
    document = json.loads(out.read_text(encoding="utf-8")) if out.exists() else {"models": {}}
    models: dict[str, Entry] = document["models"]
    sets = (one for one in catalog.SETS.values() if not one.bundled)
    known = (*(model for one in sets for model in one.parts), *catalog.ALTERNATIVES)
    all_sources = list(dict.fromkeys(model.source for model in known))
    for name in names or [*all_sources, catalog.MINI.name]:
        if name == catalog.MINI.name:
            models |= pin_mini()
        else:
            models[name] = pin_repository(name)
        typer.echo(f"{name}: pinned")
    text = json.dumps({"models": dict(sorted(models.items()))}, indent=2)
    out.write_text(text + "\n", encoding="utf-8")


def pin_mini() -> dict[str, Entry]:
    """The manifest entries of the mini set, computed from its files."""
    entries = {}
    for model in catalog.MINI.parts:
        folder = catalog.bundled_folder(model)
        paths = sorted(path for path in folder.rglob("*") if path.is_file())
        files = {path.relative_to(folder).as_posix(): _file_entry(path) for path in paths}
        entries[f"mini/{model.source}"] = {"files": files}
    return entries


def pin_repository(repo: str) -> Entry:
    """The manifest entry of a repository's current ``main``.

    Raises:
        ModelDamaged: when a file arrives corrupted.
    """
    from huggingface_hub import HfApi, constants, hf_hub_download

    with map_hub_errors(repo), TemporaryDirectory() as cache:
        info = HfApi().model_info(repo, revision="main", files_metadata=True)
        listed = {file.rfilename: file for file in info.siblings or ()}
        files: dict[str, Entry] = {}
        for name in sorted(hub_cache.wanted_files(listed, repo)):
            large = listed[name].lfs
            if large is not None:
                files[name] = {"size": large.size, "sha256": large.sha256}
                continue
            path = Path(hf_hub_download(repo, name, revision=info.sha, cache_dir=cache))
            # The cache names a small file after its git hash, which is_intact checks.
            if not is_intact(path):
                raise ModelDamaged(f"{name} of {repo} arrived corrupted; run this again.")
            files[name] = _file_entry(path)
    return {
        "revision": info.sha,
        "sources": [f"{constants.ENDPOINT}/{repo}/tree/{info.sha}"],
        "files": files,
    }


def _file_entry(path: Path) -> Entry:
    """Size and SHA-256 of a file."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {"size": path.stat().st_size, "sha256": digest}


if __name__ == "__main__":
    typer.run(main)
