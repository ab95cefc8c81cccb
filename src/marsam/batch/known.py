"""What is known of the pictures of a batch, and under which keys."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from marsam.batch.cache import Memory, caption_key, translation_key
from marsam.batch.rows import Row
from marsam.hub.model_files import weights_revision
from marsam.options import BatchOptions, TranslateOptions
from marsam.studio import Studio
from marsam.text.languages import ENGLISH


@dataclass(frozen=True, kw_only=True)
class Known:
    """What is known already, for one choice of models and options.

    Attributes:
        memory: words by content.
        options: what is wanted of every picture.
        models: ``{"captioner": "name@revision", "translator": …}``.
        reviewed: rows somebody has read, by hash: their words stay as they are.
    """

    memory: Memory
    options: BatchOptions
    models: Mapping[str, str]
    reviewed: Mapping[str, Row] = field(default_factory=dict)

    def caption_key(self, sha256: str) -> str:
        """Under which a picture's caption is kept."""
        return caption_key(sha256, self.models["captioner"], self.options.caption)

    def translation_key(self, text: str, code: str) -> str:
        """Under which a text in another language is kept."""
        return translation_key(text, self.models["translator"], self.translate(code))

    def translate(self, code: str) -> TranslateOptions:
        """How English is translated into a language."""
        return translation(self.options, code)

    def is_described(self, sha256: str) -> bool:
        """Whether a picture needs no captioner."""
        return sha256 in self.reviewed or bool(self.memory.recall([self.caption_key(sha256)]))


def translation(options: BatchOptions, code: str) -> TranslateOptions:
    """How English is translated into a language."""
    return replace(options.translate, source=ENGLISH.code, target=code)


def models_of(studio: Studio) -> dict[str, str]:
    """The models that write a batch's words, as its rows name them."""
    return {"captioner": named(studio.captioner), "translator": named(studio.translator)}


def named(stage: object) -> str:
    """A stage's model as ``name@revision``; what has no folder here has no weights_revision."""
    name, folder = getattr(stage, "name", ""), getattr(stage, "folder", None)
    return f"{name}@{weights_revision(folder)}" if folder else name
