"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

from marsam import environment
from marsam.cli.completion import language_names, model_sets, style_names
from marsam.options import ArabicCaption, CaptionLength
from marsam.recipes import Recipe
from marsam.styles import STYLES

Models = Annotated[
    str | None,
    typer.Option(
        "--models",
        help="Model set: standard, free, modern or mini.",
        show_default="standard if downloaded, otherwise mini",
        autocompletion=model_sets,
    ),
]
Captioner = Annotated[
    str | None, typer.Option("--captioner", help="Other model for captions: id or folder.")
]
Translator = Annotated[
    list[str] | None,
    typer.Option(
        "--translator",
        help="Other model for translation: id or folder. Repeatable: a model for each direction.",
    ),
]
Painter = Annotated[
    str | None, typer.Option("--painter", help="Other model for new pictures: id or folder.")
]
LoraOption = Annotated[
    str | None,
    typer.Option(
        "--lora",
        help="LoRA for the painter: file, folder or id; with another scale than 1 as FILE:0.8.",
    ),
]
DeviceOption = Annotated[
    str | None,
    typer.Option(
        "--device",
        help="Device: cuda, mps or cpu.",
        show_default="the fastest available",
        # Only torch could tell which of them exist, and it imports slowly.
        autocompletion=lambda: ("cuda", "mps", "cpu"),
    ),
]
GlossaryFile = Annotated[
    Path | None, typer.Option(help="TOML file of terms and their fixed translations.")
]
RecipeOption = Annotated[
    Recipe,
    typer.Option(help="Quality preset: instant (one step), draft, balanced, faithful (slow)."),
]
Length = Annotated[
    CaptionLength,
    typer.Option(
        "--length",
        help="How much a caption says; more than one length needs a captioner that reads requests.",
    ),
]
Ask = Annotated[
    str,
    typer.Option(
        "--ask",
        help="Ask the captioner this in place of our request, if it reads requests.",
        show_default=False,
    ),
]
Context = Annotated[
    str,
    typer.Option(
        "--context",
        help="Text around the picture, such as its heading, for a captioner that reads requests.",
        show_default=False,
    ),
]
ArabicSource = Annotated[
    ArabicCaption,
    typer.Option(
        "--arabic",
        help="Arabic caption: translated from the English one, native (written by a captioner "
        "that speaks Arabic), or both.",
    ),
]
Negative = Annotated[
    str, typer.Option("--negative", help="What the pictures should not show; may be Arabic.")
]
StyleOption = Annotated[
    str,
    typer.Option(
        "--style",
        help=f"Style of the pictures: {', '.join(STYLES)}.",
        show_default="none",
        autocompletion=style_names,
    ),
]
Steps = Annotated[
    int | None, typer.Option(help="Denoising steps, 1 to 200.", show_default="those of the preset")
]
Guidance = Annotated[
    float | None,
    typer.Option(
        help="How closely the prompt is followed, 0 (no guidance) to 30.",
        show_default="the model's own",
    ),
]
Size = Annotated[
    str | None,
    typer.Option(
        help="Width and height in pixels, for example 512x768.", show_default="the model's own"
    ),
]
AsWritten = Annotated[
    bool,
    typer.Option(
        "--as-written",
        help="Paint an Arabic prompt as it is written, not in English. The painter must read "
        "Arabic, as FLUX.2-klein and Z-Image do.",
    ),
]
Strength = Annotated[
    float | None,
    typer.Option(
        help="Start from the picture, and paint this much of it anew: from above 0, near to it, "
        "to 1, far from it.",
        show_default="paint from the words alone",
    ),
]
TargetLanguage = Annotated[
    str,
    typer.Option(
        "--to",
        help="Language to translate into: a name, ar, arb_Arab…",
        autocompletion=language_names,
    ),
]
Cluster = Annotated[
    str | None,
    typer.Option(help="Run the models on a Ray cluster: local, auto or HOST:PORT of its head."),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]
OwnWords = Annotated[
    bool,
    typer.Option(
        "--own-words",
        help="Begin with empty text boxes and a checklist; the drafts stand beside them.",
    ),
]
Host = Annotated[str, typer.Option(help="Address to listen on.")]
Port = Annotated[
    int, typer.Option(envvar=environment.PORT.name, min=1, max=65535, help="Port to listen on.")
]
KeyFile = Annotated[
    Path | None,
    typer.Option(help="File of API keys, one per line.", show_default="one key from MARSAM_KEY"),
]
HostNames = Annotated[
    list[str] | None,
    typer.Option(
        envvar=environment.HOST_NAMES.name,
        help="Additional host name to accept (Host header). Repeatable.",
    ),
]
Origins = Annotated[
    list[str] | None,
    typer.Option(
        "--origin",
        envvar=environment.ORIGINS.name,
        help="Web site or browser extension that may use the API, such as https://example.org. "
        "Repeatable.",
    ),
]
PublicUrl = Annotated[
    str | None,
    typer.Option(
        envvar=environment.PUBLIC_URL.name,
        help="Where clients reach the server behind a proxy, such as https://example.org/marsam.",
        show_default="the address of each request",
    ),
]
TrustedProxies = Annotated[
    list[str] | None,
    typer.Option(
        "--trusted-proxy",
        envvar=environment.TRUSTED_PROXIES.name,
        help="Address or network of a proxy whose X-Forwarded headers are believed. Repeatable.",
    ),
]
TextRequests = Annotated[
    int,
    typer.Option(
        "--text-requests",
        envvar=environment.TEXT_REQUESTS.name,
        min=1,
        help="Maximum requests for captions and translations that are handled or wait.",
    ),
]
Insecure = Annotated[
    bool, typer.Option("--insecure", help="Allow other machines to connect without a key.")
]
