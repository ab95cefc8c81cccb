"""English captions with BLIP."""

import re
import threading
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cached_property
from math import inf
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from marsam.abilities import CaptionerAbilities
from marsam.cpu.blip_vision import apply_blip_optimizations
from marsam.cpu.layerwise_casting import apply_layerwise_casting
from marsam.cpu.quantized_linear import quantize_linears, uses_fbgemm
from marsam.cpu.threads import intra_op_threads
from marsam.device import Device
from marsam.errors import map_model_errors
from marsam.imaging.image_io import is_uniform
from marsam.notices import Notice
from marsam.options import CaptionOptions
from marsam.results import Caption
from marsam.stages.loading import loading_model
from marsam.stages.novelty import NoveltyDetector, plain_border
from marsam.text.cleaning import clean, collapse_repetitions

MAX_TOKENS = 40
"""Greatest length of a caption, where the options name none."""
MAX_SCORE_GAP = 0.3
"""A candidate of beam search whose score is further below the best is a bad sentence or a guess."""
JUNK_WORDS = ("araf", "arafed", "araffe", "araffed", "araffes", "arafy", "araful", "arafly")
"""Words that BLIP-large invents; they mean nothing."""
_JUNK = re.compile(
    rf"\b(?P<article>an? )?(?:{'|'.join(JUNK_WORDS)})\b\s*(?P<next>\w?)", re.IGNORECASE
)


class BlipCaptioner:
    """A BLIP model in a folder, loaded when first needed.

    Args:
        folder: in the layout of ``save_pretrained`` (``config.json``, weights, vocabulary).
        device: where it computes, and in which dtype.
        name: its name in results; the folder's name by default.
    """

    abilities = CaptionerAbilities()

    def __init__(self, folder: Path, *, device: Device, name: str | None = None) -> None:
        self.folder, self.device = folder, device
        self.name = name or folder.name
        self._lock = threading.Lock()  # one forward pass at a time; also guards the loading

    @cached_property
    def _loaded(self) -> tuple[Any, Any, Any, list[Any]]:
        """The model, its image processor and tokenizer, and the cross-attention layers."""
        with loading_model(self.folder, "captioner", self.name, "transformers"):
            import transformers

            tokenizer = transformers.AutoTokenizer.from_pretrained(
                self.folder, trust_remote_code=False
            )
            images = transformers.BlipImageProcessorPil.from_pretrained(self.folder)
            model = transformers.BlipForConditionalGeneration.from_pretrained(
                self.folder, dtype=self.device.torch_dtype
            )
            model.eval().to(self.device.kind)
            shared: list[Any] = []
            if self.device.is_cpu:
                shared = apply_blip_optimizations(model, self.device)
                quantize_linears(model.text_decoder, self.device)
                if uses_fbgemm(self.device):
                    first = model.vision_model.embeddings.patch_embedding.weight
                    apply_layerwise_casting(model, skip=first)
            return model, images, tokenizer, shared

    @cached_property
    def _novelty(self) -> NoveltyDetector | None:
        with map_model_errors("loading the captioner"):
            return NoveltyDetector.in_folder(self.folder)

    def caption(self, image: Image.Image, options: CaptionOptions) -> tuple[Caption, ...]:
        """See :meth:`marsam.stages.Captioner.caption`."""
        return self.caption_many([image], options)[0]

    def caption_many(
        self, images: Sequence[Image.Image], options: CaptionOptions
    ) -> list[tuple[Caption, ...]]:
        """See :meth:`marsam.stages.Captioner.caption_many`."""
        self.abilities.check(options, self.name)
        shown = [image for image in images if not is_uniform(image)]
        captions = iter(self._caption_shown(shown, options))
        empty = (Caption(text="", warnings=(Notice.NOTHING_TO_SEE,)),)
        return [empty if is_uniform(image) else next(captions) for image in images]

    def _caption_shown(
        self, images: Sequence[Image.Image], options: CaptionOptions
    ) -> list[tuple[Caption, ...]]:
        # A caption must not depend on the rest of the batch. Sampling would, and on a CPU so does
        # the rounding of bfloat16, which decides between beams of nearly equal score.
        if options.sampling or self.device.has_bf16:
            return [self._caption_batch([image], options)[0] for image in images]
        return self._caption_batch(images, options) if images else []

    def _caption_batch(
        self, images: Sequence[Image.Image], options: CaptionOptions
    ) -> list[tuple[Caption, ...]]:
        with (
            self._lock,
            map_model_errors("describing a picture"),
            intra_op_threads(self.folder),
            torch.inference_mode(),
        ):
            model, processor, tokenizer, cross_attentions = self._loaded
            beams = 1 if options.sampling else max(options.beams, options.candidates)
            for layer in cross_attentions:
                layer.beams = beams
            pixels = processor(images=list(images), return_tensors="pt").pixel_values
            # One prefix for all: BLIP would pad inside the shorter of different prompts.
            prompt = tokenizer([options.prefix] * len(images), return_tensors="pt").input_ids
            with torch.random.fork_rng():  # sampling must not change the caller's random state
                torch.manual_seed(options.seed)
                output = model.generate(
                    pixels.to(self.device.kind, self.device.torch_dtype),
                    input_ids=prompt.to(self.device.kind),
                    bad_words_ids=_junk_token_ids(tokenizer),
                    min_new_tokens=options.min_tokens,
                    max_new_tokens=options.max_tokens or max(MAX_TOKENS, options.min_tokens),
                    num_return_sequences=options.candidates,
                    num_beams=beams,
                    do_sample=options.sampling,
                    top_p=0.9 if options.sampling else None,
                    cache=_shared_image_cache(model.text_decoder.config),
                    return_dict_in_generate=True,
                    output_scores=True,
                )
            scores = _scores(model.text_decoder, output)
            texts = tokenizer.batch_decode(output.sequences, skip_special_tokens=True)
            each, max_gap = options.candidates, inf if options.sampling else MAX_SCORE_GAP
            captions = [
                best_first(
                    map(clean_caption, texts[first : first + each], scores[first : first + each]),
                    max_gap=max_gap,
                )
                for first in range(0, len(texts), each)
            ]
            if self._novelty is None:
                return captions
            return [
                tuple(map(_outside, candidates))
                if self._novelty.is_outside(border, candidates[0].score)
                else candidates
                for candidates, border in zip(captions, plain_border(pixels).tolist(), strict=True)
            ]


