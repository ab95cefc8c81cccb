"""Language models that are asked in a chat, one loaded copy for every stage that asks.

Decoder-only models with a chat template: models of text alone, and the vision-language models that
read text as well as images.
"""

import inspect
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from marsam.cpu.layerwise_casting import HALF_DTYPES, apply_layerwise_casting
from marsam.cpu.prepacked import prepack_weights
from marsam.cpu.quantized_linear import quantize_linears, quantized, uses_fbgemm
from marsam.cpu.threads import intra_op_threads
from marsam.device import Device
from marsam.errors import ModelError, ModelUnsupported
from marsam.hub.model_files import dtype_of_weights
from marsam.stages.loading import loading_model, read_config


@dataclass(frozen=True, kw_only=True)
class ChatFamily:
    """How language models of one family are loaded.

    Attributes:
        model_class: in transformers.
        float16: whether they can compute in float16.
        vision: whether they read images, too.
        chat: whether they have a chat template; others answer a few fixed requests.
        multilingual: whether they write other languages than English, and so can translate.
    """

    model_class: str
    float16: bool = False
    vision: bool = False
    chat: bool = True
    multilingual: bool = True


IMAGE_FEATURES = "mm_encoder_outputs"
"""The argument of ``generate`` for images that were encoded before."""
FAMILIES: Mapping[str, ChatFamily] = {
    "cohere": ChatFamily(model_class="CohereForCausalLM", float16=True),
    "cohere2": ChatFamily(model_class="Cohere2ForCausalLM"),
    "gemma2": ChatFamily(model_class="Gemma2ForCausalLM"),
    "gemma3_text": ChatFamily(model_class="Gemma3ForCausalLM"),
    "gemma4_text": ChatFamily(model_class="Gemma4ForCausalLM"),
    "llama": ChatFamily(model_class="LlamaForCausalLM", float16=True),
    "mistral": ChatFamily(model_class="MistralForCausalLM"),
    "qwen2": ChatFamily(model_class="Qwen2ForCausalLM"),
    "qwen3": ChatFamily(model_class="Qwen3ForCausalLM"),
    "qwen3_5_text": ChatFamily(model_class="Qwen3_5ForCausalLM"),
    "gemma3": ChatFamily(model_class="Gemma3ForConditionalGeneration", vision=True),
    "gemma4": ChatFamily(model_class="Gemma4ForConditionalGeneration", vision=True),
    "qwen2_vl": ChatFamily(model_class="Qwen2VLForConditionalGeneration", vision=True),
    "qwen2_5_vl": ChatFamily(model_class="Qwen2_5_VLForConditionalGeneration", vision=True),
    "qwen3_vl": ChatFamily(model_class="Qwen3VLForConditionalGeneration", vision=True),
    "qwen3_5": ChatFamily(model_class="Qwen3_5ForConditionalGeneration", vision=True),
    "smolvlm": ChatFamily(
        model_class="SmolVLMForConditionalGeneration", vision=True, multilingual=False
    ),
    "florence2": ChatFamily(
        model_class="Florence2ForConditionalGeneration",
        float16=True,
        vision=True,
        chat=False,
        multilingual=False,
    ),
}
"""Families by ``model_type``. float16 is for those that were published in it: values of the others
can be too large for it, and the output is then empty or nonsense."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a model wrote.

    Attributes:
        score: mean log-probability per token, at most 0.
        is_complete: the model ended it, not the greatest number of tokens.
    """

    text: str
    score: float
    is_complete: bool


