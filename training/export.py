"""Write the trained models into the package in fp16, with ``save_pretrained``."""

import shutil
import sys

import torch
from safetensors.torch import save_file

from marsam.hub.catalog import MINI, bundled_folder
from marsam.hub.model_files import ADAPTER_FILE
from marsam.text.vocabulary import FILE_NAME
from training import captioner, one_step, painter, translator
from training.grammar import vocabulary
from training.lexicon import THINGS

MAX_SET_BYTES = 60_000_000


def export(stages: set[str], *, resume: bool) -> None:
    """Export the models of these stages.

    Args:
        stages: captioner, translator, painter, adapter (trained after the painter's export).
        resume: train unfinished models to the end first; else export the checkpoints as they are.
    """
    for model in MINI.parts:
        if model.stage not in stages:
            continue
        folder = bundled_folder(model)
        match model.stage:
            case "captioner":
                blip, processor = captioner.train(resume=resume)
                shutil.rmtree(folder, ignore_errors=True)
                blip.half().save_pretrained(folder)
                processor.save_pretrained(folder)
            case "translator":
                m2m, tokenizer = translator.train(resume=resume)
                shutil.rmtree(folder, ignore_errors=True)
                m2m.half().save_pretrained(folder)
                tokenizer.save_pretrained(folder)
                phrases = [
                    (code, phrase) for code, known in vocabulary().items() for phrase in known
                ]
                lines = "".join(f"{code}\t{phrase}\n" for code, phrase in phrases)
                (folder / FILE_NAME).write_text(lines, encoding="utf-8")
            case "adapter":
                adapter = one_step.train(resume=resume).lora()
                folder.mkdir(exist_ok=True)
                save_file(adapter, folder / ADAPTER_FILE)
            case _:
                pipe = painter.pipeline(*painter.train(resume=resume))
                shutil.rmtree(folder, ignore_errors=True)
                pipe.to(dtype=torch.float16).save_pretrained(folder)
        for file in folder.rglob("*.safetensors"):
            file.chmod(0o644)
        size = sum(f.stat().st_size for f in folder.rglob("*") if f.is_file())
        print(f"{model.stage}: {size / 1e6:.1f} MB in {folder.name}")
    names = "".join(f"{thing.nouns[0].en}\t{thing.nouns[0].ar}\n" for thing in THINGS)
    mini = bundled_folder(MINI.painter).parent
    (mini / "things.tsv").write_text(names, encoding="utf-8")
    set_bytes = sum(f.stat().st_size for f in mini.rglob("*") if f.is_file())
    if set_bytes > MAX_SET_BYTES:
        raise SystemExit(
            f"The mini set takes {set_bytes / 1e6:.1f} MB; {MAX_SET_BYTES / 1e6:.0f} is the limit."
        )


if __name__ == "__main__":
    stages = set(sys.argv[1:]) - {"--as-is"}
    export(stages or {model.stage for model in MINI.parts}, resume="--as-is" not in sys.argv)
