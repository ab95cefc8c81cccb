"""The captioner: a small BLIP, trained on augmented pictures of the things.

Training continues from the bundled captioner.

Auxiliary heads on the vision encoder predict the things, the background, the count and, for each
patch, which thing (or which of a thousand other emoji) covers it. They speed up training for small
things and improve the accuracy on unseen styles. They are not part of the exported model.
"""

import random
import sys

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

from marsam.cpu.allocator import retain_freed_memory
from marsam.hub.catalog import MINI, bundled_folder
from training import drawings, vision_encoder
from training.classifier import as_tensor
from training.dataset import Batch, batches
from training.grammar import caption
from training.lexicon import COLOURS, THINGS
from training.scenes import SIZE, Scene, random_scene, render_scene
from training.trainer import AUTOCAST, MATH_ATTENTION, Trainer, optimisers
from training.workspace import WORKSPACE

KNOWN_PICTURES, OTHER_PICTURES = 48, 16
"""Pictures per step: of things, and of other emoji, which only the patch labels name."""
STEPS, ALL_PATCHES_STEPS = 2_500, 60
"""Steps in total, and those at the end that use all patches, as in inference."""
CURRICULUM_START = 1_000
"""Where the curriculum of the pictures starts: the bundled captioner can read the plain ones."""
AUXILIARY_CLASSES = [len(THINGS), len(THINGS) + 1, len(COLOURS), 4]
"""Classes of each auxiliary target: first thing, second thing or none, colour, count."""
PATCH_CLASSES = len(THINGS) + len(drawings.other_emoji()) + 1
"""Classes of a patch: a thing, another emoji or, as the last, background."""
IMAGE_MEAN, IMAGE_STD = (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)


def new_tokenizer() -> BertTokenizer:
    """A BERT tokenizer with one token per word of the captions, and letters for all other text."""
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
        vocab={piece: i for i, piece in enumerate(pieces)}, extra_special_tokens=["[DEC]", "[ENC]"]
    )


