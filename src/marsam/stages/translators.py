"""The translator for the models in one or more folders, chosen by their ``config.json``."""

from collections.abc import Callable, Sequence
from pathlib import Path

from marsam.device import Device
from marsam.stages import language_model, seq2seq_model
from marsam.stages.chat_model import ChatModel
from marsam.stages.language_model import LanguageModel
from marsam.stages.loading import read_config
from marsam.stages.seq2seq_model import Seq2SeqModel
from marsam.stages.translation_model import TranslationModel
from marsam.stages.translator import SentenceTranslator


def translator_in(
    folders: Sequence[Path],
    *,
    device: Device,
    names: Sequence[str],
    name: str,
    load: Callable[..., LanguageModel] = LanguageModel,
) -> SentenceTranslator:
    """Return a translator; weights are loaded when they are first needed.

    Args:
        folders: of one model, or of several for different directions, in the layout of
            ``save_pretrained``.
        device: where they compute, and in which dtype.
        names: of the models, in errors.
        name: of all of them together, in results.
        load: creates language models; another stage may share what it returns.

    Raises:
        ModelUnsupported: a model's family is none that translates.
    """

    def model_in(folder: Path, own_name: str) -> TranslationModel:
        family = str(read_config(folder).get("model_type"))
        if family in seq2seq_model.FAMILIES:
            return Seq2SeqModel(folder, device=device, name=own_name)
        known = language_model.FAMILIES.get(family)
        if known is not None and known.multilingual:
            return ChatModel(load(folder, device=device, name=own_name))
        raise seq2seq_model.unsupported(own_name, family)

    models = [model_in(*one) for one in zip(folders, names, strict=True)]
    return SentenceTranslator(*models, name=name)
