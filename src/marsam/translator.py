"""Words into another language, with NLLB and its family."""

import threading
from functools import cached_property
from pathlib import Path
from typing import Any

from marsam.config import read_config, require_files
from marsam.device import Device
from marsam.errors import LanguageError, ModelUnsupported, translated
from marsam.libraries import quiet
from marsam.options import TranslateOptions, checked_text
from marsam.results import Translation


class NllbTranslator:
    """An NLLB (M2M100) model in a folder, loaded when first needed.

    Args:
        folder: what ``save_pretrained`` writes (``config.json``, weights, vocabulary).
        device: where and in which number format it computes.
        name: what to call it in results.
    """

    def __init__(self, folder: Path, *, device: Device, name: str | None = None) -> None:
        self.folder, self.device = folder, device
        self.name = name or folder.name
        self._lock = threading.Lock()  # the tokenizer's source language is state
        family = read_config(folder).get("model_type")
        if family != "m2m_100":
            raise ModelUnsupported(
                f"{self.name} is a {family!r} model; translating needs an NLLB or M2M100 model."
            )

    @cached_property
    def _loaded(self) -> tuple[Any, Any]:
        quiet()
        from transformers import AutoTokenizer, M2M100ForConditionalGeneration

        with translated(f"loading the translator {self.name}"):
            require_files(self.folder, "translator", self.name)
            tokenizer = AutoTokenizer.from_pretrained(self.folder)
            model = M2M100ForConditionalGeneration.from_pretrained(
                self.folder, dtype=self.device.torch_dtype
            )
            return model.eval().to(self.device.kind), tokenizer

    def translate(self, text: str, options: TranslateOptions) -> Translation:
        """Translate one text.

        Raises:
            PromptError: when the text is empty or too long.
            LanguageError: when the model does not know one of the codes.
            ModelError: when the model cannot be loaded.
            OutOfMemory: when the device is too small.
        """
        import torch

        text = checked_text(text, "text")
        with self._lock, translated("translating"), torch.inference_mode():
            model, tokenizer = self._loaded
            for code in (options.source, options.target):
                self._require_language(tokenizer, code)
            tokenizer.src_lang = options.source
            inputs = tokenizer(text, return_tensors="pt", truncation=True, max_length=512)
            tokens = model.generate(
                **inputs.to(self.device.kind),
                forced_bos_token_id=tokenizer.convert_tokens_to_ids(options.target),
                num_beams=options.beams,
                # Languages differ in length, but not without bound.
                max_new_tokens=16 + 3 * inputs.input_ids.shape[1],
            )
        answer = tokenizer.decode(tokens[0], skip_special_tokens=True).strip()
        return Translation(text=answer, source=options.source, target=options.target)

    def _require_language(self, tokenizer: Any, code: str) -> None:
        # An unknown code would silently become <unk>.
        if tokenizer.convert_tokens_to_ids(code) == tokenizer.unk_token_id:
            raise LanguageError(f"{self.name} does not know the language {code!r}.")
