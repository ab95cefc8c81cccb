"""The workflow: image to English caption, Arabic caption, and new pictures."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Any

from PIL import Image

from marsam import environment
from marsam.device import Device, choose_device
from marsam.errors import OptionError
from marsam.hub.catalog import Model, ModelSet
from marsam.hub.lora import find_lora
from marsam.hub.selection import (
    OtherModels,
    choose_set,
    join_sources,
    optional_folder,
    other_models,
    set_names,
    source_name,
    split_sources,
    stage_folder,
    stage_name,
)
from marsam.imaging.image_io import CAPTION_SIDE, ImageSource, open_picture
from marsam.native_captions import check_captions, in_english, with_native
from marsam.notices import WITHOUT_EFFECT, Notice
from marsam.options import (
    ArabicCaption,
    CaptionOptions,
    RunOptions,
    TranslateOptions,
    checked_text,
    resolve_options,
)
from marsam.prompts import PromptBuilder, require_arabic
from marsam.recipes import Adapter, Recipe, recipe_named
from marsam.results import (
    Caption,
    Captioned,
    Checked,
    Event,
    Finished,
    Painted,
    Picture,
    Prompt,
    Prompted,
    RunResult,
    Translated,
    Translation,
)
from marsam.stage_timer import StageTimer
from marsam.stages.protocols import Captioner, Painter, Translator
from marsam.styles import in_style
from marsam.text.fidelity import Fidelity, best_indices, compare
from marsam.text.languages import ARABIC, ENGLISH
from marsam.text.prompt_syntax import weighted_prompt


@dataclass(frozen=True, kw_only=True)
class Studio:
    """The three stages and the workflow that connects them.

    Attributes:
        lora: name of the LoRA that the user chose for the painter; empty for none.
        models: name of the model set, or ``custom``.
        reason: why these models were chosen, in one phrase.
        device: where they compute, and why.
    """

    captioner: Captioner
    translator: Translator
    painter: Painter
    lora: str = ""
    models: str = "custom"
    reason: str = "the stages were given"
    device: Device | None = None

    @classmethod
    def load(
        cls,
        models: str | None = None,
        *,
        captioner: str | None = None,
        translator: str | Sequence[str] | None = None,
        painter: str | None = None,
        lora: str | None = None,
        device: str | None = None,
    ) -> "Studio":
        """Create a studio on a model set; weights are loaded when a stage is first used.

        Args:
            models: ``standard``, ``free``, ``modern`` or ``mini``. None uses ``MARSAM_MODELS``, or
                ``standard`` when it is downloaded, or the bundled ``mini``.
            captioner: a hub id or folder to use instead of the set's captioner. None uses
                ``MARSAM_CAPTIONER`` if ``models`` is None, too.
            translator: the same for the translator (``MARSAM_TRANSLATOR``); or several models,
                each for the directions that it knows. The first of them that knows one translates.
            painter: the same for the painter (``MARSAM_PAINTER``).
            lora: a LoRA for the painter (``MARSAM_LORA``): a safetensors file, a folder that holds
                one, or a hub id; with a scale other than 1 as in ``pixel-art.safetensors:0.8``.
            device: ``cuda``, ``mps`` or ``cpu``. None uses ``MARSAM_DEVICE``, or the best device.

        Raises:
            OptionError: for a set or device that does not exist.
            ModelError: when a model is not downloaded or cannot be used.
        """
        from marsam.stages.captioners import captioner_in
        from marsam.stages.language_model import LanguageModel
        from marsam.stages.painter import DiffusionPainter

        chosen, reason = choose_set(models)
        others = other_models(
            models, OtherModels(captioner, join_sources(translator), painter, lora)
        )
        captioner, painter = others.captioner, others.painter
        own_lora = find_lora(others.lora) if others.lora else None
        name = chosen.name
        if all(others[:3]):
            name, reason = "custom", "the models of all stages were named"
        chosen_device = choose_device(device or environment.DEVICE.get())
        language_model = cache(LanguageModel)  # one for all stages that use the same

        def named(model: Model, other: str | None) -> dict[str, Any]:
            return {
                "folder": stage_folder(model, other, set_name=chosen.name),
                "device": chosen_device,
                "name": source_name(other) if other else stage_name(model),
            }

        return cls(
            captioner=captioner_in(**named(chosen.captioner, captioner), load=language_model),
            translator=_translator(chosen, others.translator, chosen_device, language_model),
            painter=DiffusionPainter(
                **named(chosen.painter, painter),
                guidance_scale=None if painter else chosen.painter.guidance_scale,
                styles=Model.styles if painter else chosen.painter.styles,
                lora=own_lora,
                adapters={} if painter or own_lora else _adapters(chosen),
                decoder=None if painter else optional_folder(chosen.decoder),
            ),
            lora=own_lora.name if own_lora else "",
            models=name,
            reason=reason,
            device=chosen_device,
        )

    @property
    def names(self) -> dict[str, str]:
        """Name of each stage's model, and of the painter's ``lora`` if the user chose one."""
        names = {
            "captioner": self.captioner.name,
            "translator": self.translator.name,
            "painter": self.painter.name,
        }
        return names | ({"lora": self.lora} if self.lora else {})

    @property
    def prompts(self) -> PromptBuilder:
        """What makes prompts for the painter."""
        return PromptBuilder(translator=self.translator, painter=self.painter)

    def stream(
        self,
        image: ImageSource | None = None,
        options: RunOptions | None = None,
        *,
        prompt: str | Prompt | None = None,
        start: ImageSource | None = None,
        pictures: int | None = None,
        seed: int | None = None,
        recipe: Recipe | str | None = None,
        style: str | None = None,
        strength: float | None = None,
    ) -> Iterator[Event]:
        """Run the workflow and yield its events; closing the iterator cancels it.

        Args:
            image: a path, the bytes of a file, an open file, or a PIL image; or
            prompt: what to paint, in English, Arabic or (with ``options.language``) another
                language; or the prompt of an earlier run, which is painted unchanged, in the style
                of the options.
            start: with a prompt, the picture that the new ones are variations of, as ``image``.
            options: all options; the five arguments below are shortcuts into them.
            pictures: number of new pictures, 1 to 10.
            seed: picture i uses ``seed + i``.
            recipe: ``instant``, ``draft``, ``balanced`` or ``faithful``.
            style: a key of :data:`marsam.styles.STYLES`, such as ``watercolour``.
            strength: paint variations of ``image`` or ``start``, and how far they are from it:
                above 0 to 1; by default 0.6 with ``start``, and no variations of ``image``.

        Raises:
            InputError: for an image, prompt or option that cannot be used.
            ModelError: when a model cannot be loaded.
            OutOfMemory: when the device has too little memory.
        """
        options = _with_shortcuts(
            options or RunOptions(),
            pictures=pictures,
            seed=seed,
            recipe=recipe and recipe_named(recipe),
            style=style,
            strength=strength,
        )
        if (image is None) == (prompt is None):
            raise OptionError("Give either an image or a prompt.")
        if image is not None and start is not None:
            raise OptionError("Variations of an image start from that image; leave start out.")
        require_arabic(prompt, options)
        if image is not None:
            check_captions(self.captioner, options.caption, options.translate)
            is_variation = options.paint.strength is not None
            options = self.resolve_options(options, has_start=is_variation)
            opened = open_picture(image, side=CAPTION_SIDE)
            return self._workflow(opened, options, opened if is_variation else None)
        options = self.resolve_options(options, has_start=start is not None)
        given = prompt if isinstance(prompt, Prompt) else checked_text(prompt or "")
        opened_start = None if start is None else open_picture(start, side=CAPTION_SIDE)
        return self._workflow(given, options, opened_start)

    def resolve_options(self, options: RunOptions, *, has_start: bool) -> RunOptions:
        """Return the options of a run with or without a start picture, checked.

        Errors as of :func:`marsam.options.resolve_options`.
        """
        sampling = self.painter.sampling(options.paint.recipe)
        paint = resolve_options(options.paint, sampling, has_start=has_start)
        return replace(options, paint=paint)

    def describe(
        self,
        image: ImageSource,
        options: CaptionOptions | None = None,
        translate: TranslateOptions | None = None,
    ) -> tuple[tuple[Caption, Translation], ...]:
        """Caption an image without painting: the best caption first, each with its translation.

        Args:
            image: as in :meth:`stream`.
            options: how it is captioned; ``arabic`` is about the best caption alone.
            translate: how the captions are translated; into Arabic by default.

        Raises:
            PictureError: when the picture cannot be read.
            LanguageError: when the translator or the captioner does not know the language.
            OptionError: when the captioner cannot do what the options ask for.
            ModelError: when a model cannot be loaded.
        """
        options, translate = options or CaptionOptions(), translate or TranslateOptions()
        check_captions(self.captioner, options, translate)
        picture = open_picture(image, side=CAPTION_SIDE)
        captions = self.caption(picture, options)
        best = self._in_other_language(captions[0], picture, options, translate)
        others = ((one, self._translated(one, translate)) for one in captions[1:])
        return ((captions[0], best), *others)

    def caption(
        self, image: Image.Image, options: CaptionOptions | None = None
    ) -> tuple[Caption, ...]:
        """Caption an opened image in English; an alt text that it carries comes first."""
        options = options or CaptionOptions()
        kept = image.info.get("alt_texts", {}).get(ENGLISH.code)
        if not kept:
            return self.captioner.caption(image, options)
        own = Caption(text=kept, warnings=(Notice.ALT_TEXT_KEPT,))
        if options.candidates == 1:
            return (own,)
        others = replace(options, candidates=options.candidates - 1)
        return (own, *self.captioner.caption(image, others))

    def _in_other_language(
        self,
        caption: Caption,
        image: Image.Image,
        options: CaptionOptions,
        translate: TranslateOptions,
    ) -> Translation:
        """Return a caption in another language: an alt text that the image carries is kept.

        Otherwise it is translated, and where the options say so, the captioner is asked as well.
        """
        if kept := image.info.get("alt_texts", {}).get(translate.target):
            return Translation(
                text=kept,
                source=ENGLISH.code,
                target=translate.target,
                warnings=(Notice.ALT_TEXT_KEPT,),
            )
        translation = self._translated(caption, translate)
        if options.arabic == ArabicCaption.TRANSLATED or not caption.text:
            return translation
        native = self.captioner.caption(image, options.in_language(ARABIC.code))[0]
        to_english = partial(in_english, self.translator)
        return with_native(translation, native, caption.text, options.arabic, to_english)

    def _translated(self, caption: Caption, options: TranslateOptions) -> Translation:
        """Translate a caption; of an empty one the translation is empty, too."""
        if not caption.text:
            return Translation(text="", source=ENGLISH.code, target=options.target)
        return self.translator.translate(caption.text, options)

    def _workflow(
        self, given: Image.Image | str | Prompt, options: RunOptions, start: Image.Image | None
    ) -> Iterator[Event]:
        timer = StageTimer()
        caption = None
        # 1. Image -> English caption -> Arabic; or a typed prompt -> English and Arabic.
        if isinstance(given, Prompt):
            prompt = given
        elif isinstance(given, str):
            with timer.measure("translate"):
                prompt = self.prompts.bilingual(given, options)
        else:
            with timer.measure("caption"):
                candidates = self.caption(given, options.caption)
            caption = candidates[0]
            yield Captioned(caption=caption, candidates=candidates, seconds=timer.last)
            with timer.measure("translate"):
                arabic = self._in_other_language(caption, given, options.caption, options.translate)
            yield Translated(translation=arabic, seconds=timer.last)
            prompt = self.prompts.measured(caption.text, arabic, warnings=caption.warnings)
            # What looks like a weight in a caption is text.
            prompt = replace(prompt, weighted=weighted_prompt(caption.text, ())[0])
        with timer.measure("translate"):
            paint, warnings = self.prompts.prepare_painting(options, prompt.negative)
            # The prompt of an earlier run may say what had no effect there.
            earlier = (one for one in prompt.warnings if one not in WITHOUT_EFFECT)
            prompt = replace(prompt, warnings=tuple(dict.fromkeys((*earlier, *warnings))))
            prompt = self.prompts.in_style(prompt, paint.style)
            if paint.as_written and not prompt.written:
                prompt = self.prompts.as_written(prompt)
        yield Prompted(
            prompt=prompt, seconds=timer.seconds["translate"] if isinstance(given, str) else 0.0
        )

        # 2. English -> new pictures, or variations of the start picture; each is captioned and
        # compared with the prompt.
        pictures: list[Picture] = []
        fidelity: list[Fidelity | None] = []
        # Of a picture in which there is nothing to see, nothing is painted.
        events = self.painter.paint(prompt.words, paint, start) if prompt.english else ()
        for event in events:
            yield event
            if isinstance(event, Painted):
                timer.add("paint", event.seconds)
                pictures.append(event.picture)
                with timer.measure("check"):
                    check = self._check(event.picture, prompt, options)
                fidelity.append(check)
                if check is not None:
                    yield Checked(index=event.picture.index, fidelity=check, seconds=timer.last)

        # 3. The result.
        yield Finished(
            result=RunResult(
                caption=caption,
                prompt=prompt,
                pictures=tuple(pictures),
                fidelity=tuple(fidelity),
                kept=best_indices(fidelity, options.keep_best),
                models=self.names,
                seconds=timer.seconds,
            )
        )

    def run(
        self,
        image: ImageSource | None = None,
        options: RunOptions | None = None,
        *,
        prompt: str | Prompt | None = None,
        start: ImageSource | None = None,
        pictures: int | None = None,
        seed: int | None = None,
        recipe: Recipe | str | None = None,
        style: str | None = None,
        strength: float | None = None,
    ) -> RunResult:
        """Run the workflow to its end; arguments and errors as in :meth:`stream`."""
        for event in self.stream(
            image,
            options,
            prompt=prompt,
            start=start,
            pictures=pictures,
            seed=seed,
            recipe=recipe,
            style=style,
            strength=strength,
        ):
            if isinstance(event, Finished):
                return event.result
        raise AssertionError("a stream ends with Finished")

    def _check(self, picture: Picture, prompt: Prompt, options: RunOptions) -> Fidelity | None:
        if not options.check or picture.image is None:
            return None
        return self.check_fidelity(picture.image, prompt)

    def check_fidelity(self, image: Image.Image, prompt: Prompt) -> Fidelity | None:
        """Caption a generated picture, and compare the caption with its prompt.

        None where the models do not know what the prompt or the picture shows.
        """
        if prompt.unknown_words:
            return None
        caption = self.captioner.caption(image, CaptionOptions(beams=1))[0]

        def in_arabic(text: str) -> str:
            return self.translator.translate(text, TranslateOptions()).text

        style = in_style("", prompt.style)
        fidelity = compare(prompt.english, caption.text, style=style, arabic=in_arabic)
        # A captioner that does not know the picture may confirm its prompt, but not deny it.
        is_denied = fidelity.score < 1 and Notice.OUT_OF_WORLD in caption.warnings
        return None if is_denied else fidelity


def _adapters(chosen: ModelSet) -> dict[Recipe, Adapter]:
    """Return those LoRAs of a set for few steps that are on this machine."""
    return {
        recipe: Adapter(find_lora(str(folder)).file, stage_name(model), model.timestep)
        for recipe, model in chosen.adapters.items()
        if (folder := optional_folder(model))
    }


def _translator(
    chosen: ModelSet, other: str | None, device: Device, language_model: Callable[..., Any]
) -> Translator:
    """Return the translator of a set, or the one of the models that ``other`` names."""
    from marsam.stages.translators import translator_in

    own, (first, *_) = set_names(chosen)["translator"], chosen.translators
    if other is None:
        folders = [stage_folder(one, set_name=chosen.name) for one in chosen.translators]
        names = [stage_name(model) for model in chosen.translators]
    else:
        folders = [stage_folder(first, part) for part in split_sources(other)]
        names = [source_name(part) for part in split_sources(other)]
    return translator_in(
        folders,
        device=device,
        names=names,
        name=source_name(other) if other else own,
        load=language_model,
    )


def _with_shortcuts(options: RunOptions, **given: Any) -> RunOptions:
    changes = {name: value for name, value in given.items() if value is not None}
    return replace(options, paint=replace(options.paint, **changes)) if changes else options
