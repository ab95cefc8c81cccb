"""Pictures into English words, with BLIP."""

import threading
from functools import cached_property
from pathlib import Path
from typing import Any

from PIL import Image

from marsam.config import read_config, require_files
from marsam.device import Device
from marsam.errors import ModelUnsupported, translated
from marsam.libraries import quiet
from marsam.options import CaptionOptions
from marsam.results import Caption


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
    def _loaded(self) -> tuple[Any, Any, Any]:
        quiet()
        from transformers import (
            AutoTokenizer,
            BlipForConditionalGeneration,
            BlipImageProcessorPil,
        )

        with translated(f"loading the captioner {self.name}"):
            require_files(self.folder, "captioner", self.name)
            tokenizer = AutoTokenizer.from_pretrained(self.folder)
            images = BlipImageProcessorPil.from_pretrained(self.folder)
            model = BlipForConditionalGeneration.from_pretrained(
                self.folder, dtype=self.device.torch_dtype
            )
            return model.eval().to(self.device.kind), images, tokenizer

    def caption(self, image: Image.Image, options: CaptionOptions) -> Caption:
        """Describe an RGB picture of any size in English.

        Raises:
            ModelError: when the model cannot be loaded.
            OutOfMemory: when the device is too small.
        """
        import torch

        with self._lock, translated("describing a picture"), torch.inference_mode():
            model, images, tokenizer = self._loaded
            pixels = images(images=image, return_tensors="pt").pixel_values
            tokens = model.generate(
                pixels.to(self.device.kind, self.device.torch_dtype),
                num_beams=options.beams,
                max_new_tokens=options.max_tokens,
            )
        return Caption(text=tokenizer.decode(tokens[0], skip_special_tokens=True).strip())
