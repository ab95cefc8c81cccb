"""Text-to-image generation with Stable Diffusion pipelines of diffusers."""

import inspect
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch.nn.functional import adaptive_avg_pool2d

from marsam.background import Emitter, iterate_in_thread
from marsam.cpu import optimize
from marsam.cpu.allocator import trim_memory
from marsam.cpu.threads import intra_op_threads
from marsam.device import Device
from marsam.errors import ModelUnsupported, map_model_errors
from marsam.hub.model_files import ADAPTER_FILE, is_weights
from marsam.options import PaintOptions, checked_text, new_seed
from marsam.recipes import Recipe, SamplingConfig, recipe_named, recipes
from marsam.results import Painted, Picture, Previewed, PromptLength
from marsam.stages import weighted_prompt
from marsam.stages.loading import import_lock, loading_model, read_config, require_files, silence
from marsam.stages.lora import LoraFusion
from marsam.text.prompt_syntax import plain_text

PREVIEW_LATENTS = 16
"""Latents per side that a preview is decoded from, at most: cheap, and large enough to see."""
LAYERWISE_CASTING_PIPELINES = ("StableDiffusionPipeline", "StableDiffusionXLPipeline")
"""Pipelines whose networks were checked for :mod:`marsam.cpu.layerwise_casting`."""

PaintEvent = Previewed | Painted


