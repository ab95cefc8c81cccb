"""Captions from vision-language models, which are asked for them in English or Arabic."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from math import inf
from typing import Any

import torch
from PIL import Image

from marsam.abilities import CaptionerAbilities
from marsam.errors import ModelUnsupported, map_model_errors
from marsam.imaging.image_io import is_uniform
from marsam.imaging.start_picture import pixels_sha256
from marsam.notices import Notice
from marsam.options import CaptionLength, CaptionOptions
from marsam.results import Caption
from marsam.stages.caption_requests import MAX_TOKENS, request_for
from marsam.stages.captioner import MAX_SCORE_GAP, best_first
from marsam.stages.language_model import Answer, LanguageModel
from marsam.stages.loading import loading_model, read_config
from marsam.stages.vision_families import FAMILIES, VisionFamily
from marsam.text.answers import first_paragraph, plain_answer, without_frame, without_open_sentence
from marsam.text.cleaning import clean, collapse_repetitions, fix_arabic_punctuation
from marsam.text.languages import language

MAX_SIDES_RATIO = 50
"""Of a picture's longer and shorter side; one that is thinner is shown on white."""
KEPT_PICTURES = 32
"""Encoded pictures that are kept, each of a megabyte or two: as many as a batch has."""
MIN_REPEATED_WORDS = 4
"""Of a caption that only repeats the text around the image."""
MAX_WORDS = {CaptionLength.SHORT: 30, CaptionLength.SENTENCE: 70, CaptionLength.PARAGRAPH: 250}
"""Words of a caption; of a longer one a notice says that it is longer than was asked for."""


class VisionLanguageCaptioner:
    """A vision-language model that is asked for captions.

    Args:
        model: the loaded model, which other stages may share.
        name: its name in results; the model's by default.
    """

    def __init__(self, model: LanguageModel, *, name: str | None = None) -> None:
        self.model, self.folder = model, model.folder
        self.name = name or model.name
        self._kept: list[tuple[str, tuple[int, Mapping[str, Any]]]] = []
        self.family: VisionFamily = FAMILIES[str(read_config(model.folder).get("model_type"))]

    @property
    def abilities(self) -> CaptionerAbilities:
        """See :class:`marsam.stages.Captioner`."""
        reads = not self.family.requests
        return CaptionerAbilities(
            languages=self.family.languages, lengths=True, requests=reads, prefixes=reads
        )

    @cached_property
    def _reader(self) -> tuple[Any, Any]:
        """The image processor, and the model's configuration."""
        with loading_model(self.folder, "captioner", self.name, "transformers"):
            import transformers

            kind = getattr(transformers, self.family.image_processor)
            config = transformers.AutoConfig.from_pretrained(self.folder, trust_remote_code=False)
            return kind.from_pretrained(self.folder), config

    def caption(self, image: Image.Image, options: CaptionOptions) -> tuple[Caption, ...]:
        """See :meth:`marsam.stages.Captioner.caption`."""
        self.abilities.check(options, self.name)
        if is_uniform(image):
            return (Caption(text="", warnings=(Notice.NOTHING_TO_SEE,)),)
        with map_model_errors("describing a picture"):
            options = replace(options, prefix=self._plain(options.prefix))
            captions = self._captions(image, options)
            if _repeats(captions[0].text, options.context):
                # A screen reader would read the same words twice.
                captions = self._captions(image, replace(options, context=""))
        return captions

    def caption_many(
        self, images: Sequence[Image.Image], options: CaptionOptions
    ) -> list[tuple[Caption, ...]]:
        """See :meth:`marsam.stages.Captioner.caption_many`.

        One after another: pictures have different numbers of tokens, and padding would change the
        captions.
        """
        return [self.caption(image, options) for image in images]

    def _captions(self, image: Image.Image, options: CaptionOptions) -> tuple[Caption, ...]:
        answers = self._answers(_not_too_thin(image), options)
        max_gap = inf if options.sampling else MAX_SCORE_GAP
        return best_first((_caption(answer, options) for answer in answers), max_gap=max_gap)

    def _answers(self, image: Image.Image, options: CaptionOptions) -> list[Answer]:
        _, config = self._reader
        places, kept = self._seen(image)
        ids = torch.tensor([self.model.token_ids(self._prompt(options, config, places))])
        inputs = dict(kept)
        if self.family.token_types:
            is_place = ids == config.image_token_id
            inputs[self.family.token_types] = is_place.int().to(self.model.device.kind)
        longest = options.max_tokens or max(MAX_TOKENS[options.length], options.min_tokens)
        with torch.random.fork_rng():  # sampling must not change the caller's random state
            torch.manual_seed(options.seed)
            return self.model.answers(
                ids,
                **inputs,
                min_new_tokens=options.min_tokens,
                max_new_tokens=longest,
                num_return_sequences=options.candidates,
                num_beams=1 if options.sampling else max(options.beams, options.candidates),
                do_sample=options.sampling,
                top_p=0.9 if options.sampling else None,
            )

    def _seen(self, image: Image.Image) -> tuple[int, Mapping[str, Any]]:
        """Return how many places a picture has, and what the model reads of it.

        A picture that was asked about before is not encoded again.
        """
        key = pixels_sha256(image)
        found = next((seen for known, seen in self._kept if known == key), None)
        if found is None:
            found = self._encoded(image)
            self._kept = [(key, found), *self._kept][:KEPT_PICTURES]
        return found

    def _encoded(self, image: Image.Image) -> tuple[int, Mapping[str, Any]]:
        processor, config = self._reader
        seen = processor(images=[image], return_tensors="pt", **self.family.bound(processor))
        inputs = {name: self._on_device(seen[name]) for name in self.family.inputs if name in seen}
        if not self.family.requests:
            inputs["image_features"] = self.model.image_features(inputs)
            del inputs["pixel_values"]
        return self.family.places(config, processor, seen), inputs

    def _on_device(self, value: torch.Tensor) -> torch.Tensor:
        device = self.model.device
        return value.to(device.kind, device.torch_dtype if value.is_floating_point() else None)

    def _prompt(self, options: CaptionOptions, config: Any, places: int) -> str:
        """Return the text that the model continues, with ``places`` places for the picture."""
        tokenizer = self.model.tokenizer
        tokens = {
            name: tokenizer.convert_ids_to_tokens(number)
            for name in ("image", "boi", "eoi")
            if (number := _token_id(config, name)) is not None
        }
        picture = self.family.picture.format(**tokens | {"image": tokens["image"] * places})
        if self.family.requests:
            request = self.family.requests[options.length]
            return f"{picture}{tokenizer.bos_token}{request}{tokenizer.eos_token}"
        ask, context = self._plain(options.ask), self._plain(options.context)
        request = request_for(options.language, options.length, ask, context)
        content = [{"type": "image"}, {"type": "text", "text": request}]
        chat = self.model.prompt([{"role": "user", "content": content}])
        written = self.family.written.format(**tokens)
        if written not in chat:
            raise ModelUnsupported(
                "{model} has a chat template without images, so it cannot be asked about them.",
                model=self.name,
            )
        return chat.replace(written, picture, 1) + options.prefix

    def _plain(self, text: str) -> str:
        """Return words of a person on one line, without what the model would take for markup."""
        return self.model.without_special_tokens(" ".join(clean(text).split()))


