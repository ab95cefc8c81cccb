"""The engines that are compared, each run in its own process.

``python -m benchmarks.engines NAME`` reads one task name per line from standard input, runs that
method of the engine and prints its times in seconds as one line of JSON.
"""

import contextlib
import itertools
import json
import os
import resource
import sys
import time
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

from benchmarks import random_models
from PIL import Image

PROMPT = "a cat on a blue background"
CAPTION_TOKENS, TRANSLATION_TOKENS, SEED = 15, 20, 7
STEPS_VARIABLE = "MARSAM_BENCH_STEPS"
STEPS: int | None = int(os.environ.get(STEPS_VARIABLE, "6")) or None
"""Steps to time of a faithful picture; None runs all. The other recipes always run all."""
PICTURE = Path(__file__).parents[1] / "src" / "marsam" / "web" / "examples" / "cat.png"
SENTENCE = list(range(100, 113))
"""Token IDs of a sentence; random weights do not depend on which ones."""
LCM_SCHEDULER: dict[str, Any] = {
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "set_alpha_to_one": False,
    "steps_offset": 1,
}
LENGTH_OFFSETS = (-2, -1, -1, 0, 0, 0, 1, 2)
"""Lengths of the captions of one batch of a folder, relative to ``SENTENCE``."""


@contextlib.contextmanager
def timed(times: dict[str, float], name: str) -> Iterator[None]:
    started = time.perf_counter()
    yield
    times[name] = time.perf_counter() - started


def picture() -> Image.Image:
    return Image.open(PICTURE).convert("RGB").resize((512, 512))


def split(ends: list[float], started: float, ended: float) -> dict[str, float]:
    """Split the seconds of a picture into the fastest step, the decoding and the total.

    Args:
        ends: when each step ended. The first step includes the text encoder, and is ignored where
            there are others.
        started: when the picture was started.
        ended: when it was decoded.
    """
    steps = [b - a for a, b in itertools.pairwise(ends)] or [ends[0] - started]
    return {"step": min(steps), "decode": ended - ends[-1], "total": ended - started}


class Engine:
    """Base class: times a picture of a diffusers pipeline."""

    def _paint(
        self, pipe: Any, *, steps: int = STEPS or 50, guidance: float = 7.5, out: Path | None = None
    ) -> dict[str, float]:
        import torch

        ends: list[float] = []

        def on_step(_pipe: Any, _step: int, _time: Any, _tensors: Any) -> dict[str, Any]:
            ends.append(time.perf_counter())
            return {}

        started = time.perf_counter()
        with torch.inference_mode():
            image = pipe(
                PROMPT,
                num_inference_steps=steps,
                guidance_scale=guidance,
                height=512,
                width=512,
                generator=torch.Generator("cpu").manual_seed(SEED),
                callback_on_step_end=on_step,
            ).images[0]
        ended = time.perf_counter()
        if out is not None:
            image.save(out)
        return split(ends, started, ended)


