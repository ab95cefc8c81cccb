"""Writes ``src/marsam/hub/manifest.json``: a step of every release, on a machine with network.

::

    python tools/pin.py            # everything the catalog names, from the hub; and the mini set
    python tools/pin.py OWNER/NAME # only this repository
    python tools/pin.py mini       # only the mini set, which is in the package; no network

``main`` of each repository becomes the commit it stands for now. Files the hub keeps outside git
come with their SHA-256; the small ones, which git names in another way, are downloaded, compared
with git's name and hashed. Nothing large is downloaded. Repositories of the manifest that were not
asked for stay as they are, and so does the whole manifest when anything goes wrong.
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
from marsam.hub.errors import translated
from marsam.hub.manifest import PACKAGED
from marsam.hub.model_files import is_sound

Entry = dict[str, Any]


def main(
    names: Annotated[list[str] | None, typer.Argument(help="Hub ids, or mini.")] = None,
    out: Annotated[Path, typer.Option(help="The manifest to bring up to date.")] = PACKAGED,
) -> None:
    """Bring the manifest of models up to date."""
    document = json.loads(out.read_text(encoding="utf-8")) if out.exists() else {"models": {}}
    models: dict[str, Entry] = document["models"]
    everything = [m.source for m in (*catalog.STANDARD.parts, *catalog.ALTERNATIVES)]
    for name in names or [*everything, catalog.MINI.name]:
        if name == catalog.MINI.name:
            models |= mini()
        else:
            models[name] = pinned(name)
        typer.echo(f"{name}: pinned")
    text = json.dumps({"models": dict(sorted(models.items()))}, indent=2)
    out.write_text(text + "\n", encoding="utf-8")


def mini() -> dict[str, Entry]:
    """The entries of the mini set, from the files themselves."""
    entries = {}
    for model in catalog.MINI.models:
        folder = catalog.bundled_folder(model)
        paths = sorted(path for path in folder.rglob("*") if path.is_file())
        files = {path.relative_to(folder).as_posix(): _hashed(path) for path in paths}
        entries[f"mini/{model.source}"] = {"files": files}
    return entries


def pinned(repo: str) -> Entry:
    """The entry of a repository as it is on the hub now."""
    from huggingface_hub import HfApi, constants, hf_hub_download

    with translated(repo), TemporaryDirectory() as cache:
        info = HfApi().model_info(repo, revision="main", files_metadata=True)
        listed = {file.rfilename: file for file in info.siblings or ()}
        files: dict[str, Entry] = {}
        for name in sorted(hub_cache.wanted(listed, repo)):
            large = listed[name].lfs
            if large is not None:
                files[name] = {"size": large.size, "sha256": large.sha256}
                continue
            path = Path(hf_hub_download(repo, name, revision=info.sha, cache_dir=cache))
            # In the cache a small file lies under git's name for its content.
            if not is_sound(path):
                raise ModelDamaged(f"{name} of {repo} arrived damaged; run this again.")
            files[name] = _hashed(path)
    return {
        "revision": info.sha,
        "sources": [f"{constants.ENDPOINT}/{repo}/tree/{info.sha}"],
        "files": files,
    }


def _hashed(path: Path) -> Entry:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {"size": path.stat().st_size, "sha256": digest}


if __name__ == "__main__":
    typer.run(main)
