"""Text-to-image and image-to-image with the pipelines of diffusers."""

import threading
import time
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from marsam.background import Emitter, iterate_in_thread
from marsam.cpu import optimize
from marsam.cpu.allocator import trim_memory
from marsam.cpu.threads import intra_op_threads
from marsam.device import Device
from marsam.errors import map_model_errors
from marsam.hub.lora import Lora
from marsam.hub.model_files import dtype_of_weights, is_weights
from marsam.imaging.start_picture import pixels_sha256
from marsam.messages import Message
from marsam.options import PaintOptions, checked_text, new_seed, resolve_options
from marsam.recipes import Adapter, Recipe, SamplingConfig, recipe_named, recipes
from marsam.results import Painted, Picture, Previewed, PromptLength
from marsam.stages import image_to_image, weighted_prompt
from marsam.stages.embedding_cache import EmbeddingCache
from marsam.stages.families import Family
from marsam.stages.family_lookup import device_for, listed_family, pipeline_class, unlisted_family
from marsam.stages.loading import import_lock, loading_model, read_config, silence
from marsam.stages.lora import LoraFusion, fuse_lora
from marsam.stages.pipeline_call import call_pipeline, require_content
from marsam.stages.placement import place_pipeline
from marsam.stages.preview import preview
from marsam.stages.prompt_length import load_tokenizer, prompt_length
from marsam.stages.vae_tiling import tile_large_images
from marsam.styles import in_style, negative_in_style
from marsam.text.prompt_syntax import plain_text

PaintEvent = Previewed | Painted