class Baseline(Engine):
    """The original notebook: fp32 BLIP, bf16 NLLB, fp32 Stable Diffusion with 50 PNDM steps."""

    picture = "baseline.png"

    @cached_property
    def blip(self) -> Any:
        from transformers import BlipForConditionalGeneration

        return BlipForConditionalGeneration.from_pretrained(
            random_models.folder("captioner")
        ).eval()

    @cached_property
    def nllb(self) -> Any:
        import torch
        from transformers import M2M100ForConditionalGeneration

        model = M2M100ForConditionalGeneration.from_pretrained(
            random_models.folder("translator"), dtype=torch.bfloat16
        )
        model.generation_config.eos_token_id = None
        return model.eval()

    @cached_property
    def pipe(self) -> Any:
        return self._pipe("float32")

    def _pipe(self, dtype: str) -> Any:
        import torch
        from diffusers import StableDiffusionPipeline

        pipe = StableDiffusionPipeline.from_pretrained(
            random_models.folder("painter"), variant="fp16", dtype=getattr(torch, dtype)
        )
        pipe.set_progress_bar_config(disable=True)
        return pipe

    def caption(self) -> dict[str, float]:
        import torch
        from transformers import BlipImageProcessorPil

        blip, times = self.blip, dict[str, float]()
        images = BlipImageProcessorPil.from_pretrained(random_models.folder("captioner"))
        with torch.inference_mode(), timed(times, "total"):
            pixels = images(images=picture(), return_tensors="pt").pixel_values
            blip.generate(
                pixel_values=pixels, min_new_tokens=CAPTION_TOKENS, max_new_tokens=CAPTION_TOKENS
            )
        return times

    def translate(self) -> dict[str, float]:
        import torch

        nllb, times = self.nllb, dict[str, float]()
        with torch.inference_mode(), timed(times, "total"):
            nllb.generate(
                input_ids=torch.tensor([[256_001, *SENTENCE, 2]]),
                forced_bos_token_id=256_001,
                max_new_tokens=TRANSLATION_TOKENS,
            )
        return times

    def faithful(self) -> dict[str, float]:
        return self._paint(self.pipe, out=random_models.CACHE / self.picture)

    def start(self) -> dict[str, float]:
        """Time to the first caption. The notebook loads all three models first."""
        times: dict[str, float] = {}
        with timed(times, "total"):
            _ = self.blip, self.nllb, self.pipe
            self.caption()
        return times


def native_dtype() -> str:
    """The fastest dtype of this CPU that is not emulated."""
    from marsam.device import choose_device

    return choose_device("cpu").dtype


class Diffusers(Baseline):
    """Plain diffusers in the CPU's fastest dtype; in float32 it equals the baseline."""

    picture = "diffusers.png"

    @cached_property
    def pipe(self) -> Any:
        return self._pipe(native_dtype())


