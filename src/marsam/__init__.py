"""Marsam (مرسم): a picture into words and words back into pictures, in English and Arabic.

>>> from marsam import Studio
>>> studio = Studio.load("mini")  # doctest: +SKIP
>>> for event in studio.stream("photo.png", pictures=4):  # doctest: +SKIP
...     print(event)

Importing this package loads no model library; weights are read when a stage is first used.
"""

from marsam.device import Device, choose_device
from marsam.errors import (
    Cancelled,
    DocumentError,
    HubUnreachable,
    InputError,
    LanguageError,
    MarsamError,
    ModelDamaged,
    ModelError,
    ModelGated,
    ModelMissing,
    ModelNotFound,
    ModelUnsupported,
    OptionError,
    OutOfMemory,
    PictureError,
    PromptError,
)
from marsam.imaging.image_io import open_picture
from marsam.notices import Notice
from marsam.options import (
    ArabicCaption,
    CaptionLength,
    CaptionOptions,
    PaintOptions,
    RunOptions,
    TranslateOptions,
)
from marsam.recipes import Recipe
from marsam.results import (
    Caption,
    Captioned,
    Checked,
    Event,
    Finished,
    Painted,
    Picture,
    Previewed,
    Prompt,
    Prompted,
    PromptLength,
    RunResult,
    Translated,
    Translation,
)
from marsam.stages.protocols import Captioner, Painter, Translator
from marsam.studio import Studio
from marsam.text.fidelity import Fidelity
from marsam.version import __version__

__all__ = [
    "ArabicCaption",
    "Cancelled",
    "Caption",
    "CaptionLength",
    "CaptionOptions",
    "Captioned",
    "Captioner",
    "Checked",
    "Device",
    "DocumentError",
    "Event",
    "Fidelity",
    "Finished",
    "HubUnreachable",
    "InputError",
    "LanguageError",
    "MarsamError",
    "ModelDamaged",
    "ModelError",
    "ModelGated",
    "ModelMissing",
    "ModelNotFound",
    "ModelUnsupported",
    "Notice",
    "OptionError",
    "OutOfMemory",
    "PaintOptions",
    "Painted",
    "Painter",
    "Picture",
    "PictureError",
    "Previewed",
    "Prompt",
    "PromptError",
    "PromptLength",
    "Prompted",
    "Recipe",
    "RunOptions",
    "RunResult",
    "Studio",
    "TranslateOptions",
    "Translated",
    "Translation",
    "Translator",
    "__version__",
    "choose_device",
    "open_picture",
]
