"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

from marsam.cli.completion import devices, model_sets

Models = Annotated[
    str | None,
    typer.Option(
        "--models",
        help="standard or mini.",
        show_default="standard if here, else mini",
        autocompletion=model_sets,
    ),
]
StageModel = Annotated[str | None, typer.Option(help="Another model for this stage: id or folder.")]
Translator = Annotated[
    str | None,
    typer.Option("--translator", help="Another model to translate with: id or folder."),
]
DeviceOption = Annotated[
    str | None, typer.Option("--device", help="cuda, mps or cpu.", autocompletion=devices)
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]
Host = Annotated[str, typer.Option(help="Address to listen on.")]
Port = Annotated[int, typer.Option(envvar="PORT", min=1, max=65535, help="Port to listen on.")]
KeyFile = Annotated[
    Path | None,
    typer.Option(help="A file of keys, one a line, of which one is asked for; else MARSAM_KEY."),
]
HostNames = Annotated[
    list[str] | None, typer.Option(help="A name by which others ask for this machine.")
]
Insecure = Annotated[
    bool, typer.Option("--insecure", help="Let anybody in who can reach the address.")
]
