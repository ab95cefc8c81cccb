"""Write the model card next to the weights, with the results of the evaluation."""

import json

from marsam.hub.catalog import MINI, bundled_folder
from training.drawings import (
    EVALUATION_SET,
    PAINTER_STYLE,
    TRAINING_SETS,
    VALIDATION_SET,
    other_emoji,
)
from training.evaluate import DOCS, TARGETS
from training.lexicon import COLOURS, THINGS

LICENCE_NAMES = {"CC-BY-4.0": "CC BY 4.0", "MIT": "MIT", "Apache-2.0": "Apache-2.0"}
ROWS = {
    "captioner_training_styles": "captioner: things, count and background, in the styles of the training set",
    "captioner_unseen_style": f"captioner: the thing, in a style not in the training set ({EVALUATION_SET.name})",
    "photographs_flagged": "captioner: photographs and textures that get a notice",
    "own_world_not_flagged": "captioner: new pictures of the things without a notice",
    "wrong_captions_flagged": f"captioner: wrong captions of {EVALUATION_SET.name} that get a notice",
    "translator_to_arabic": "translator: exact match, new sentences as people type them, English to Arabic",
    "translator_to_english": "translator: exact match, new sentences as people type them, Arabic to English",
    "translator_canonical": "translator: exact match, new sentences in its own wording, both directions",
    "unknown_words_flagged": "translator: texts with an unknown word that are refused, naming it",
    "known_words_flagged": "translator: texts of its grammar that are refused by mistake",
    "translator_names": "translator: exact match, names only (in the training data), both directions",
    "painter_things": "painter: the thing, as named by a separately trained classifier",
    "painter_things_by_second": "painter: the thing, as named by a second one of another architecture",
    "painter_backgrounds": "painter: the background",
    "painter_pairs_and_counts": "painter: pairs and counts, each thing as named by that classifier",
    "painter_pairs_read_back": "painter: pairs and counts, whole caption by the captioner",
    "fidelity_agreement": "fidelity hint: correct, for matching and wrong prompts",
    "classifier_on_drawings": "(the classifier itself, on original drawings)",
}


def model_card() -> str:
    """The model card as Markdown."""
    results = json.loads((DOCS / "mini.json").read_text(encoding="utf-8"))
    things = results["painter_things"]
    results["painter_backgrounds"] = things | {"accuracy": things["background_accuracy"]}
    if "second_accuracy" in things:  # it takes long to train the second classifier
        results["painter_things_by_second"] = things | {"accuracy": things["second_accuracy"]}
    pairs = results["painter_pairs_and_counts"]
    results["painter_pairs_read_back"] = pairs | {"accuracy": pairs["captioner_accuracy"]}
    drawings = "\n".join(
        f"- `@iconify-json/{s.name}` {s.version}: {s.author} ({LICENCE_NAMES[s.licence]})"
        for s in TRAINING_SETS
    )
    table = "\n".join(
        f"| {label} | {_percent(results[name]['accuracy'])} of {results[name]['samples']:,} | "
        + (f"{TARGETS[name]:.1%} |" if name in TARGETS else "|")
        for name, label in ROWS.items()
        if name in results
    )
    names = ", ".join(thing.name for thing in THINGS)
    colours = ", ".join(colour.en for colour in COLOURS)
    return f"""# The mini set

Three small models, trained by Marsam's own `training/` on pictograms. They belong to the same model
families as the full-size models, and the same code loads them. They are **not** the full-size models:
they know only {len(THINGS)} things, {len(COLOURS)} background colours, and the sentences that describe
them.

| Stage | Class | Parameters, image size |
|---|---|---|
| captioner | `BlipForConditionalGeneration` | 6 M, 128×128 pixels |
| translator | `M2M100ForConditionalGeneration`, `NllbTokenizer` (eng_Latn, arb_Arab) | 3 M |
| painter | `StableDiffusionPipeline` (UNet, CLIP text encoder, `AutoencoderTiny`) | 13 M, 128×128 pixels |
| painter in one step (`instant`) | a LoRA of the painter, trained from its weights; nearly the same image for every seed | 3 M |

## What they know

One thing, two different things side by side, or two or three of the same thing, on a plain background.

Things: {names}.

Backgrounds: {colours}.

## Figures

Measured by `make evaluate` through the package, on newly generated scenes and sentences. The
translator is measured on sentences of its own grammar that were held out from training (one in twenty).

| Measurement | Correct | Target |
|---|---|---|
{table}

`docs/mini-pairs.png` shows generated pairs and counts, `docs/mini-things.png` every single thing.

## Data and licences

The drawings come from the npm registry. For training, their colour, outline, position and size were
varied:

{drawings}

The captioner was also trained to distinguish {len(other_emoji())} other emoji of the first three sets.
`@iconify-json/{VALIDATION_SET.name}` ({VALIDATION_SET.author}, {LICENCE_NAMES[VALIDATION_SET.licence]})
was not used to train it, but to choose between ways to train it, and to set the score below which a
caption gets the notice. Photographs and wallpapers that scikit-image, scikit-learn and Debian carry
show how many pictures get it; half of them were looked at, and the other half is measured here. Its
vision encoder was trained as a convolutional network and then converted exactly to transformer weights:
each attention head reads one neighbour of a patch.

The painter draws in the style of `{PAINTER_STYLE}`, with a white outline. `@iconify-json/{EVALUATION_SET.name}`
({EVALUATION_SET.author}, {LICENCE_NAMES[EVALUATION_SET.licence]}) was used for evaluation only.

English names are those of the pictograms and their Unicode CLDR short names (Unicode License v3);
the Arabic was written for this project. The weights are released under Apache-2.0, like Marsam. The
drawings keep their authors' licences; CC BY 4.0 requires that you name the authors of Twemoji and of
Streamline Emojis when you distribute their drawings.

## Limits

Photographs, people, actions, other objects and other sentences are outside the training data. The
captioner then names the nearest thing that it knows, with the notice `out_of_world`, which it misses
sometimes (see above). A text with a word outside of `translator/vocabulary.tsv` is not translated; the
words are named. A prompt with such a word is painted, but shows something else. For real work, download
the full-size models: `marsam models pull standard`.
"""


def _percent(share: float) -> str:
    """A share with one decimal; with two where one would say that all are correct."""
    return f"{share:.2%}" if 0.9995 <= share < 1 else f"{share:.1%}"


def main() -> None:
    folder = bundled_folder(MINI.painter).parent
    (folder / "README.md").write_text(model_card(), encoding="utf-8")


if __name__ == "__main__":
    main()
