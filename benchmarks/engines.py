"""One way of doing the work, in a process of its own: loads what it is asked for, does it, says how
long it took.

``python -m benchmarks.engines NAME`` reads a unit's name a line and answers with a line of JSON.
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

from benchmarks import fullsize
from PIL import Image

PROMPT = "a cat on a blue background"
WORDS, TOKENS, SEED = 15, 20, 7
"""Tokens of a caption and of its translation; the seed of a picture."""
VARIABLE = "MARSAM_BENCH_STEPS"
STEPS: int | None = int(os.environ.get(VARIABLE, "6")) or None
"""Steps timed of a faithful picture; None paints whole ones. The other recipes are always whole."""
PICTURE = Path(__file__).parents[1] / "src" / "marsam" / "web" / "examples" / "cat.png"
SENTENCE = list(range(100, 113))
"""A sentence of a dozen tokens; which ones is all the same to random weights."""
LENGTHS = (-2, -1, -1, 0, 0, 0, 1, 2)
"""Tokens more than that of the captions of a folder's pictures, which differ in length; as many as
a batch takes at once."""


@contextlib.contextmanager
def clock(times: dict[str, float], name: str) -> Iterator[None]:
    started = time.perf_counter()
    yield
    times[name] = time.perf_counter() - started


def picture() -> Image.Image:
    return Image.open(PICTURE).convert("RGB").resize((512, 512))


def split(ends: list[float], started: float, ended: float) -> dict[str, float]:
    """What one picture's time went into, from the moments its steps ended.

    The first step carries the text encoder and whatever is done once; it is not counted.
    """
    step = min(b - a for a, b in itertools.pairwise(ends))
    return {"step": step, "decode": ended - ends[-1], "total": ended - started}


class Engine:
    """What all of them share: a picture by a diffusers pipeline."""

    def _paint(self, pipe: Any, *, out: Path | None = None) -> dict[str, float]:
        import torch

        ends: list[float] = []

        def on_step(_pipe: Any, _step: int, _time: Any, _tensors: Any) -> dict[str, Any]:
            ends.append(time.perf_counter())
            return {}

        started = time.perf_counter()
        with torch.inference_mode():
            image = pipe(
                PROMPT,
                num_inference_steps=STEPS or 50,
                guidance_scale=7.5,
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

        return BlipForConditionalGeneration.from_pretrained(fullsize.folder("captioner")).eval()

    @cached_property
    def nllb(self) -> Any:
        import torch
        from transformers import M2M100ForConditionalGeneration

        model = M2M100ForConditionalGeneration.from_pretrained(
            fullsize.folder("translator"), dtype=torch.bfloat16
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
            fullsize.folder("painter"), variant="fp16", dtype=getattr(torch, dtype)
        )
        pipe.set_progress_bar_config(disable=True)
        return pipe

    def caption(self) -> dict[str, float]:
        import torch
        from transformers import BlipImageProcessorPil

        blip, times = self.blip, dict[str, float]()
        images = BlipImageProcessorPil.from_pretrained(fullsize.folder("captioner"))
        with torch.inference_mode(), clock(times, "total"):
            pixels = images(images=picture(), return_tensors="pt").pixel_values
            blip.generate(pixel_values=pixels, min_new_tokens=WORDS, max_new_tokens=WORDS)
        return times

    def translate(self) -> dict[str, float]:
        import torch

        nllb, times = self.nllb, dict[str, float]()
        with torch.inference_mode(), clock(times, "total"):
            nllb.generate(
                input_ids=torch.tensor([[256_001, *SENTENCE, 2]]),
                forced_bos_token_id=256_001,
                max_new_tokens=TOKENS,
            )
        return times

    def faithful(self) -> dict[str, float]:
        return self._paint(self.pipe, out=fullsize.CACHE / self.picture)

    def start(self) -> dict[str, float]:
        """From nothing to the first caption; all three are loaded first, as it did."""
        times: dict[str, float] = {}
        with clock(times, "total"):
            _ = self.blip, self.nllb, self.pipe
            self.caption()
        return times


def number_format() -> str:
    """What this processor computes itself; asked for anything else, an engine would emulate it."""
    from marsam.device import choose_device

    return choose_device("cpu").dtype


class Diffusers(Baseline):
    """Plain diffusers in the CPU's fastest dtype; in float32 it equals the baseline."""

    picture = "diffusers.png"

    @cached_property
    def pipe(self) -> Any:
        return self._pipe(number_format())