def _token_id(config: Any, name: str) -> int | None:
    number = getattr(config, f"{name}_token_id", None)
    return getattr(config, f"{name}_token_index", None) if number is None else number


def _repeats(caption: str, context: str) -> bool:
    """Whether a caption is a part of the text around the image, and more than a name in it."""
    words, around = (re.findall(r"\w+", text.casefold()) for text in (caption, context))
    return len(words) >= MIN_REPEATED_WORDS and f" {' '.join(words)} " in f" {' '.join(around)} "


def _not_too_thin(image: Image.Image) -> Image.Image:
    """Return a picture that every image processor can read: a very thin one on white."""
    least = -(-max(image.size) // MAX_SIDES_RATIO)
    if min(image.size) >= least:
        return image
    wider = Image.new("RGB", (max(image.width, least), max(image.height, least)), "white")
    wider.paste(image, (0, 0))
    return wider


def _caption(answer: Answer, options: CaptionOptions) -> Caption:
    """Return an answer as a caption, its text guarded; the warnings say what is wrong with it."""
    text, into = answer.text, language(options.language)
    if options.prefix:
        space = "" if text[:1].isspace() or not text else " "
        text = f"{options.prefix}{space}{text}"
    text = plain_answer(text)
    is_paragraph = options.length == CaptionLength.PARAGRAPH
    text = " ".join(text.split()) if is_paragraph else first_paragraph(text)
    if not options.prefix:
        text = without_frame(text)
    whole = text if answer.is_complete else without_open_sentence(text)
    collapsed = collapse_repetitions(whole)
    if into.script == "Arab":
        collapsed = fix_arabic_punctuation(collapsed)
    changes = {
        Notice.LOOP_COLLAPSED: len(collapsed.split()) < len(whole.split()),
        Notice.CAPTION_CUT: not answer.is_complete and whole == text,
        Notice.CAPTION_LONG: len(collapsed.split()) > MAX_WORDS[options.length],
        Notice.CAPTION_LANGUAGE: not into.matches_script(collapsed),
        Notice.CAPTION_EMPTY: not any(map(str.isalnum, collapsed)),
    }
    warnings = tuple(notice for notice, found in changes.items() if found)
    is_empty = Notice.CAPTION_EMPTY in warnings
    return Caption(text="" if is_empty else collapsed, score=answer.score, warnings=warnings)