class LanguageModel:
    """A model in a folder and its tokenizer, loaded when first needed.

    The stages of a studio that use the same folder are given the same object. The model serves one
    call of :meth:`generate` at a time.

    Args:
        folder: in the layout of ``save_pretrained``, with a chat template.
        device: where it computes; in float32 if the family cannot compute in float16.
        name: its name in errors; the folder's name by default.

    Raises:
        ModelUnsupported: the model is of another family, or has no chat template.
    """

    def __init__(self, folder: Path, *, device: Device, name: str | None = None) -> None:
        self.folder = folder
        self.name = name or folder.name
        model_type = str(read_config(folder).get("model_type"))
        if model_type not in FAMILIES:
            raise ModelUnsupported(
                "{model} is a {family!r} model, which is no language model that can be asked.",
                model=self.name,
                family=model_type,
            )
        self.family = FAMILIES[model_type]
        self.device = device.with_float32_for_float16() if not self.family.float16 else device
        self._lock = threading.Lock()
        self._tokenizer_lock = threading.Lock()

    @property
    def tokenizer(self) -> Any:
        """The tokenizer, which is loaded without the model.

        Raises:
            ModelUnsupported: it has no chat template.
            ModelDamaged: its files cannot be read.
        """
        with self._tokenizer_lock:  # two stages may ask at once
            return self._tokenizer

    @cached_property
    def _tokenizer(self) -> Any:
        with loading_model(self.folder, "language model", self.name, "transformers"):
            import transformers

            tokenizer = transformers.AutoTokenizer.from_pretrained(
                self.folder, trust_remote_code=False
            )
        if self.family.vision:
            with suppress(ModelError):  # older repositories keep the one with images apart
                template = read_config(self.folder, "chat_template.json").get("chat_template")
                tokenizer.chat_template = template or tokenizer.chat_template
        if self.family.chat and tokenizer.chat_template is None:
            raise ModelUnsupported(
                "{model} has no chat template, so it cannot be asked; choose the variant of it "
                "that was trained for chats.",
                model=self.name,
            )
        return tokenizer

    @cached_property
    def _model(self) -> Any:
        with loading_model(self.folder, "language model", self.name, "transformers"):
            import transformers

            model = getattr(transformers, self.family.model_class).from_pretrained(
                self.folder, dtype=self._loading_dtype
            )
            model.eval().to(self.device.kind)
            if self.device.is_cpu:
                _optimize(model, self.device)
            # The file's own settings are for chats: samples, and fewer repetitions.
            given = model.generation_config
            model.generation_config = transformers.GenerationConfig(
                bos_token_id=given.bos_token_id,
                eos_token_id=given.eos_token_id,
                pad_token_id=_pad_token(given, self._tokenizer),
            )
            return model

    @property
    def _loading_dtype(self) -> torch.dtype:
        """That of the files where they are in 16 bits and the weights will be packed from them.

        As float32 they would be in memory twice as large, for a moment.
        """
        published = HALF_DTYPES.get(dtype_of_weights(self.folder))
        return published if published and uses_fbgemm(self.device) else self.device.torch_dtype

    def prompt(self, messages: Sequence[Mapping[str, Any]]) -> str:
        """Return a chat as the text that the model continues with its answer, thinking off.

        Args:
            messages: of the chat, each with ``role`` and ``content``.

        Raises:
            ModelUnsupported: the template rejects the chat, or thinking cannot be switched off.
        """
        from jinja2 import TemplateError

        try:
            text: str = self.tokenizer.apply_chat_template(
                list(messages), tokenize=False, add_generation_prompt=True, enable_thinking=False
            )
        except TemplateError as error:
            raise ModelUnsupported(
                "The chat template of {model} does not accept what Marsam asks: {reason}",
                model=self.name,
                reason=str(error),
            ) from error
        if text.rstrip().endswith("<think>"):
            raise ModelUnsupported(
                "{model} thinks before every answer, which takes very long and cannot be switched "
                "off; choose the variant of it that does not.",
                model=self.name,
            )
        return text

    def without_special_tokens(self, text: str) -> str:
        """Return a text of a person without what the tokenizer would take for the chat's markup."""
        added = self.tokenizer.added_tokens_decoder.values()
        special = [token.content for token in added if token.special]
        while found := [token for token in special if token in text]:  # one may hide another
            for token in found:
                text = text.replace(token, "")
        return text

    def token_ids(self, prompt: str) -> list[int]:
        """Return the tokens of what :meth:`prompt` returned; it has its special tokens already."""
        ids: list[int] = self.tokenizer(prompt, add_special_tokens=False).input_ids
        return ids

    def image_features(self, inputs: Mapping[str, Any]) -> Any:
        """Return what the model reads of one image, of an image processor's outputs.

        For ``image_features`` of :meth:`answers`, in the place of ``pixel_values``, any number of
        times.
        """
        with self._lock, intra_op_threads(self.folder), torch.inference_mode():
            encode = self._model.base_model.get_image_features
            known = inspect.signature(encode).parameters
            given = {name: value for name, value in inputs.items() if name in known}
            output = encode(**given, return_dict=True)
        read = {name: output.get(name) for name in ("pooler_output", "deepstack_features")}
        return type(output)(**{name: value for name, value in read.items() if value is not None})

    def generate(self, input_ids: Tensor, **options: Any) -> list[str]:
        """Return the answers to prompts of one length.

        Args:
            input_ids: (prompts, tokens).
            options: further arguments of ``generate`` in transformers, such as ``num_beams``,
                ``max_new_tokens``, ``pixel_values``. It is greedy or beam search, unless an option
                says otherwise.
        """
        output, start = self._generated(input_ids, options)
        return self._decoded(output, start)

    def answers(
        self, input_ids: Tensor, *, image_features: Any = None, **options: Any
    ) -> list[Answer]:
        """Return the answers to prompts of one length, and how likely the model finds them.

        The arguments are those of :meth:`generate`, and what :meth:`image_features` returned.
        """
        if image_features is not None:
            # transformers repeats them in place, for each beam.
            copied = type(image_features)(**image_features)
            options[IMAGE_FEATURES] = {"image": copied}
        scores = _TokenScores()
        options |= {"return_dict_in_generate": True, "output_scores": True}
        output, start = self._generated(input_ids, options | {"stopping_criteria": [scores]})
        texts = self._decoded(output.sequences, start)
        end = self._model.generation_config.eos_token_id
        ends = torch.tensor(end if isinstance(end, list) else [-1 if end is None else end])
        is_complete = torch.isin(output.sequences[:, start:].cpu(), ends).any(1).tolist()
        means = scores.means(output, self._model.generation_config.pad_token_id)
        return [
            Answer(text=text, score=score, is_complete=complete)
            for text, score, complete in zip(texts, means, is_complete, strict=True)
        ]

    def _generated(self, input_ids: Tensor, options: Mapping[str, Any]) -> tuple[Any, int]:
        """Return what the model generates, and at which token its own begin."""
        with self._lock, intra_op_threads(self.folder), torch.inference_mode():
            model = self._model
            input_ids = input_ids.to(self.device.kind)
            copies = max(options.get("num_beams", 1), options.get("num_return_sequences", 1))
            if copies > 1 and input_ids.shape[1] > 1 and not model.config.is_encoder_decoder:
                options = self._prefilled(input_ids, copies, options)
            arguments = {"attention_mask": torch.ones_like(input_ids), **options}
            output = model.generate(input_ids=input_ids, **arguments)
        return output, 1 if model.config.is_encoder_decoder else input_ids.shape[1]

    def _prefilled(
        self, input_ids: Tensor, copies: int, options: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Return the options with the cache of all but the prompts' last token, for each beam.

        transformers would read a prompt, with its image, once for each beam.
        """
        inputs = {
            name: value[:, :-1] if getattr(value, "shape", None) == input_ids.shape else value
            for name, value in options.items()
            if isinstance(value, Tensor) or name == IMAGE_FEATURES
        }
        begun = input_ids[:, :-1]
        cache = self._model.generate(
            input_ids=begun,
            attention_mask=torch.ones_like(begun),
            **inputs,
            max_new_tokens=1,
            return_dict_in_generate=True,
        ).cache
        cache.reorder_cache(torch.arange(len(input_ids)).repeat_interleave(copies))
        decoding = {name: value for name, value in options.items() if name not in inputs}
        return decoding | {"cache": cache}

    def _decoded(self, sequences: Tensor, start: int) -> list[str]:
        texts: list[str] = self.tokenizer.batch_decode(
            sequences[:, start:], skip_special_tokens=True
        )
        return texts


class _TokenScores:
    """Keeps the log-probability of each new token, and frees those of the rest of the vocabulary.

    ``generate`` calls it after each step as a criterion to stop, and it never stops. All scores of
    a long answer, in a vocabulary of 250,000 tokens, would take a gigabyte.
    """

    def __init__(self) -> None:
        self._steps: list[Tensor] = []

    def __call__(self, sequences: Tensor, scores: Sequence[Tensor], **_: object) -> Tensor:
        # Beam search, where there are more sequences than scores, keeps its own.
        if len(sequences) == len(scores[-1]):
            self._steps.append(scores[-1].log_softmax(-1).gather(1, sequences[:, -1:]))
        scores[-1].set_(scores[-1].new_empty(0).untyped_storage(), 0, (0,), (1,))
        return torch.zeros(len(sequences), dtype=torch.bool, device=sequences.device)

    def means(self, output: Any, pad: int) -> list[float]:
        """Return the mean log-probability per token of each sequence."""
        if getattr(output, "sequences_scores", None) is not None:
            return [float(score) for score in output.sequences_scores]
        steps = torch.cat(self._steps, dim=1)
        # Sequences that end early are padded.
        is_token = output.sequences[:, -steps.shape[1] :] != pad
        return [
            float(row[row.isfinite() & tokens].mean())
            for row, tokens in zip(steps, is_token, strict=True)
        ]


def _optimize(model: Any, device: Device) -> None:
    """Apply what is faster on this CPU: one new token reads every weight of the text's layers."""
    text = model.get_decoder()
    quantize_linears(text, device)
    if type(model.lm_head) is nn.Linear:
        model.lm_head = quantized(model.lm_head, device)
    prepack_weights(model, device)  # what reads images has many rows
    if uses_fbgemm(device):
        apply_layerwise_casting(text)
        of_text = {*text.parameters(), *text.buffers()}
        for tensor in {*model.parameters(), *model.buffers()} - of_text:
            if tensor.is_floating_point():
                tensor.data = tensor.data.float()


def _pad_token(given: Any, tokenizer: Any) -> Any:
    """Return the token for padding, or one that ends an answer where there is none."""
    pad = tokenizer.pad_token_id if given.pad_token_id is None else given.pad_token_id
    end = given.eos_token_id
    return pad if pad is not None else end[0] if isinstance(end, list) else end