class DiffusionPainter:
    """A diffusers text-to-image pipeline in a folder, loaded when first needed.

    Args:
        folder: in the layout of ``save_pretrained`` (``model_index.json``, a folder per component).
        device: where it computes, and in which dtype.
        name: its name in results; the folder's name by default.
        guidance_scale: used when the options name none.
        adapter: a folder with a LoRA for few steps; drafts use it.
        adapter_name: its name in results; the folder's name by default.
        decoder: a folder with a tiny VAE decoder (TAESD) for such drafts and for previews.
    """

    def __init__(
        self,
        folder: Path,
        *,
        device: Device,
        name: str | None = None,
        guidance_scale: float = 7.5,
        adapter: Path | None = None,
        adapter_name: str | None = None,
        decoder: Path | None = None,
    ) -> None:
        self.folder, self.device = folder, device
        # Unfusing a LoRA reads the U-Net's weights again, which needs safetensors.
        self.adapter = adapter if self._unet_files else None
        self.adapter_name = (adapter_name or self.adapter.name) if self.adapter else ""
        self.decoder = decoder
        self.name = name or folder.name
        self.guidance_scale = guidance_scale
        self._lock = threading.Lock()  # a pipeline holds the state of one picture
        self._index = read_config(folder, "model_index.json")
        self._family = str(self._index.get("_class_name"))

    @cached_property
    def _loaded(self) -> tuple[Any, Mapping[str, Any], LoraFusion | None]:
        """The pipeline, the configuration of its shipped scheduler, and its LoRA."""
        with loading_model(self.folder, "painter", self.name, "transformers", "diffusers"):
            import diffusers

            # The class by its name: diffusers' AutoPipeline would import every pipeline.
            family = getattr(diffusers, self._family, None)
            parameters = inspect.signature(family.__call__).parameters if family else {}
            if family is None or "prompt" not in parameters or "image" in parameters:
                raise ModelUnsupported(
                    f"{self.name} is a {self._family}, which is no text-to-image pipeline."
                )
            fp16_storage = self.device.stores_fp16 and self._family in LAYERWISE_CASTING_PIPELINES
            pipe = family.from_pretrained(
                self.folder,
                dtype=torch.float16 if fp16_storage else self.device.torch_dtype,
                variant="fp16" if self._has_fp16_files else None,
                local_files_only=True,
            )
            pipe.set_progress_bar_config(disable=True)
            vae: Any = getattr(pipe, "vae", None)
            if hasattr(vae, "encoder"):
                vae.encoder = None  # only its decoder is used
            pipe.to(self.device.kind)
            lora = None
            if self.adapter is not None:
                lora = LoraFusion(pipe, self.adapter / ADAPTER_FILE, self._unet_files)
            if fp16_storage:
                optimize.store_pipeline_in_fp16(pipe)
            if self.device.is_cpu:
                optimize.optimize_pipeline(pipe, self.device)
            return pipe, pipe.scheduler.config, lora

    @property
    def _has_fp16_files(self) -> bool:
        return any(self.folder.glob("*/*.fp16.safetensors"))

    @property
    def _unet_files(self) -> list[Path]:
        """The U-Net's weight files, where they are safetensors."""
        files = sorted((self.folder / "unet").glob("*.safetensors"))
        fp16 = self._has_fp16_files
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
        return tiny.eval().to(self.device.kind)

    @cached_property
    def _tokenizer(self) -> Any:
        """The pipeline's tokenizer, loaded without the weights; None when it has none."""
        if not (self.folder / "tokenizer").is_dir():
            return None
        with import_lock, map_model_errors(f"loading the vocabulary of {self.name}"):
            silence("transformers")
            from transformers import AutoTokenizer

            require_files(self.folder, "painter", self.name)
            return AutoTokenizer.from_pretrained(self.folder / "tokenizer", trust_remote_code=False)

    def measure(self, prompt: str) -> PromptLength:
        """See :meth:`marsam.stages.Painter.measure`."""
        tokenizer = self._tokenizer
        if tokenizer is None:
            return PromptLength(tokens=0, limit=0)
        encoded = tokenizer(prompt, return_offsets_mapping=True)
        tokens, limit = encoded.input_ids, tokenizer.model_max_length
        # The last token that is read is the end-of-text token.
        start = encoded.offset_mapping[limit - 1][0] if len(tokens) > limit else len(prompt)
        return PromptLength(tokens=len(tokens), limit=limit, cut=prompt[start:].strip())

    def sampling(self, recipe: Recipe) -> SamplingConfig:
        """See :meth:`marsam.stages.Painter.sampling`."""
        sampling = self._sampling(recipe)
        if sampling.scheduler is None:
            _library, shipped = self._index.get("scheduler") or ("", None)
            sampling = replace(sampling, scheduler=shipped)
        return replace(sampling, prompt_weights=self._family in weighted_prompt.PIPELINES)

    def _sampling(self, recipe: Recipe) -> SamplingConfig:
        return recipes(adapter=self.adapter_name)[recipe_named(recipe)]

    def paint(self, prompt: str, options: PaintOptions) -> Iterator[PaintEvent]:
        """See :meth:`marsam.stages.Painter.paint`."""
        checked_text(plain_text(prompt))
        first = options.seed if options.seed is not None else new_seed()
        try:
            for index in range(options.pictures):
                work = partial(self._generate, prompt, options, index, first + index)
                yield from iterate_in_thread(work, name=f"paint-{first + index}")
        finally:
            trim_memory()

    def _generate(
        self, prompt: str, options: PaintOptions, index: int, seed: int, emit: Emitter[PaintEvent]
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
                lora.set_fused(bool(sampling.adapter))
                pipe.vae = tiny_vae if sampling.adapter else vae
            pipe.scheduler = scheduler = _scheduler(pipe, sampling, shipped_scheduler)
            steps = options.steps or sampling.steps
            guidance = options.guidance_scale or self.guidance_scale
            if not sampling.classifier_free_guidance:
                guidance = 1.0
            negative = options.negative_prompt if guidance > 1 else ""
            started = time.monotonic()

            def on_step(
                pipe: Any, step: int, _timestep: Any, tensors: dict[str, Any]
            ) -> dict[str, Any]:
                emit.raise_if_closed()
                # PNDM calls once more than there are steps.
                done = min(step + 1, steps)
                due = options.preview_every and done % options.preview_every == 0 and done < steps
                image = _preview(pipe, tiny_vae, tensors["latents"]) if due else None
                emit(Previewed(index=index, step=done, steps=steps, image=image))
                if step + 1 == len(pipe.scheduler.timesteps):
                    trim_memory()  # the decoder cannot reuse the memory of the steps
                return {}

            output = pipe(
                **weighted_prompt.encode_prompts(pipe, prompt, negative),
                num_inference_steps=steps,
                guidance_scale=guidance,
                width=options.width,
                height=options.height,
                generator=torch.Generator("cpu").manual_seed(seed),
                callback_on_step_end=on_step,
            )
        blocked = bool((getattr(output, "nsfw_content_detected", None) or [False])[0])
        picture = Picture(
            index=index,
            seed=seed,
            prompt=prompt,
            image=None if blocked else output.images[0],
            negative_prompt=negative,
            recipe=options.recipe,
            steps=steps,
            guidance_scale=guidance,
            scheduler=type(scheduler).__name__.removesuffix("Scheduler"),
            adapter=sampling.adapter,
            painter=self.name,
            blocked=blocked,
        )
        emit(Painted(picture=picture, seconds=time.monotonic() - started))


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


def _preview(pipe: Any, vae: Any, latents: Any) -> Image.Image | None:
    """Decode a small picture of the current state.

    Schedulers that predict the denoised latents keep that prediction, which is far clearer than the
    noisy latents.
    """
    with suppress(AttributeError, IndexError, TypeError):
        denoised = pipe.scheduler.model_outputs[-1]
        latents = denoised if denoised is not None else latents
    side = min(PREVIEW_LATENTS, *latents.shape[-2:])
    small = adaptive_avg_pool2d(latents[:1].float(), side).to(vae.dtype)
    pixels = vae.decode(small / vae.config.scaling_factor, return_dict=False)[0]
    return pipe.image_processor.postprocess(pixels.float(), output_type="pil")[0]  # type: ignore[no-any-return]
