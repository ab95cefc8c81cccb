"""The environment variables that Marsam reads; docs/reference-settings.md lists this table."""

import os
from typing import NamedTuple


class Variable(NamedTuple):
    """An environment variable.

    Attributes:
        name: as it is set in the environment.
        description: its meaning, in Markdown.
        default: the value or behaviour without it, in Markdown.
    """

    name: str
    description: str
    default: str

    def get(self) -> str | None:
        """Return the value, or None when the variable is unset or empty."""
        return os.environ.get(self.name) or None


MODELS = Variable(
    "MARSAM_MODELS",
    "model set: `standard`, `free`, `modern` or `mini`",
    "`standard` if it is downloaded, otherwise `mini`",
)
_REPLACES = "other model for the {}: a model id or a folder; not with a set named by `--models`"
CAPTIONER = Variable("MARSAM_CAPTIONER", _REPLACES.format("captioner"), "the set's")
TRANSLATOR = Variable(
    "MARSAM_TRANSLATOR",
    f"{_REPLACES.format('translator')}; several, each for its direction, as `A + B`",
    "the set's",
)
PAINTER = Variable("MARSAM_PAINTER", _REPLACES.format("painter"), "the set's")
LORA = Variable(
    "MARSAM_LORA",
    "LoRA for the painter: a file, a folder or a model id; not with a set named by `--models`",
    "the set's, for drafts",
)
LANGUAGE = Variable(
    "MARSAM_LANGUAGE",
    "language of error messages on the terminal: `en` or `ar`",
    "the locale: `LC_ALL`, `LC_MESSAGES` or `LANG`",
)
DEVICE = Variable("MARSAM_DEVICE", "device: `cuda`, `mps` or `cpu`", "the best available device")
DATA = Variable(
    "MARSAM_DATA",
    "folder for runs and the caption cache",
    "the operating system's folder for user data",
)
JOURNAL = Variable(
    "MARSAM_JOURNAL", "PostgreSQL address for the rows of runs", "a SQLite file in `MARSAM_DATA`"
)
PICTURES = Variable(
    "MARSAM_PICTURES",
    "`s3://` address for the images of runs, shared by several machines",
    "only `MARSAM_DATA`",
)
MANIFEST = Variable(
    "MARSAM_MANIFEST",
    "manifest file with the commits and checksums that downloaded models must have",
    "the manifest in the package",
)
KEY = Variable(
    "MARSAM_KEY",
    "API key for `marsam serve`, `studio` and `review`, at least 16 characters",
    "none; the server then listens on this machine only",
)
HOST_NAMES = Variable(
    "MARSAM_HOST_NAMES",
    "host names to accept, separated by spaces, such as `marsam` for other containers",
    "loopback names and IP addresses; with a key every name",
)
ORIGINS = Variable(
    "MARSAM_ORIGINS",
    "origins of other web sites and browser extensions that may use the API, separated by spaces",
    "none",
)
PUBLIC_URL = Variable(
    "MARSAM_PUBLIC_URL",
    "where clients reach the server behind a proxy, such as `https://example.org/marsam`",
    "the address of each request",
)
TRUSTED_PROXIES = Variable(
    "MARSAM_TRUSTED_PROXIES",
    "addresses and networks of proxies, separated by spaces, whose `X-Forwarded-For`, "
    "`-Proto`, `-Host` and `-Prefix` are believed",
    "none; `-Proto` of proxies on this machine",
)
TEXT_REQUESTS = Variable(
    "MARSAM_TEXT_REQUESTS",
    "requests for captions and translations that may be handled or wait at once; one client may "
    "have half of them",
    "100",
)
PORT = Variable("PORT", "port of the server", "7860")

VARIABLES = (
    *(MODELS, CAPTIONER, TRANSLATOR, PAINTER, LORA, DEVICE, LANGUAGE, DATA, JOURNAL, PICTURES),
    *(MANIFEST, KEY, HOST_NAMES, ORIGINS, PUBLIC_URL, TRUSTED_PROXIES, TEXT_REQUESTS, PORT),
)
