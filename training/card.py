"""Writes the model card beside the weights, from the figures of the evaluation."""

import json

from marsam.hub.catalog import MINI, bundled_folder
from training.drawings import JUDGING_SET, PAINTER_STYLE, TRAINING_SETS, strangers
from training.evaluate import DOCS, GOALS
from training.lexicon import COLOURS, THINGS

LICENCE_NAMES = {"CC-BY-4.0": "CC BY 4.0", "MIT": "MIT", "Apache-2.0": "Apache-2.0"}
ROWS = {
    "captioner_training_styles": "captioner: things, count and background, training styles",
    "captioner_unseen_style": f"captioner: the thing, in a style it never saw ({JUDGING_SET.name})",
    "translator_to_arabic": "translator: exact, unseen sentences, English to Arabic",
    "translator_to_english": "translator: exact, unseen sentences, Arabic to English",
    "translator_names": "translator: exact, names alone, both ways",
    "painter_things": "painter: the thing, named by a classifier trained apart",
    "painter_backgrounds": "painter: the background",
    "painter_pairs_and_counts": "painter: pairs and counts, each thing named by that classifier",
    "painter_pairs_read_back": "painter: the same, read back whole by the captioner",
    "fidelity_agreement": "fidelity hint: agrees with the truth, right and wrong prompts",
    "judge_on_drawings": "(that classifier itself, on real drawings)",
}


def card() -> str:
    figures = json.loads((DOCS / "mini.json").read_text(encoding="utf-8"))
    figures["painter_backgrounds"] = figures["painter_things"] | {
        "right": figures["painter_things"]["backgrounds"]
    }
    pairs = figures["painter_pairs_and_counts"]
    figures["painter_pairs_read_back"] = pairs | {"right": pairs["by_captioner"]}
    drawings = "\n".join(
        f"- `@iconify-json/{s.name}` {s.version}: {s.author} ({LICENCE_NAMES[s.licence]})"
        for s in TRAINING_SETS
    )
    table = "\n".join(
        f"| {label} | {figures[name]['right']:.1%} of {figures[name]['of']:,} | "
        + (f"{GOALS[name]:.1%} |" if name in GOALS else "|")
        for name, label in ROWS.items()
    )
    names = ", ".join(thing.name for thing in THINGS)
    colours = ", ".join(colour.en for colour in COLOURS)
    return f"""# The mini set

Three small models, trained by Marsam's own `training/` on a small world of pictograms. They are real
models of the same families as the full-size ones, and load through the same code. They are **not**
the full-size ones: they know {len(THINGS)} things, {len(COLOURS)} background colours, and the
sentences that describe them, and nothing else.

| stage | class | weights |
|---|---|---|
| captioner | `BlipForConditionalGeneration` | 6 M, 128×128 pixels |
| translator | `M2M100ForConditionalGeneration`, `NllbTokenizer` (eng_Latn, arb_Arab) | 3 M |
| painter | `StableDiffusionPipeline` (UNet, CLIP text encoder, `AutoencoderTiny`) | 13 M, 128×128 pixels |

## What they know

One thing, two different things side by side, or two or three of the same, on a plain background.

Things: {names}.

Backgrounds: {colours}.

## Figures

Measured by `make evaluate` through the package, on compositions and sentences drawn afresh.

| what | right | goal |
|---|---|---|
{table}

What the painter makes of pairs and counts:
`docs/mini-pairs.png`; of every single thing: `docs/mini-things.png`.

## Data and licences

Drawings, from the npm registry, changed in colour, outline, place and size for training:

{drawings}

The captioner learned to tell {len(strangers())} other emoji of the same three sets apart as well;
nothing else came in. Its vision tower learned as convolutions, and is a transformer all the same: each
head looks at one neighbour of a patch.

The painter draws in the style of `{PAINTER_STYLE}`, with a white rim. `@iconify-json/{JUDGING_SET.name}`
({JUDGING_SET.author}, {LICENCE_NAMES[JUDGING_SET.licence]}) was used for judging only.

English names are those of the pictograms and their Unicode CLDR short names (Unicode License v3);
the Arabic was written for this project. The weights are released under Apache-2.0, like Marsam; the
drawings keep their authors' licences, and CC BY 4.0 asks you to name Twemoji's authors when you pass
its drawings on.

## Limits

Photographs, people, actions, other objects and other sentences are outside this world: the
captioner will name the nearest thing it knows, the translator will garble what it never met, the
painter will paint something. For real work fetch the full-size models:
`marsam models pull standard`.
"""


def main() -> None:
    folder = bundled_folder(MINI.painter).parent
    (folder / "README.md").write_text(card(), encoding="utf-8")


if __name__ == "__main__":
    main()
