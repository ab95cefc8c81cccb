"""Words into pictures, with Stable Diffusion and its kin."""

import contextlib
import inspect
import threading
import time
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from PIL import Image

from marsam.background import Emitter, iterate_in_thread
from marsam.cpu import optimize
from marsam.cpu.allocator import trim_memory
from marsam.cpu.threads import intra_op_threads
from marsam.device import Device
from marsam.errors import ModelUnsupported, map_model_errors
from marsam.hub.model_files import ADAPTER_FILE, is_weights
from marsam.options import PaintOptions, Recipe, checked_text, new_seed, recipe_named
from marsam.recipes import Method, recipes
from marsam.results import Painted, Picture, Previewed, PromptLength
from marsam.stages.loading import loading, quiet, read_config, read_early, require_files
from marsam.stages.lora import Adapter

PREVIEW_LATENTS = 16
"""Previews are decoded from at most this many latents a side: cheap, and large enough to see."""
HALVED = ("StableDiffusionPipeline", "StableDiffusionXLPipeline")
"""Families whose networks were looked through for :mod:`marsam.cpu.layerwise_casting`."""


class DiffusionPainter:
    """A diffusers text-to-image pipeline in a folder, loaded when first needed.

    Args:
        folder: what ``save_pretrained`` writes (``model_index.json`` and a folder a component).
        device: where and in which number format it computes.
        name: what to call it in results.
        guidance_scale: used when a job names none.
        adapter: a folder with a LoRA that paints in few steps; drafts are made with it.
        decoder: a folder with a small decoder of the same latents, for such drafts and previews.
    """

    def __init__(
        self,
        folder: Path,
        *,
        device: Device,
        name: str | None = None,
        guidance_scale: float = 7.5,
        adapter: Path | None = None,
        decoder: Path | None = None,
    ) -> None:
        self.folder, self.device = folder, device
        # What an adapter changes is read again, which pickled weights are not made for.
        self.adapter = adapter if self._unet_files else None
        self.decoder = decoder
        self.name = name or folder.name
        self.guidance_scale = guidance_scale
        self._lock = threading.Lock()  # a pipeline holds the state of the picture it paints
        self._family = str(read_config(folder, "model_index.json").get("_class_name"))

    @cached_property
    def _loaded(self) -> tuple[Any, Mapping[str, Any], Adapter | None]:
        """The pipeline, the configuration of the scheduler it came with, and its adapter."""
        read_early(self.folder)
        with loading, map_model_errors(f"loading the painter {self.name}"):
            quiet("transformers", "diffusers")
            import diffusers
            import torch

            require_files(self.folder, "painter", self.name)
            # The class by its name: diffusers' AutoPipeline would import every pipeline there is.
            family = getattr(diffusers, self._family, None)
            asks = inspect.signature(family.__call__).parameters if family else {}
            if family is None or "prompt" not in asks or "image" in asks:
                raise ModelUnsupported(
                    f"{self.name} is a {self._family}, which does not paint from words alone."
                )
            halved = self.device.stores_fp16 and self._family in HALVED
            pipe = family.from_pretrained(
                self.folder,
                dtype=torch.float16 if halved else self.device.torch_dtype,
                variant="fp16" if self._halves else None,
                local_files_only=True,
            )
            pipe.set_progress_bar_config(disable=True)
            vae: Any = getattr(pipe, "vae", None)
            if hasattr(vae, "encoder"):
                vae.encoder = None  # pictures come out of it, none go in
            pipe.to(self.device.kind)
            adapter = None
            if self.adapter is not None:
                adapter = Adapter(pipe, self.adapter / ADAPTER_FILE, self._unet_files)
            if halved:
                optimize.store_pipeline_in_fp16(pipe)
            if self.device.is_cpu:
                optimize.optimize_pipeline(pipe, self.device)
            trim_memory()
            return pipe, pipe.scheduler.config, adapter

    @property
    def _halves(self) -> bool:
        """Whether its files are in half precision."""
        return any(self.folder.glob("*/*.fp16.safetensors"))

    @property
    def _unet_files(self) -> list[Path]:
        """The U-Net's weights, where they are in safetensors."""
        files = sorted((self.folder / "unet").glob("*.safetensors"))
        halves = self._halves
        return [f for f in files if is_weights(f.name) and (".fp16" in f.name) == halves]

    @cached_property
    def _own_decoder(self) -> Any:
        return getattr(self._loaded[0], "vae", None)

    @cached_property
    def _small_decoder(self) -> Any:
        """The quick way from latents to pixels; the pipeline's own when there is no other."""
        if self.decoder is None:
            return self._own_decoder
        from diffusers import AutoencoderTiny

        with loading, map_model_errors(f"loading the decoder {self.decoder.name}"):
            small = AutoencoderTiny.from_pretrained(
                self.decoder, dtype=self.device.torch_dtype, local_files_only=True
            )
        return small.eval().to(self.device.kind)

    @cached_property
    def _tokenizer(self) -> Any:
        """The pipeline's own, without its weights; None when the painter has none."""
        if not (self.folder / "tokenizer").is_dir():
            return None
        with loading, map_model_errors(f"loading the vocabulary of {self.name}"):
            quiet("transformers")
            from transformers import AutoTokenizer

            require_files(self.folder, "painter", self.name)
            return AutoTokenizer.from_pretrained(self.folder / "tokenizer")

    def measure(self, prompt: str) -> PromptLength:
        """How much of a prompt will be read, by the pipeline's own tokenizer.

        Raises:
            ModelError: when the vocabulary cannot be loaded.
        """
        tokenizer = self._tokenizer
        if tokenizer is None:
            return PromptLength(tokens=0, limit=0)
        tokens = tokenizer(prompt).input_ids
        limit = tokenizer.model_max_length
        # The last place is for the mark that ends a prompt.
        cut = tokenizer.decode(tokens[limit - 1 : -1]) if len(tokens) > limit else ""
        return PromptLength(tokens=len(tokens), limit=limit, cut=cut.strip())

    def method(self, recipe: Recipe) -> Method:
        """What a recipe means with this painter."""
        return recipes(adapter=self.adapter is not None)[recipe_named(recipe)]

    def paint(self, prompt: str, options: PaintOptions) -> Iterator[Previewed | Painted]:
        """Paint ``options.pictures`` pictures, one after another.

        Picture ``i`` depends on its prompt, its options and ``seed + i`` alone. Closing the
        iterator stops between two steps.

        Raises:
            PromptError: when the prompt is empty or too long.
            ModelError: when the model cannot be loaded.
            OutOfMemory: when the device is too small.
        """
        prompt = checked_text(prompt)
        first = options.seed if options.seed is not None else new_seed()
        try:
            for index in range(options.pictures):
                yield from self._paint_one(prompt, options, index, first + index)
        finally:
            trim_memory()

    def _paint_one(
        self, prompt: str, options: PaintOptions, index: int, seed: int
    ) -> Iterator[Previewed | Painted]:
        def work(emit: Emitter[Previewed | Painted]) -> None:
            with self._lock:
                emit(self._run(prompt, options, index, seed, emit))

        return iterate_in_thread(work, name=f"paint-{seed}")

    def _run(
        self,
        prompt: str,
        options: PaintOptions,
        index: int,
        seed: int,
        emit: Emitter[Previewed | Painted],
    ) -> Painted:
        import torch

        emit.raise_if_closed()
        with map_model_errors("painting"), intra_op_threads(self.folder), torch.inference_mode():
            pipe, shipped, adapter = self._loaded
            method = self.method(options.recipe)
            own, small = self._own_decoder, self._small_decoder
            if adapter is not None:
                adapter.switch(on=method.adapter)
                pipe.vae = small if method.adapter else own
            pipe.scheduler = _scheduler(pipe, method, shipped)
            steps = options.steps or method.steps
            guidance = options.guidance_scale or self.guidance_scale
            if not method.guided:
                guidance = 1.0
            started = time.monotonic()

            def on_step(
                pipe: Any, step: int, _timestep: Any, tensors: dict[str, Any]
            ) -> dict[str, Any]:
                emit.raise_if_closed()
                # Some samplers (PNDM) call once more than there are steps.
                done = min(step + 1, steps)
                wanted = options.preview_every and done % options.preview_every == 0
                sketch = None
                if wanted and done < steps:
                    sketch = _sketch(pipe, small, tensors["latents"])
                emit(Previewed(index=index, step=done, steps=steps, image=sketch))
                if step + 1 == len(pipe.scheduler.timesteps):
                    trim_memory()  # what steps have used, decoding has no use for
                return {}

            output = pipe(
                prompt,
                negative_prompt=options.negative_prompt or None,
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
            negative_prompt=options.negative_prompt,
            recipe=options.recipe,
            steps=steps,
            guidance_scale=guidance,
            scheduler=type(pipe.scheduler).__name__.removesuffix("Scheduler"),
            painter=self.name,
            blocked=blocked,
        )
        return Painted(picture=picture, seconds=time.monotonic() - started)