class OpenVino(Baseline):
    """The same pipeline with the U-Net and the VAE decoder compiled by OpenVINO.

    Its pictures of few steps are made as the fastest tools for CPUs make them: LCM without
    guidance, and a tiny decoder (TAESD).
    """

    picture = "openvino.png"
    unet = "unet"

    @cached_property
    def pipe(self) -> Any:
        return self._compiled_pipe("float32")

    @cached_property
    def pipe_for_few_steps(self) -> Any:
        from diffusers import AutoencoderTiny, LCMScheduler

        tiny = AutoencoderTiny.from_pretrained(random_models.folder("tiny"))
        return self._compiled_pipe(
            "float32",
            batch=1,
            decoder="tiny-decoder",
            vae=tiny,
            scheduler=LCMScheduler(**LCM_SCHEDULER),
        )

    def draft(self) -> dict[str, float]:
        return self._paint(self.pipe_for_few_steps, steps=4, guidance=1.0)

    def instant(self) -> dict[str, float]:
        return self._paint(self.pipe_for_few_steps, steps=1, guidance=1.0)

    def _compiled_pipe(
        self, dtype: str, *, batch: int = 2, decoder: str = "decoder", **parts: Any
    ) -> Any:
        import torch

        pipe = self._pipe(dtype)
        pipe.register_modules(**parts)
        for part in (pipe.unet, pipe.vae):
            part.requires_grad_(False)
        config, inputs = pipe.unet.config, unet_inputs(batch)

        class UnetOutput(torch.nn.Module):
            def forward(self, sample: Any, timestep: Any, text: Any) -> Any:
                return pipe.unet(sample, timestep, text, return_dict=False)[0]

        class VaeDecoder(torch.nn.Module):
            def forward(self, latents: Any) -> Any:
                return pipe.vae.decode(latents, return_dict=False)[0]

        unet = _compiled(self.unet, UnetOutput(), inputs)
        decode = _compiled(decoder, VaeDecoder(), (inputs[0][:1],))

        class Unet(torch.nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.config, self.dtype = config, torch.float32
                self.device = torch.device("cpu")

            def forward(
                self, sample: Any, timestep: Any, *, encoder_hidden_states: Any, **_: Any
            ) -> Any:
                inputs = [t.numpy() for t in (sample, timestep, encoder_hidden_states)]
                return (torch.from_numpy(unet(inputs)[0]),)

        pipe.unet = Unet()
        pipe.vae.decode = lambda z, **_: (torch.from_numpy(decode([z.numpy()])[0]),)
        return pipe


class OpenVinoInt8(OpenVino):
    """The same with a U-Net in int8, weights and activations, quantized by NNCF."""

    picture = "openvino-int8.png"
    unet = "unet-int8"


def unet_inputs(batch: int) -> tuple[Any, ...]:
    """Random inputs of the U-Net: latents, timestep and text."""
    import torch

    return torch.randn(batch, 4, 64, 64), torch.tensor(500), torch.randn(batch, 77, 768)


def _compiled(name: str, module: Any, inputs: tuple[Any, ...]) -> Any:
    """Compile a module for OpenVINO; the converted model is cached on disk.

    Its shapes are those of the inputs, which are faster than dynamic ones.
    """
    import openvino

    path = _converted(name, module, inputs)
    core = openvino.Core()
    model = core.read_model(path)
    model.reshape({i: list(value.shape) for i, value in enumerate(inputs)})
    options = {
        "INFERENCE_PRECISION_HINT": {"bfloat16": "bf16", "float32": "f32"}[native_dtype()],
        "PERFORMANCE_HINT": "LATENCY",
    }
    return core.compile_model(model, "CPU", options)


def _converted(name: str, module: Any, inputs: tuple[Any, ...]) -> Path:
    """The file of a converted module; one in int8 is made from that of the same module."""
    import openvino

    path = random_models.CACHE / "openvino" / f"{name}.xml"
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        if name.endswith("-int8"):
            source = _converted(name.removesuffix("-int8"), module, inputs)
            openvino.save_model(_quantized(source), path)
        else:
            converted = openvino.convert_model(module.eval(), example_input=inputs)
            openvino.save_model(converted, path, compress_to_fp16=True)
    return path


def _quantized(source: Path, samples: int = 4) -> Any:
    """A U-Net in int8, calibrated with random inputs, as its weights are."""
    import nncf
    import openvino

    data = [[value.numpy() for value in unet_inputs(1)] for _ in range(samples)]
    with contextlib.redirect_stdout(sys.stderr):  # NNCF logs to where our results go
        nncf.disable_logging()
        return nncf.quantize(
            openvino.Core().read_model(source),
            nncf.Dataset(data),
            subset_size=samples,
            model_type=nncf.ModelType.TRANSFORMER,
        )


class StableDiffusionCpp:
    """stable-diffusion.cpp through its Python binding, with float16 weights."""

    @cached_property
    def model(self) -> Any:
        from stable_diffusion_cpp import StableDiffusion

        return StableDiffusion(
            model_path=str(_original_layout()),
            wtype="f16",
            n_threads=os.cpu_count() or 1,
            verbose=False,
        )

    def faithful(self) -> dict[str, float]:
        """Time Euler steps: one U-Net call per step."""
        ends: list[float] = []

        def on_step(_step: int, _steps: int, _seconds: float) -> None:
            ends.append(time.perf_counter())

        model, started = self.model, time.perf_counter()
        model.generate_image(
            PROMPT,
            cfg_scale=7.5,
            sample_method="euler",
            sample_steps=min(STEPS, 3) if STEPS else 51,  # as many U-Net calls as PNDM
            seed=SEED,
            progress_callback=on_step,
        )
        return split(ends, started, time.perf_counter())


def _original_layout() -> Path:
    """Copy the painter with the file and tensor names of the original Stable Diffusion 1.5."""
    from safetensors.torch import load_file, save_file

    folder = random_models.CACHE / "stable-diffusion.cpp"
    for part, file in (
        ("unet", "diffusion_pytorch_model"),
        ("vae", "diffusion_pytorch_model"),
        ("text_encoder", "model"),
    ):
        path = folder / part / f"{file}.safetensors"
        if not path.is_file():
            path.parent.mkdir(parents=True, exist_ok=True)
            tensors = load_file(random_models.folder("painter") / part / f"{file}.fp16.safetensors")
            prefix = "text_model." if part == "text_encoder" else ""
            save_file(
                {prefix + name.removeprefix(prefix): value for name, value in tensors.items()}, path
            )
    return folder


class Marsam(Engine):
    """Marsam's stages, through their public methods where random weights allow it."""

    @cached_property
    def device(self) -> Any:
        from marsam.device import choose_device

        return choose_device("cpu")

    @cached_property
    def captioner(self) -> Any:
        from marsam.stages.captioner import BlipCaptioner

        return BlipCaptioner(random_models.folder("captioner"), device=self.device)

    @cached_property
    def translator(self) -> Any:
        from marsam.stages.seq2seq_model import Seq2SeqModel

        return Seq2SeqModel(random_models.folder("translator"), device=self.device)

    @cached_property
    def painter(self) -> Any:
        from marsam.hub.model_files import ADAPTER_FILE
        from marsam.recipes import Adapter, Recipe
        from marsam.stages.painter import DiffusionPainter

        lora = random_models.folder("adapter") / ADAPTER_FILE
        return DiffusionPainter(
            random_models.folder("painter"),
            device=self.device,
            adapters={
                Recipe.INSTANT: Adapter(lora, "one-step", timestep=999),
                Recipe.DRAFT: Adapter(lora, "lcm"),
            },
            decoder=random_models.folder("tiny"),
        )

    def caption(self, beams: int = 3) -> dict[str, float]:
        from marsam import CaptionOptions

        image, times = picture(), dict[str, float]()
        options = CaptionOptions(beams=beams, min_tokens=CAPTION_TOKENS, max_tokens=CAPTION_TOKENS)
        _ = self.captioner._loaded
        with timed(times, "total"):
            self.captioner.caption(image, options)
        return times

    def translate(self, beams: int = 4) -> dict[str, float]:
        """Time the model alone: random weights never end a sentence, so the checks would retry."""
        times: dict[str, float] = {}
        _ = self._arabic_vocabulary
        with timed(times, "total"):
            self._generate([SENTENCE], beams)
        return times

    @cached_property
    def _arabic_vocabulary(self) -> Any:
        from marsam.text.languages import ARABIC

        self.translator._loaded[0].generation_config.eos_token_id = None
        return self.translator._vocabulary(ARABIC)

    def _generate(self, sentences: list[list[int]], beams: int) -> None:
        """Translate token IDs of sentences of one length as one batch."""
        import torch

        model = self.translator._loaded[0]
        with torch.inference_mode():
            self._arabic_vocabulary.generate(
                model,
                input_ids=torch.tensor([[256_001, *sentence, 2] for sentence in sentences]),
                forced_bos_token_id=256_001,
                max_new_tokens=TRANSLATION_TOKENS,
                num_beams=beams,
            )

    def folder(self, chunks: int = 2) -> dict[str, float]:
        """Seconds per picture to caption and translate a folder.

        As ``marsam batch`` does: the captioner works on one chunk of pictures while the captions
        of the previous chunk are translated, in batches of sentences of one length.
        """
        from marsam import CaptionOptions
        from marsam.background import prefetch

        images = [picture().rotate(angle) for angle in range(len(LENGTH_OFFSETS))]
        options = CaptionOptions(beams=3, min_tokens=CAPTION_TOKENS, max_tokens=CAPTION_TOKENS)
        lengths = [len(SENTENCE) + offset for offset in LENGTH_OFFSETS]
        times: dict[str, float] = {}

        def caption_chunks() -> Iterator[list[int]]:
            for _ in range(chunks):
                self.captioner.caption_many(images, options)
                yield lengths

        _ = self.captioner._loaded, self._arabic_vocabulary
        with timed(times, "total"):
            for chunk in prefetch(caption_chunks(), 2):
                for length in sorted(set(chunk)):
                    self._generate([list(range(100, 100 + length))] * chunk.count(length), 4)
        return {"total": times["total"] / (chunks * len(images))}

    def caption_greedy(self) -> dict[str, float]:
        return self.caption(beams=1)

    def translate_greedy(self) -> dict[str, float]:
        return self.translate(beams=1)

    def _recipe(self, recipe: str, steps: int | None = None) -> dict[str, float]:
        from marsam import Painted, PaintOptions, Recipe

        options = PaintOptions(pictures=1, seed=SEED, recipe=Recipe(recipe), steps=steps)
        ends: list[float] = []
        times: dict[str, float] = {}
        _, _, lora = self.painter._loaded
        with timed(times, "fuse"):  # once, when a person chooses another recipe
            lora.fuse(self.painter.sampling(options.recipe).adapter)
        started = time.perf_counter()
        for event in self.painter.paint(PROMPT, options):
            ends.append(time.perf_counter())
            if isinstance(event, Painted) and event.picture.image is not None:
                event.picture.image.save(random_models.CACHE / f"{recipe}.png")
        return times | split(ends[:-1], started, ends[-1])

    def faithful(self) -> dict[str, float]:
        return self._recipe("faithful", STEPS)

    def balanced(self) -> dict[str, float]:
        return self._recipe("balanced")

    def draft(self) -> dict[str, float]:
        return self._recipe("draft")

    def instant(self) -> dict[str, float]:
        return self._recipe("instant")

    def preview(self) -> dict[str, float]:
        """Decode one preview."""
        import torch

        from marsam.stages.preview import preview

        pipe, times = self.painter._loaded[0], dict[str, float]()
        latents = torch.randn(1, 4, 64, 64, dtype=self.device.torch_dtype)
        with torch.inference_mode(), timed(times, "total"):
            preview(pipe, self.painter._tiny_vae, latents, width=None, height=None)
        return times

    def save(self) -> dict[str, float]:
        """Save one picture with its metadata to the journal."""
        import tempfile

        from marsam.journal.journal import Journal
        from marsam.journal.records import NewRun
        from marsam.results import Painted, Picture, Prompt, PromptLength

        image = Image.effect_noise((512, 512), 64).convert("RGB")
        prompt = Prompt(
            english=PROMPT,
            arabic="قطة على خلفية زرقاء",
            given=PROMPT,
            language="eng_Latn",
            back=None,
            length=PromptLength(tokens=8, limit=77),
        )
        painted = Picture(
            index=0,
            seed=SEED,
            prompt=PROMPT,
            image=image,
            recipe="balanced",
            steps=20,
            guidance_scale=7.5,
            scheduler="UniPCMultistep",
            painter="noise",
        )
        times: dict[str, float] = {}
        with tempfile.TemporaryDirectory() as folder:
            journal = Journal(Path(folder))
            run = journal.insert(NewRun(client="bench", prompt=prompt)).id
            with timed(times, "total"):
                journal.save_picture(run, Painted(picture=painted, seconds=1.0), prompt)
        return times

    def start(self) -> dict[str, float]:
        """Time to the first caption; the painter is not loaded."""
        times: dict[str, float] = {}
        with timed(times, "total"):
            self.caption()
        return times


ENGINES: dict[str, Callable[[], Any]] = {
    "baseline": Baseline,
    "marsam": Marsam,
    "diffusers": Diffusers,
    "openvino": OpenVino,
    "openvino-int8": OpenVinoInt8,
    "stable-diffusion.cpp": StableDiffusionCpp,
}


def peak_memory() -> float:
    """Peak resident memory of this process in GiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def resident_memory() -> float:
    """Current resident memory in GiB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**30


def main(name: str) -> None:
    from marsam.cpu.allocator import retain_freed_memory
    from marsam.stages.loading import silence

    if name == "marsam":
        retain_freed_memory()  # as the marsam command does
    else:
        silence("transformers", "diffusers")  # Marsam does so itself
    engine = ENGINES[name]()
    for line in sys.stdin:
        times = getattr(engine, line.strip())()
        print(
            json.dumps(times | {"peak": peak_memory(), "resident": resident_memory()}), flush=True
        )


if __name__ == "__main__":
    main(sys.argv[1])
