"""Writes the trained models into the package, as ``save_pretrained`` lays them out, in fp16."""

import shutil
import sys

import torch

from marsam.hub.catalog import MINI, bundled_folder
from training import captioner, painter, translator
from training.lexicon import THINGS

LIMIT = 60_000_000
"""Bytes the whole set may take."""


def export(stages: set[str], *, more: bool) -> None:
    """Train what is not trained yet, or with ``more=False`` take the checkpoints as they are."""
    for model in MINI.models:
        if model.stage not in stages:
            continue
        folder = bundled_folder(model)
        shutil.rmtree(folder, ignore_errors=True)
        match model.stage:
            case "captioner":
                blip, processor = captioner.train(more=more)
                blip.half().save_pretrained(folder)
                processor.save_pretrained(folder)
            case "translator":
                m2m, words = translator.train(more=more)
                m2m.half().save_pretrained(folder)
                words.save_pretrained(folder)
            case _:
                pipe = painter.pipeline(*painter.train(more=more))
                pipe.to(dtype=torch.float16).save_pretrained(folder)
        for file in folder.rglob("*.safetensors"):
            file.chmod(0o644)
        size = sum(f.stat().st_size for f in folder.rglob("*") if f.is_file())
        print(f"{model.stage}: {size / 1e6:.1f} MB in {folder.name}")
    names = "".join(f"{thing.nouns[0].en}\t{thing.nouns[0].ar}\n" for thing in THINGS)
    mini = bundled_folder(MINI.painter).parent
    (mini / "things.tsv").write_text(names, encoding="utf-8")
    together = sum(f.stat().st_size for f in mini.rglob("*") if f.is_file())
    if together > LIMIT:
        raise SystemExit(
            f"The mini set takes {together / 1e6:.1f} MB; {LIMIT / 1e6:.0f} is the limit."
        )


if __name__ == "__main__":
    wanted = set(sys.argv[1:]) - {"--as-is"}
    export(wanted or {model.stage for model in MINI.models}, more="--as-is" not in sys.argv)