def _scheduler(pipe: Any, method: Method, shipped: Mapping[str, Any]) -> Any:
    """A fresh scheduler (they keep state), always from the configuration the model came with."""
    import diffusers

    if method.scheduler is None:
        return getattr(diffusers, shipped["_class_name"]).from_config(shipped)
    # Karras' spacing needs a largest noise level; a schedule that ends in pure noise has none.
    finite = float(pipe.scheduler.alphas_cumprod[-1]) > 1e-4
    return getattr(diffusers, method.scheduler).from_config(
        shipped, use_karras_sigmas=method.karras and finite
    )


def _sketch(pipe: Any, decoder: Any, latents: Any) -> Image.Image | None:
    """A small picture of what is there so far.

    Samplers that predict the finished picture keep that guess; it is far clearer than the noisy
    state they are in.
    """
    from torch.nn.functional import adaptive_avg_pool2d

    with contextlib.suppress(AttributeError, IndexError, TypeError):
        guess = pipe.scheduler.model_outputs[-1]
        latents = guess if guess is not None else latents
    side = min(PREVIEW_LATENTS, *latents.shape[-2:])
    small = adaptive_avg_pool2d(latents[:1].float(), side).to(decoder.dtype)
    pixels = decoder.decode(small / decoder.config.scaling_factor, return_dict=False)[0]
    return pipe.image_processor.postprocess(pixels.float(), output_type="pil")[0]  # type: ignore[no-any-return]
