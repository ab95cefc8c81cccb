"""Pictures into English words, with BLIP."""

import re
import threading
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from PIL import Image

from marsam.cpu.allocator import trim_memory
from marsam.cpu.threads import intra_op_threads
from marsam.device import Device
from marsam.errors import ModelUnsupported, map_model_errors
from marsam.notices import Notice
from marsam.options import CaptionOptions
from marsam.results import Caption
from marsam.stages.loading import loading, quiet, read_config, read_early, require_files
from marsam.text.cleaning import clean, collapse_loops

JUNK_WORDS = ("araf", "arafed", "araffe", "araffed", "araffes", "arafy", "araful", "arafly")
"""Words that BLIP-large makes up; they mean nothing."""
_JUNK = re.compile(
    rf"\b(?P<article>an? )?(?:{'|'.join(JUNK_WORDS)})\b\s*(?P<next>\w?)", re.IGNORECASE
)


class BlipCaptioner:
    """A BLIP model in a folder, loaded when first needed.

    Args:
        folder: what ``save_pretrained`` writes (``config.json``, weights, vocabulary).
        device: where and in which number format it computes.
        name: what to call it in results.
    """

    def __init__(self, folder: Path, *, device: Device, name: str | None = None) -> None:
        self.folder, self.device = folder, device
        self.name = name or folder.name
        self._lock = threading.Lock()  # one picture at a time; also guards the first load
        family = read_config(folder).get("model_type")
        if family != "blip":
            raise ModelUnsupported(
                f"{self.name} is a {family!r} model; captions need a BLIP model."
            )

    @cached_property
    def _loaded(self) -> tuple[Any, Any, Any, list[Any]]:
        read_early(self.folder)
        with loading, map_model_errors(f"loading the captioner {self.name}"):
            quiet("transformers")
            from transformers import (
                AutoTokenizer,
                BlipForConditionalGeneration,
                BlipImageProcessorPil,
            )

            require_files(self.folder, "captioner", self.name)
            tokenizer = AutoTokenizer.from_pretrained(self.folder)
            images = BlipImageProcessorPil.from_pretrained(self.folder)
            model = BlipForConditionalGeneration.from_pretrained(
                self.folder, dtype=self.device.torch_dtype
            )
            model.eval().to(self.device.kind)
            shared: list[Any] = []
            if self.device.is_cpu:
                from marsam.cpu.blip_vision import apply_blip_optimizations
                from marsam.cpu.quantized_linear import quantize_linears, uses_fbgemm

                shared = apply_blip_optimizations(model, self.device)
                quantize_linears(model.text_decoder, self.device)
                if uses_fbgemm(self.device):
                    from marsam.cpu.layerwise_casting import apply_layerwise_casting

                    first = model.vision_model.embeddings.patch_embedding.weight
                    apply_layerwise_casting(model, skip=first)
            trim_memory()
            return model, images, tokenizer, shared

    def caption(self, image: Image.Image, options: CaptionOptions) -> tuple[Caption, ...]:
        """Describe an RGB picture of any size in English.

        Returns:
            Up to ``options.candidates`` different captions, the best first; never none.

        Raises:
            ModelError: when the model cannot be loaded.
            OutOfMemory: when the device is too small.
        """
        return self.caption_many([image], options)[0]

    def caption_many(
        self, images: Sequence[Image.Image], options: CaptionOptions
    ) -> list[tuple[Caption, ...]]:
        """Describe several pictures at once, each as :meth:`caption` would.

        Raises:
            ModelError: when the model cannot be loaded.
            OutOfMemory: when the device is too small for so many.
        """
        # What is said of a picture must not depend on its neighbours: chance would, and on a
        # processor so does the rounding of bfloat16, which decides close calls.
        if options.sampling or self.device.has_bf16:
            return [self._described([image], options)[0] for image in images]
        return self._described(images, options) if images else []

    def _described(
        self, images: Sequence[Image.Image], options: CaptionOptions
    ) -> list[tuple[Caption, ...]]:
        import torch

        with (
            self._lock,
            map_model_errors("describing a picture"),
            intra_op_threads(self.folder),
            torch.inference_mode(),
        ):
            model, processor, tokenizer, shared = self._loaded
            decoding = _decoding(options)
            for layer in shared:
                layer.beams = decoding["num_beams"]
            pixels = processor(images=list(images), return_tensors="pt").pixel_values
            # The same words for all: BLIP would pad inside the shorter of different prompts.
            prompt = tokenizer([options.prefix] * len(images), return_tensors="pt").input_ids
            with torch.random.fork_rng():  # sampling must not disturb anybody's seeds
                torch.manual_seed(options.seed)
                output = model.generate(
                    pixels.to(self.device.kind, self.device.torch_dtype),
                    input_ids=prompt.to(self.device.kind),
                    bad_words_ids=_forbidden(tokenizer),
                    min_new_tokens=options.min_tokens,
                    max_new_tokens=options.max_tokens,
                    num_return_sequences=options.candidates,
                    cache=_cache(model.text_decoder.config),
                    return_dict_in_generate=True,
                    output_scores=True,
                    **decoding,
                )
            scores = _scores(model.text_decoder, output)
            texts = tokenizer.batch_decode(output.sequences, skip_special_tokens=True)
        each = options.candidates
        return [
            _best_first(texts[first : first + each], scores[first : first + each])
            for first in range(0, len(texts), each)
        ]