class DiffusionPainter:
    """A diffusers text-to-image pipeline in a folder, loaded when first needed.

    Variations use the image-to-image pipeline of the same family, on the same weights.

    Args:
        folder: in the layout of ``save_pretrained`` (``model_index.json``, a folder per component).
        device: where it computes, and in which dtype, unless its family cannot compute in that.
        name: its name in results; the folder's name by default.
        guidance_scale: used when the options name none; by default its family's.
        styles: whether it knows the words of styles.
        lora: a LoRA that all its pictures are painted with.
        adapters: LoRAs for few steps, by the recipes that use them. Not beside ``lora``.
        decoder: a folder with a tiny VAE decoder (TAESD) for these recipes and for previews.
    """

    def __init__(
        self,
        folder: Path,
        *,
        device: Device,
        name: str | None = None,
        guidance_scale: float | None = None,
        styles: bool = True,
        lora: Lora | None = None,
        adapters: Mapping[Recipe, Adapter] | None = None,
        decoder: Path | None = None,
    ) -> None:
        self.folder, self.lora = folder, lora
        # Unfusing a LoRA reads the U-Net's weights again, which needs safetensors.
        self.adapters = adapters if adapters and self._unet_files else {}
        self.decoder = decoder
        self.name = name or folder.name
        self.guidance_scale, self.styles = guidance_scale, styles
        self._lock = threading.Lock()  # a pipeline holds the state of one picture
        self._embeddings = EmbeddingCache()
        self._index = read_config(folder, "model_index.json")
        self._pipeline = str(self._index.get("_class_name"))
        self._listed = listed_family(folder, self._index, self.name)
        self.device = device_for(self._listed, device)

    @cached_property
    def _family(self) -> Family:
        if self._listed is not None:
            return self._listed
        stage = Message("painter")
        with (
            import_lock,
            map_model_errors("loading the {stage} {name}", stage=stage, name=self.name),
        ):
            silence("diffusers")
            return unlisted_family(pipeline_class(self._pipeline, self.name))

    @cached_property
    def _loaded(self) -> tuple[Any, Mapping[str, Any], LoraFusion | None]:
        """The pipeline, the configuration of its shipped scheduler, and its LoRA."""
        with (
            loading_model(self.folder, "painter", self.name, "transformers", "diffusers"),
            warnings.catch_warnings(),
        ):
            warnings.simplefilter("ignore", FutureWarning)  # of diffusers about itself
            pipe = pipeline_class(self._pipeline, self.name).from_pretrained(
                self.folder, dtype=self._dtypes, variant=self._variant, local_files_only=True
            )
            pipe.set_progress_bar_config(disable=True)
            vae: Any = getattr(pipe, "vae", None)
            # Only variations need the encoder, and the decoders of videos, which clear its cache.
            if hasattr(vae, "encoder") and not hasattr(vae, "clear_cache"):
                vae.encoder = None
            if self.lora is not None:
                fuse_lora(pipe, self.lora, self.name)
            place_pipeline(pipe, self.device)
            self._embeddings.use_in(pipe)
            tile_large_images(vae)
            lora = None
            if self.adapters:
                files = {one.name: one.file for one in self.adapters.values()}
                lora = LoraFusion(pipe, files, self._unet_files)
            if self._half_storage:
                optimize.store_pipeline_in_half(pipe)
            if self.device.is_cpu:
                optimize.optimize_pipeline(pipe, self.device)
            return pipe, pipe.scheduler.config, lora

    @property
    def _half_storage(self) -> bool:
        """Whether the weights are stored in 16 bits: of the families that are tested with it."""
        return self.device.stores_half and self._listed is not None

    @cached_property
    def _dtypes(self) -> dict[str, torch.dtype]:
        """The dtype that each network is loaded in, and that of the others as ``default``.

        With half storage that is bfloat16 where it was published so: float16 would round it.
        """
        if not self._half_storage:
            return {"default": self.device.torch_dtype}
        networks = (folder.name for folder in self.folder.iterdir() if folder.is_dir())
        in_bf16 = [name for name in networks if dtype_of_weights(self.folder / name) == "BF16"]
        return dict.fromkeys(in_bf16, torch.bfloat16) | {"default": torch.float16}

    @property
    def _variant(self) -> str | None:
        """The variant of the weight files, as diffusers names it."""
        return "fp16" if any(self.folder.glob("*/*.fp16.safetensors")) else None

    @property
    def _unet_files(self) -> list[Path]:
        """The U-Net's weight files, where they are safetensors."""
        files = sorted((self.folder / "unet").glob("*.safetensors"))
        fp16 = self._variant is not None
        return [f for f in files if is_weights(f.name) and (".fp16" in f.name) == fp16]

    @cached_property
    def _vae(self) -> Any:
        return getattr(self._loaded[0], "vae", None)

    @cached_property
    def _tiny_vae(self) -> Any:
        """The tiny VAE (TAESD); the pipeline's own VAE where there is none."""
        if self.decoder is None:
            return self._vae
        with loading_model(self.decoder, "decoder", self.decoder.name, "diffusers"):
            from diffusers import AutoencoderTiny

            tiny = AutoencoderTiny.from_pretrained(
                self.decoder, dtype=self.device.torch_dtype, local_files_only=True
            )
        tile_large_images(tiny)
        tiny = tiny.eval().to(self.device.kind)
        if self.device.is_cpu:
            optimize.optimize_tiny_vae(tiny)
        return tiny

    @cached_property
    def _tokenizer(self) -> tuple[Any, int] | None:
        return load_tokenizer(self.folder, self._family, self.name)

    def measure(self, prompt: str) -> PromptLength:
        """See :meth:`marsam.stages.Painter.measure`."""
        if self._tokenizer is None:
            return PromptLength(tokens=0, limit=0)
        return prompt_length(*self._tokenizer, prompt)

    @cached_property
    def recipes(self) -> tuple[Recipe, ...]:
        """See :attr:`marsam.stages.Painter.recipes`."""
        family = self._family
        return tuple(recipes(self.adapters) if family.other_schedulers else family.steps)

    def sampling(self, recipe: Recipe) -> SamplingConfig:
        """See :meth:`marsam.stages.Painter.sampling`."""
        sampling = self._sampling(recipe)
        if sampling.scheduler is None:
            _library, shipped = self._index.get("scheduler") or ("", None)
            sampling = replace(sampling, scheduler=shipped)
        return sampling

    def _sampling(self, recipe: Recipe) -> SamplingConfig:
        """The same, with the scheduler None where it is the one that the model ships."""
        family, recipe = self._family, recipe_named(recipe, self.recipes)
        if family.other_schedulers:
            sampling = recipes(self.adapters)[recipe]
        else:
            sampling = SamplingConfig(steps=family.steps[recipe], scheduler=None)
        own = self.guidance_scale
        return replace(
            sampling,
            guidance_scale=family.guidance_scale if own is None else own,
            guidance_off=family.guidance_off,
            adapter=self.lora.name if self.lora else sampling.adapter,
            classifier_free_guidance=(
                family.classifier_free_guidance and sampling.classifier_free_guidance
            ),
            embedded_guidance=family.embedded_guidance,
            negative_prompts=family.negative_prompts,
            size_multiple=family.size_multiple,
            default_side=family.default_side,
            prompt_weights=self._pipeline in weighted_prompt.PIPELINES,
            variations=bool(family.image_to_image) and sampling.timestep is None,
            whole_steps=family.whole_steps,
            styles=self.styles,
            reads_arabic=family.reads_arabic,
        )

    def paint(
        self, prompt: str, options: PaintOptions, start: Image.Image | None = None
    ) -> Iterator[PaintEvent]:
        """See :meth:`marsam.stages.Painter.paint`."""
        checked_text(plain_text(prompt))
        sampling = self.sampling(options.recipe)
        options = resolve_options(options, sampling, has_start=start is not None)
        prompt = in_style(prompt, options.style)
        first = options.seed if options.seed is not None else new_seed()
        try:
            for index in range(options.pictures):
                work = partial(self._generate, prompt, options, start, index, first + index)
                yield from iterate_in_thread(work, name=f"paint-{first + index}")
        finally:
            trim_memory()

    def _generate(
        self,
        prompt: str,
        options: PaintOptions,
        start: Image.Image | None,
        index: int,
        seed: int,
        emit: Emitter[PaintEvent],
    ) -> None:
        with (
            self._lock,
            map_model_errors("painting"),
            intra_op_threads(self.folder),
            torch.inference_mode(),
        ):
            emit.raise_if_closed()
            pipe, shipped_scheduler, lora = self._loaded
            sampling = self._sampling(options.recipe)
            vae, tiny_vae = self._vae, self._tiny_vae
            if lora is not None:
                lora.fuse(sampling.adapter)
                pipe.vae = tiny_vae if sampling.adapter else vae
            pipe.scheduler = scheduler = _scheduler(pipe, sampling, shipped_scheduler)
            steps = options.steps or sampling.steps
            steps_done = sampling.denoising_steps(steps, options.strength)
            guidance = sampling.effective_guidance(options.guidance_scale)
            is_negative = sampling.takes_negative_prompt(options.guidance_scale)
            negative = negative_in_style(options.negative_prompt, options.style)
            negative = negative if is_negative else ""
            started = time.monotonic()
            run, arguments = self._pipeline_for(options, start)

            def on_step(step: int, latents: Tensor) -> None:
                emit.raise_if_closed()
                # PNDM calls once more than there are steps.
                done, is_last = min(step + 1, steps_done), step + 1 >= steps_done
                due = options.preview_every and done % options.preview_every == 0 and not is_last
                image = None
                if due:
                    width, height = options.width, options.height
                    image = preview(pipe, tiny_vae, latents, width=width, height=height)
                emit(Previewed(index=index, step=done, steps=steps_done, image=image))
                if is_last and pipe.vae is vae:
                    trim_memory()  # the large decoder cannot reuse the memory of the steps

            prompts = weighted_prompt.encode_prompts(pipe, prompt, negative)
            if is_negative and not negative:
                prompts["negative_prompt"] = self._family.blank_negative or None
            output = call_pipeline(
                run,
                self._family,
                {
                    **prompts,
                    **arguments,
                    "timesteps": None if sampling.timestep is None else [sampling.timestep],
                    self._family.guidance_argument: guidance,
                    "generator": torch.Generator("cpu").manual_seed(seed),
                },
                steps=steps,
                on_step=on_step,
            )
        blocked = bool((getattr(output, "nsfw_content_detected", None) or [False])[0])
        if not blocked:
            require_content(output.images[0], self.device.torch_dtype)
        picture = Picture(
            index=index,
            seed=seed,
            prompt=prompt,
            image=None if blocked else output.images[0],
            negative_prompt=negative,
            style=options.style,
            recipe=options.recipe,
            steps=steps,
            guidance_scale=guidance,
            scheduler=type(scheduler).__name__.removesuffix("Scheduler"),
            adapter=sampling.adapter,
            strength=options.strength,
            start_sha256=pixels_sha256(arguments["image"]) if start else "",
            painter=self.name,
            blocked=blocked,
        )
        emit(Painted(picture=picture, seconds=time.monotonic() - started))

    def _pipeline_for(
        self, options: PaintOptions, start: Image.Image | None
    ) -> tuple[Any, dict[str, Any]]:
        """The pipeline, or that of variations, and the arguments that only one of them takes."""
        pipe, width, height = self._loaded[0], options.width, options.height
        if start is None:
            return pipe, {"width": width, "height": height}
        if pipe.vae.encoder is None:
            with loading_model(self.folder, "painter", self.name, "diffusers"):
                image_to_image.load_encoder(
                    pipe.vae,
                    self.folder / "vae",
                    self.device,
                    variant=self._variant,
                    dtype=self._dtypes.get("vae", self._dtypes["default"]),
                    half_storage=self._half_storage,
                )
        image = image_to_image.fit_to_pipeline(pipe, start, width, height)
        variation = image_to_image.image_to_image_pipeline(pipe, self._family.image_to_image)
        self._embeddings.use_in(variation)
        size = {"width": image.width, "height": image.height}
        return variation, {"image": image, "strength": options.strength, **size}


def _scheduler(pipe: Any, sampling: SamplingConfig, shipped: Mapping[str, Any]) -> Any:
    """Return a new scheduler (they hold state) from the configuration that the model ships."""
    import diffusers

    if sampling.scheduler is None:
        return getattr(diffusers, shipped["_class_name"]).from_config(shipped)
    # Karras sigmas need a largest noise level; a zero-terminal-SNR schedule has none.
    finite = float(pipe.scheduler.alphas_cumprod[-1]) > 1e-4
    return getattr(diffusers, sampling.scheduler).from_config(
        shipped, use_karras_sigmas=sampling.karras and finite
    )