class OpenVino(Baseline):
    """The same pipeline with its U-Net and its decoder compiled by OpenVINO."""

    picture = "openvino.png"

    @cached_property
    def pipe(self) -> Any:
        import torch

        pipe = self._pipe("float32")
        for part in (pipe.unet, pipe.vae):
            part.requires_grad_(False)

        class Steps(torch.nn.Module):
            def forward(self, sample: Any, timestep: Any, words: Any) -> Any:
                return pipe.unet(sample, timestep, words, return_dict=False)[0]

        class Pixels(torch.nn.Module):
            def forward(self, latents: Any) -> Any:
                return pipe.vae.decode(latents, return_dict=False)[0]

        latents = torch.randn(1, 4, 64, 64)
        pair = (latents.repeat(2, 1, 1, 1), torch.tensor(500), torch.randn(2, 77, 768))
        unet = _compiled("unet", Steps(), pair)
        decoder = _compiled("decoder", Pixels(), (latents,))
        config = pipe.unet.config

        class Unet(torch.nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.config, self.dtype = config, torch.float32
                self.device = torch.device("cpu")

            def forward(
                self, sample: Any, timestep: Any, *, encoder_hidden_states: Any, **_: Any
            ) -> Any:
                given = [t.numpy() for t in (sample, timestep, encoder_hidden_states)]
                return (torch.from_numpy(unet(given)[0]),)

        pipe.unet = Unet()
        pipe.vae.decode = lambda z, **_: (torch.from_numpy(decoder([z.numpy()])[0]),)
        return pipe


def _compiled(name: str, module: Any, inputs: tuple[Any, ...]) -> Any:
    """A part as OpenVINO has it, converted once."""
    import openvino

    place = fullsize.CACHE / "openvino" / f"{name}.xml"
    if not place.is_file():
        place.parent.mkdir(parents=True, exist_ok=True)
        converted = openvino.convert_model(module.eval(), example_input=inputs)
        openvino.save_model(converted, place, compress_to_fp16=True)
    options = {
        "INFERENCE_PRECISION_HINT": {"bfloat16": "bf16", "float32": "f32"}[number_format()],
        "PERFORMANCE_HINT": "LATENCY",
    }
    return openvino.Core().compile_model(str(place), "CPU", options)


class StableDiffusionCpp:
    """stable-diffusion.cpp by its Python binding, with half-precision weights."""

    @cached_property
    def model(self) -> Any:
        from stable_diffusion_cpp import StableDiffusion

        return StableDiffusion(
            model_path=str(_as_it_was_released()),
            wtype="f16",
            n_threads=os.cpu_count() or 1,
            verbose=False,
        )

    def faithful(self) -> dict[str, float]:
        """With a sampler that looks once a step."""
        ends: list[float] = []

        def on_step(_step: int, _steps: int, _seconds: float) -> None:
            ends.append(time.perf_counter())

        model, started = self.model, time.perf_counter()
        model.generate_image(
            PROMPT,
            cfg_scale=7.5,
            sample_method="euler",
            sample_steps=min(STEPS, 3) if STEPS else 51,
            seed=SEED,
            progress_callback=on_step,
        )
        return split(ends, started, time.perf_counter())


def _as_it_was_released() -> Path:
    """The painter's folder with the names, of files and in them, that Stable Diffusion 1.5 has."""
    from safetensors.torch import load_file, save_file

    folder = fullsize.CACHE / "stable-diffusion.cpp"
    for part, file in (
        ("unet", "diffusion_pytorch_model"),
        ("vae", "diffusion_pytorch_model"),
        ("text_encoder", "model"),
    ):
        place = folder / part / f"{file}.safetensors"
        if not place.is_file():
            place.parent.mkdir(parents=True, exist_ok=True)
            tensors = load_file(fullsize.folder("painter") / part / f"{file}.fp16.safetensors")
            prefix = "text_model." if part == "text_encoder" else ""
            save_file(
                {prefix + name.removeprefix(prefix): value for name, value in tensors.items()},
                place,
            )
    return folder


class Ours(Engine):
    """Marsam's own stages, through their public doors wherever random weights let us."""

    @cached_property
    def device(self) -> Any:
        from marsam.device import choose_device

        return choose_device("cpu")

    @cached_property
    def captioner(self) -> Any:
        from marsam.stages.captioner import BlipCaptioner

        return BlipCaptioner(fullsize.folder("captioner"), device=self.device)

    @cached_property
    def translator(self) -> Any:
        from marsam.stages.translator import Seq2SeqTranslator

        return Seq2SeqTranslator(fullsize.folder("translator"), device=self.device)

    @cached_property
    def painter(self) -> Any:
        from marsam.stages.painter import DiffusionPainter

        return DiffusionPainter(
            fullsize.folder("painter"),
            device=self.device,
            adapter=fullsize.folder("adapter"),
            decoder=fullsize.folder("tiny"),
        )

    def caption(self, beams: int = 3) -> dict[str, float]:
        from marsam import CaptionOptions

        image, times = picture(), dict[str, float]()
        options = CaptionOptions(beams=beams, min_tokens=WORDS, max_tokens=WORDS)
        _ = self.captioner._loaded
        with clock(times, "total"):
            self.captioner.caption(image, options)
        return times

    def translate(self, beams: int = 4) -> dict[str, float]:
        """Noise never ends a sentence, and the guard would ask again: the model alone is timed."""
        times: dict[str, float] = {}
        _ = self._arabic
        with clock(times, "total"):
            self._translated([SENTENCE], beams)
        return times

    @cached_property
    def _arabic(self) -> Any:
        from marsam.text.languages import ARABIC

        self.translator._loaded[0].generation_config.eos_token_id = None
        return self.translator._vocabulary(ARABIC)

    def _translated(self, sentences: list[list[int]], beams: int) -> None:
        """Sentences of one length."""
        import torch

        model = self.translator._loaded[0]
        with torch.inference_mode():
            self._arabic.generate(
                model,
                input_ids=torch.tensor([[256_001, *sentence, 2] for sentence in sentences]),
                forced_bos_token_id=256_001,
                max_new_tokens=TOKENS,
                num_beams=beams,
            )

    def folder(self, chunks: int = 2) -> dict[str, float]:
        """Caption and Arabic of each of a folder's pictures, a picture's share.

        As a batch makes them: so many are described one after another or at once, as the captioner
        chooses, while those before are translated, sentences of one length at once.
        """
        from marsam import CaptionOptions
        from marsam.background import prefetch

        images = [picture().rotate(angle) for angle in range(len(LENGTHS))]
        options = CaptionOptions(beams=3, min_tokens=WORDS, max_tokens=WORDS)
        lengths = [len(SENTENCE) + more for more in LENGTHS]
        times: dict[str, float] = {}

        def described() -> Iterator[list[int]]:
            for _ in range(chunks):
                self.captioner.caption_many(images, options)
                yield lengths

        _ = self.captioner._loaded, self._arabic
        with clock(times, "total"):
            for told in prefetch(described(), 2):
                for length in sorted(set(told)):
                    self._translated([list(range(100, 100 + length))] * told.count(length), 4)
        return {"total": times["total"] / (chunks * len(images))}

    def caption_greedy(self) -> dict[str, float]:
        return self.caption(beams=1)

    def translate_greedy(self) -> dict[str, float]:
        return self.translate(beams=1)

    def _recipe(self, recipe: str, steps: int | None = None) -> dict[str, float]:
        from marsam import Painted, PaintOptions, Recipe

        chosen = Recipe(recipe)
        options = PaintOptions(pictures=1, seed=SEED, recipe=chosen, steps=steps)
        ends: list[float] = []
        started = time.perf_counter()
        for event in self.painter.paint(PROMPT, options):
            ends.append(time.perf_counter())
            if isinstance(event, Painted) and event.picture.image is not None:
                event.picture.image.save(fullsize.CACHE / f"{recipe}.png")
        return split(ends[:-1], started, ends[-1])

    def faithful(self) -> dict[str, float]:
        return self._recipe("faithful", STEPS)

    def balanced(self) -> dict[str, float]:
        return self._recipe("balanced")

    def draft(self) -> dict[str, float]:
        return self._recipe("draft")

    def sketch(self) -> dict[str, float]:
        """One preview."""
        import torch

        from marsam.stages.painter import _sketch

        pipe, times = self.painter._loaded[0], dict[str, float]()
        latents = torch.randn(1, 4, 64, 64, dtype=self.device.torch_dtype)
        with torch.inference_mode(), clock(times, "total"):
            _sketch(pipe, self.painter._small_decoder, latents)
        return times

    def save(self) -> dict[str, float]:
        """One picture kept, with everything that is written down about it."""
        import tempfile

        from marsam.journal.journal import Journal
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
        told = Picture(
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
            run = journal.begin("bench", prompt=prompt)
            with clock(times, "total"):
                journal.save_picture(run, Painted(picture=told, seconds=1.0), prompt)
        return times

    def start(self) -> dict[str, float]:
        """From nothing to the first caption; the painter is not loaded for it."""
        times: dict[str, float] = {}
        with clock(times, "total"):
            self.caption()
        return times


ENGINES: dict[str, Callable[[], Any]] = {
    "baseline": Baseline,
    "marsam": Ours,
    "diffusers": Diffusers,
    "openvino": OpenVino,
    "stable-diffusion.cpp": StableDiffusionCpp,
}


def peak() -> float:
    """The most memory this process ever held, in gigabytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def resident() -> float:
    """What it holds now, in gigabytes."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**30


def main(name: str) -> None:
    from marsam.cpu.allocator import retain_freed_memory
    from marsam.stages.loading import quiet

    if name == "marsam":
        retain_freed_memory()  # as its command line does
    else:
        quiet("transformers", "diffusers")  # ours is so by itself
    engine = ENGINES[name]()
    for line in sys.stdin:
        times = getattr(engine, line.strip())()
        print(json.dumps(times | {"peak": peak(), "resident": resident()}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