def _outside(caption: Caption) -> Caption:
    return replace(caption, warnings=(*caption.warnings, Notice.OUT_OF_WORLD))


def _shared_image_cache(config: Any) -> Any:
    """Return a KV cache whose cross-attention part is shared by all beams of an image.

    Beam search reorders the cache at every token. The self-attention part must follow; the image's
    keys and values are the same for all beams, and reordering them would take longer than the rest
    of the decoder.
    """
    from transformers import DynamicCache, EncoderDecoderCache

    cache = EncoderDecoderCache(DynamicCache(config=config), DynamicCache(config=config))
    cache.reorder_cache = cache.self_attention_cache.reorder_cache
    return cache


def _junk_token_ids(tokenizer: Any) -> list[list[int]] | None:
    # BLIP's vocabulary writes them as "ara" and an ending, of which there are more; words such as
    # "arabic" are tokens of their own.
    words = ("ara", *JUNK_WORDS)
    rows = [tokenizer(word, add_special_tokens=False).input_ids for word in words]
    return [row for row in rows if row and tokenizer.unk_token_id not in row] or None


def _scores(decoder: Any, output: Any) -> list[float]:
    """Return the mean log-probability per token of each caption."""
    if getattr(output, "sequences_scores", None) is not None:
        return [float(score) for score in output.sequences_scores]
    steps = decoder.compute_transition_scores(
        output.sequences, output.scores, normalize_logits=True
    )
    # Captions that end early are padded.
    is_token = output.sequences[:, -steps.shape[1] :] != decoder.config.pad_token_id
    return [
        float(row[row.isfinite() & tokens].mean())
        for row, tokens in zip(steps, is_token, strict=True)
    ]


def best_first(captions: Iterable[Caption], *, max_gap: float) -> tuple[Caption, ...]:
    """Return the captions without duplicates, the best first.

    A caption whose score is more than ``max_gap`` below the best is left out.
    """
    ranked = sorted(captions, key=lambda caption: -caption.score)
    different: dict[str, Caption] = {}
    for caption in ranked:
        if caption.score >= ranked[0].score - max_gap:
            different.setdefault(caption.text, caption)
    nonempty = tuple(caption for caption in different.values() if caption.text)
    return nonempty or tuple(different.values())


def _without_junk(match: re.Match[str]) -> str:
    """Return what follows the junk word, with the article that fits it."""
    if not match["article"] or not match["next"]:
        return match["next"]
    return ("an " if match["next"] in "aeiou" else "a ") + match["next"]


def clean_caption(text: str, score: float) -> Caption:
    """Remove junk words and repetitions from a caption; its warnings report every change."""
    words, junk_count = _JUNK.subn(_without_junk, clean(text))
    collapsed = collapse_repetitions(words)
    changes = {
        Notice.JUNK_REMOVED: junk_count > 0,
        Notice.LOOP_COLLAPSED: collapsed != words.strip(),
        Notice.CAPTION_EMPTY: not collapsed,
    }
    warnings = tuple(notice for notice, found in changes.items() if found)
    return Caption(text=collapsed, score=score, warnings=warnings)
