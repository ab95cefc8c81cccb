"""``marsam completion``: shell completion of commands, options and their values."""

import os
from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated

import typer

VARIABLE = "_MARSAM_COMPLETE"
"""Set by the completion script to ask for completions instead of running a command."""


class Shell(StrEnum):
    """Supported shells."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


def completion(shell: Annotated[Shell, typer.Argument(help="Your shell.")]) -> None:
    """Print a shell completion script (bash, zsh, fish).

    bash: eval "$(marsam completion bash)" in ~/.bashrc

    zsh: eval "$(marsam completion zsh)" in ~/.zshrc, after compinit

    fish: marsam completion fish | source in ~/.config/fish/config.fish
    """
    from typer.completion import get_completion_script  # type: ignore[attr-defined]

    script = get_completion_script(prog_name="marsam", complete_var=VARIABLE, shell=shell.value)
    typer.echo(script)


def prepare_completion() -> None:
    """Register typer's completion; typer itself does so only together with two more options."""
    if VARIABLE in os.environ:
        from typer.completion import completion_init  # type: ignore[attr-defined]

        completion_init()


def model_sets(incomplete: str) -> Iterator[tuple[str, str]]:
    """Complete the name of a model set, with its size."""
    from marsam.hub.catalog import SETS

    for name, entry in SETS.items():
        if name.startswith(incomplete):
            gigabytes = sum(model.gigabytes for model in entry.parts)
            yield (name, "included" if entry.bundled else f"{gigabytes:.0f} GB to download")


def devices(incomplete: str) -> Iterator[str]:
    """Complete the kind of a device; only torch could tell which exist, and it imports slowly."""
    yield from (kind for kind in ("cuda", "mps", "cpu") if kind.startswith(incomplete))


def language_names(incomplete: str) -> Iterator[tuple[str, str]]:
    """Complete the tag of a language or, if no tag matches, its NLLB code."""
    from marsam.text.languages import languages

    known = languages()
    tags = [(each.tag, each.en) for each in known if each.tag.startswith(incomplete)]
    yield from tags or [(each.code, each.en) for each in known if each.code.startswith(incomplete)]