def _cache(config: Any) -> Any:
    """What a decoder remembers, with one picture for all its beams.

    Beams change places at every word. What each has said must move along; what the picture looks
    like is the same for all, and moving it takes longer than all the rest of the decoder.
    """
    from transformers import DynamicCache, EncoderDecoderCache

    class OnePicture(EncoderDecoderCache):  # type: ignore[misc]
        def reorder_cache(self, beam_idx: Any) -> None:
            self.self_attention_cache.reorder_cache(beam_idx)

    return OnePicture(DynamicCache(config=config), DynamicCache(config=config))


def _decoding(options: CaptionOptions) -> dict[str, Any]:
    if options.sampling:
        return {"do_sample": True, "top_p": 0.9, "num_beams": 1}
    return {"do_sample": False, "num_beams": max(options.beams, options.candidates)}


def _forbidden(tokenizer: Any) -> list[list[int]] | None:
    rows = [tokenizer(word, add_special_tokens=False).input_ids for word in JUNK_WORDS]
    return [row for row in rows if row and tokenizer.unk_token_id not in row] or None


def _scores(decoder: Any, output: Any) -> list[float]:
    """The mean log-probability a token of each caption."""
    if getattr(output, "sequences_scores", None) is not None:
        return [float(score) for score in output.sequences_scores]
    steps = decoder.compute_transition_scores(
        output.sequences, output.scores, normalize_logits=True
    )
    # What is ready early is filled up while the others are not; that is nobody's word.
    said = output.sequences[:, -steps.shape[1] :] != decoder.config.pad_token_id
    return [
        float(row[row.isfinite() & words].mean()) for row, words in zip(steps, said, strict=True)
    ]


def _best_first(texts: Iterable[str], scores: Iterable[float]) -> tuple[Caption, ...]:
    """Mended captions, each text once."""
    captions: dict[str, Caption] = {}
    for text, score in sorted(zip(texts, scores, strict=True), key=lambda row: -row[1]):
        caption = mended(text, score)
        captions.setdefault(caption.text, caption)
    told = tuple(caption for caption in captions.values() if caption.text)
    return told or tuple(captions.values())


def _without_junk(match: re.Match[str]) -> str:
    """What follows the word, with the article that fits it."""
    following = match["next"]
    article = "an " if following in tuple("aeiou") else "a "
    return f"{article if match['article'] and following else ''}{following}"


def mended(text: str, score: float) -> Caption:
    """A caption without loops and made-up words; its warnings say what was done."""
    warnings = []
    words = clean(text)
    if _JUNK.search(words):
        words = _JUNK.sub(_without_junk, words).strip()
        warnings.append(Notice.JUNK_REMOVED)
    collapsed = collapse_loops(words)
    if collapsed != words:
        warnings.append(Notice.LOOP_COLLAPSED)
    if not collapsed:
        warnings.append(Notice.CAPTION_EMPTY)
    return Caption(text=collapsed, score=score, warnings=tuple(warnings))