def new_model(tokenizer: BertTokenizer) -> BlipForConditionalGeneration:
    config = BlipConfig(
        vision_config=vision_encoder.config(),
        text_config={
            "vocab_size": len(tokenizer),
            "hidden_size": 192,
            "encoder_hidden_size": vision_encoder.HIDDEN_DIM,
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
        size={"height": SIZE, "width": SIZE}, image_mean=list(IMAGE_MEAN), image_std=list(IMAGE_STD)
    )
    return BlipProcessor(images, tokenizer)


class TrainingModel(nn.Module):
    """BLIP with a convolutional vision encoder and auxiliary heads.

    The names of the attributes are those of the checkpoint.
    """

    def __init__(self, tokenizer: BertTokenizer) -> None:
        super().__init__()
        self.tower = vision_encoder.ConvVisionEncoder()
        self.decoder = new_model(tokenizer).text_decoder
        width = vision_encoder.HIDDEN_DIM
        self.heads = nn.Linear(width, sum(AUXILIARY_CLASSES))
        self.patch_heads = nn.Linear(width, PATCH_CLASSES)

    def forward(
        self, pixels: Tensor, tokens: Tensor, phases: list[tuple[int, int]]
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Compute the logits of captions, auxiliary targets and patches.

        Args:
            pixels: (n, 3, 128, 128) in [-1, 1].
            tokens: captions of the first pictures (m, length), m ≤ n.
            phases: of the patches to use.

        Returns:
            Logits (m, length, vocabulary), (m, all auxiliary classes) and, for all pictures,
            (n, phases × 64, patch classes).
        """
        states = self.tower(pixels, phases)
        captioned = states[: len(tokens)]
        logits = self.decoder(
            input_ids=tokens, attention_mask=tokens.ne(0).long(), encoder_hidden_states=captioned
        ).logits
        return logits, self.heads(captioned[:, 0]), self.patch_heads(states[:, 1:])

    def load_blip(self, blip: BlipForConditionalGeneration) -> None:
        """Continue from the weights of an exported captioner; the auxiliary heads are new."""
        self.decoder.load_state_dict(blip.text_decoder.state_dict())
        vision_encoder.read_blip_weights(self.tower, blip.vision_model)

    def to_blip(self, tokenizer: BertTokenizer) -> BlipForConditionalGeneration:
        """Convert to BLIP, with the vision encoder as a transformer.

        Raises:
            RuntimeError: when the outputs of the two vision encoders differ.
        """
        blip = new_model(tokenizer).eval()
        blip.text_decoder.load_state_dict(self.decoder.state_dict())
        rng = random.Random(0)
        pixels = as_tensor([render_scene(random_scene(rng), rng) for _ in range(16)])
        vision_encoder.write_blip_weights(self.tower, blip.vision_model, pixels)
        difference = vision_encoder.max_difference(self.tower, blip.vision_model, pixels)
        if difference > 0.01:
            raise RuntimeError(f"the converted vision encoder differs by {difference}")
        return blip


def _auxiliary_targets(scenes: list[Scene]) -> list[Tensor]:
    """First thing, second thing or none, colour, and count or pair; (n,) each."""
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


def _losses(
    model: TrainingModel, batch: Batch, tokens: Tensor, phases: list[tuple[int, int]]
) -> dict[str, Tensor]:
    with MATH_ATTENTION(), AUTOCAST():
        logits, auxiliary, patches = model(batch.pixels, tokens, phases)
    # Predict the tokens after [DEC]; padding is ignored.
    targets = tokens[:, 1:].masked_fill(tokens[:, 1:].eq(0), -100)
    text_loss = F.cross_entropy(
        logits[:, :-1].float().transpose(1, 2), targets, label_smoothing=0.05
    )
    groups = auxiliary.float().split(AUXILIARY_CLASSES, dim=1)
    auxiliary_targets = _auxiliary_targets(batch.scenes)
    auxiliary_loss = torch.stack(
        [F.cross_entropy(a, b) for a, b in zip(groups, auxiliary_targets, strict=True)]
    ).sum()
    # A cell of the label map covers four patches, one of each phase.
    labels = batch.labels.flatten(1).repeat(1, len(phases))
    weights = torch.ones(PATCH_CLASSES)
    weights[-1] = 0.3  # background is more than half of all cells, and easy
    patch_logits = patches.float().flatten(0, 1)
    patch_loss = F.cross_entropy(patch_logits, labels.flatten(), weights, label_smoothing=0.05)
    return {"text": text_loss, "auxiliary": auxiliary_loss, "patches": patch_loss}


def train(*, resume: bool = True) -> tuple[BlipForConditionalGeneration, BlipProcessor]:
    """The captioner with averaged weights, trained to the end unless ``resume`` is False."""
    torch.manual_seed(0)
    tokenizer = new_tokenizer()
    model = TrainingModel(tokenizer)
    if not (WORKSPACE / "captioner.pt").is_file():
        bundled = bundled_folder(MINI.captioner)
        model.load_blip(BlipForConditionalGeneration.from_pretrained(bundled))
    trainer = Trainer(
        "captioner",
        model,
        optimisers(model, muon_lr=2.5e-3, adam_lr=7e-4, decay=0.02),
        steps=STEPS,
        ema_decay=0.995,
        cooldown=0.6,
    )
    if resume and trainer.step < trainer.steps:
        _fit(trainer, model, tokenizer)
    return trainer.ema_model.to_blip(tokenizer), new_processor(tokenizer)


def _fit(trainer: Trainer, model: TrainingModel, tokenizer: BertTokenizer) -> None:
    bos = tokenizer.convert_tokens_to_ids("[DEC]")
    rng = random.Random(trainer.step)
    first = trainer.step
    for batch in batches(
        first, known=KNOWN_PICTURES, other=OTHER_PICTURES, step=CURRICULUM_START + first
    ):
        tokens = tokenizer(
            [caption(s) for s in batch.scenes], padding=True, return_tensors="pt"
        ).input_ids
        tokens[:, 0] = bos
        one_phase = trainer.steps - trainer.step > ALL_PATCHES_STEPS
        all_phases = vision_encoder.PHASES
        phases = [rng.choice(all_phases)] if one_phase else all_phases
        losses = _losses(model, batch, tokens, phases)
        trainer.update(losses["text"] + 0.3 * losses["auxiliary"] + losses["patches"])
        trainer.log_and_save(50, 100, **{k: float(v.detach()) for k, v in losses.items()})
        if trainer.step >= trainer.steps:
            break


if __name__ == "__main__":
    torch.set_num_threads(int(sys.argv[1]) if len(sys.argv) > 1 else 1)
    retain_freed_memory()
    train()
