"""The captioner: a small BLIP, trained on pictures of the things in every style we could make.

Beside the caption, helpers are asked of the vision tower while it learns: what is shown, on what
background, in each patch which thing covers it, and what the guide sees there. They point the way
(small things side by side are found far sooner, styles never seen are read far better), and are
thrown away afterwards.
"""

import sys
from collections.abc import Callable, Iterable
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import (
    BertTokenizer,
    BlipConfig,
    BlipForConditionalGeneration,
    BlipImageProcessorPil,
    BlipProcessor,
)

from training import guide
from training.grammar import caption
from training.lessons import CELL, Lesson, lessons
from training.lexicon import COLOURS, THINGS
from training.loop import MIXED, PLAIN_ATTENTION, Training, optimisers
from training.world import SIZE, Scene

KNOWN, STRANGE = 64, 40
"""Pictures a step: of the things, and of strangers, where only the guide has something to say."""
STEPS = 11_200
HINTS = [len(THINGS), len(THINGS) + 1, len(COLOURS), 4]
"""Answers to choose from: the first thing, the second or none, the colour, how many."""
MEAN, STD = (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)
MAX_TOKENS = 20


def new_tokenizer() -> BertTokenizer:
    """A BERT tokenizer with one token a word of the world, and letters for everything else."""
    words: set[str] = set()
    for thing in range(len(THINGS)):
        for count in (1, 2):
            words.update(caption(Scene((thing,), count, 0)).split())
    words.update(colour.en for colour in COLOURS)
    words |= {"a", "an", "and", "on", "two", "three", "background"}
    words |= {"the", "of", "photograph", "picture", "image"}
    letters = [chr(c) for c in range(33, 127) if not chr(c).isupper()]
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    pieces = [*special, *sorted(words - set(letters)), *letters, *(f"##{c}" for c in letters)]
    return BertTokenizer(
        vocab={piece: i for i, piece in enumerate(pieces)},
        extra_special_tokens=["[DEC]", "[ENC]"],
    )


def new_model(tokenizer: BertTokenizer) -> BlipForConditionalGeneration:
    config = BlipConfig(
        vision_config={
            "image_size": SIZE,
            "patch_size": CELL,
            "hidden_size": 256,
            "intermediate_size": 768,
            "num_hidden_layers": 6,
            "num_attention_heads": 8,
            "attention_dropout": 0.0,
        },
        text_config={
            "vocab_size": len(tokenizer),
            "hidden_size": 192,
            "encoder_hidden_size": 256,
            "intermediate_size": 512,
            "num_hidden_layers": 2,
            "num_attention_heads": 6,
            "max_position_embeddings": 64,
            "hidden_dropout_prob": 0.0,
            "attention_probs_dropout_prob": 0.0,
            "bos_token_id": tokenizer.convert_tokens_to_ids("[DEC]"),
            "pad_token_id": tokenizer.pad_token_id,
            "eos_token_id": tokenizer.sep_token_id,
            "sep_token_id": tokenizer.sep_token_id,
        },
        image_text_hidden_size=64,
        projection_dim=192,
        label_smoothing=0.0,
    )
    return BlipForConditionalGeneration(config)


def new_processor(tokenizer: BertTokenizer) -> BlipProcessor:
    images = BlipImageProcessorPil(
        size={"height": SIZE, "width": SIZE}, image_mean=list(MEAN), image_std=list(STD)
    )
    return BlipProcessor(images, tokenizer)


class Learner(nn.Module):
    """BLIP and the helpers of its vision tower."""

    def __init__(self, tokenizer: BertTokenizer) -> None:
        super().__init__()
        self.blip = new_model(tokenizer)
        self.heads = nn.Linear(256, sum(HINTS))
        self.patch_heads = nn.Linear(256, len(THINGS) + 1)
        self.guide_head = nn.Linear(256, guide.WIDTHS[-1])

    def forward(
        self, pixels: Tensor, tokens: Tensor, kept: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """``kept`` (n, k) says which patches of each picture are looked at.

        Words and hints are about the first pictures, as many as there are captions; what the
        patches show, and what the guide sees in them, is about all.
        """
        tower = self.blip.vision_model
        patches = tower.embeddings(pixels)
        chosen = patches[:, 1:].gather(1, kept[..., None].expand(-1, -1, patches.shape[2]))
        encoded = tower.encoder(inputs_embeds=torch.cat([patches[:, :1], chosen], dim=1))
        seen = tower.post_layernorm(encoded.last_hidden_state)
        named = seen[: len(tokens)]
        mask = tokens.ne(self.blip.config.text_config.pad_token_id)
        words = self.blip.text_decoder(
            input_ids=tokens, attention_mask=mask.long(), encoder_hidden_states=named
        ).logits
        cells = seen[:, 1:]
        return words, self.heads(named[:, 0]), self.patch_heads(cells), self.guide_head(cells)


def _targets(scenes: list[Scene]) -> list[Tensor]:
    """The first thing, the second (or none), the colour, and how many."""
    none = len(THINGS)
    return [
        torch.tensor(column)
        for column in zip(
            *(
                (
                    scene.things[0],
                    scene.things[1] if len(scene.things) == 2 else none,
                    scene.colour,
                    3 if len(scene.things) == 2 else scene.count - 1,
                )
                for scene in scenes
            ),
            strict=True,
        )
    ]


def _loss(
    learner: Learner, teacher: guide.Guide, lesson: Lesson, tokens: Tensor, kept: Tensor
) -> dict[str, Tensor]:
    """``kept`` (n, k) are the patches looked at; each learns of the lesson's cell it lies in."""
    side, cells = SIZE // learner.blip.config.vision_config.patch_size, SIZE // CELL
    within = kept // side * cells // side * cells + kept % side * cells // side
    with PLAIN_ATTENTION(), MIXED():
        words, hints, patches, felt = learner(lesson.pixels, tokens, kept)
        with torch.no_grad():
            features, scores = (part.flatten(2).transpose(1, 2) for part in teacher(lesson.pixels))
        index = within[..., None]
        features = features.gather(1, index.expand(-1, -1, features.shape[2])).float()
        scores = scores.gather(1, index.expand(-1, -1, scores.shape[2])).float()
        # What the guide would make of what the tower saw.
        named = F.linear(F.silu(felt), teacher.head.weight[:, :, 0, 0], teacher.head.bias).float()
    # A caption's words after [DEC] are what is predicted.
    wanted = tokens[:, 1:].masked_fill(tokens[:, 1:].eq(0), -100)
    text = F.cross_entropy(words[:, :-1].float().transpose(1, 2), wanted, label_smoothing=0.05)
    asked = hints.float().split(HINTS, dim=1)
    helpers = torch.stack(
        [F.cross_entropy(a, b) for a, b in zip(asked, _targets(lesson.scenes), strict=True)]
    ).sum()
    where = lesson.where.flatten(1).gather(1, within)
    nothing = where.eq(guide.KINDS - 1)
    shown = where.masked_fill(where.ge(len(THINGS)), -100).masked_fill(nothing, len(THINGS))
    covers = F.cross_entropy(patches.float().transpose(1, 2), shown)
    felt = F.mse_loss(felt.float(), features)
    far = F.kl_div(named.log_softmax(2), scores.log_softmax(2), log_target=True, reduction="none")
    agrees = far.sum(2)[~nothing].mean()
    return {"text": text, "helpers": helpers, "patches": covers, "felt": felt, "agrees": agrees}


def train(*, more: bool = True) -> tuple[BlipForConditionalGeneration, BlipProcessor]:
    """The trained captioner (averaged weights) with its processor."""
    torch.manual_seed(0)
    tokenizer = new_tokenizer()
    learner = Learner(tokenizer)
    run = Training(
        "captioner",
        learner,
        optimisers(learner, muon_lr=4e-3, adam_lr=1e-3, decay=0.02),
        steps=STEPS,
        average=0.998,
        cooldown=0.4,
    )
    if not more or run.step >= run.steps:
        return run.averaged.blip, new_processor(tokenizer)
    # Hiding patches halves the work, and no single detail can be relied upon; at the end, while
    # the learning rate is low, it sees everything, as in use.
    made = lessons(run.step, known=KNOWN, strange=STRANGE, step=run.step, muddle=True)
    study(run, tokenizer, made, lambda: 0.6 if run.rate() > 0.35 else 1.0)
    return run.averaged.blip, new_processor(tokenizer)


def study(
    run: Training, tokenizer: BertTokenizer, made: Iterable[Lesson], share: Callable[[], float]
) -> None:
    """Learn until the run is over, seeing a share of each picture's patches."""
    learner, teacher = cast(Learner, run.model), guide.train()
    start = tokenizer.convert_tokens_to_ids("[DEC]")
    vision = learner.blip.config.vision_config
    patches = (vision.image_size // vision.patch_size) ** 2
    for lesson in made:
        tokens = tokenizer(
            [caption(s) for s in lesson.scenes], padding=True, return_tensors="pt"
        ).input_ids
        tokens[:, 0] = start
        kept = torch.rand(len(lesson.pixels), patches).argsort(1)[:, : round(share() * patches)]
        losses = _loss(learner, teacher, lesson, tokens, kept)
        run.update(
            losses["text"]
            + 0.3 * losses["helpers"]
            + losses["patches"]
            + losses["felt"]
            + losses["agrees"]
        )
        run.report(100, 250, **{k: float(v.detach()) for k, v in losses.items()})
        if run.step >= run.steps:
            break


if __name__ == "__main__":
    torch.set_num_threads(int(sys.argv[1]) if len(sys.argv) > 1 else 1)
    train()
