"""``marsam completion``: what a shell may offer when Tab is pressed."""

import os
from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated

import typer

VARIABLE = "_MARSAM_COMPLETE"
"""What the shell's lines set to ask for completions instead of running a command."""


class Shell(StrEnum):
    """Shells that can ask."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


def completion(shell: Annotated[Shell, typer.Argument(help="The shell they are for.")]) -> None:
    """Print the lines with which a shell completes commands, options and their values.

    bash: eval "$(marsam completion bash)" in ~/.bashrc

    zsh: eval "$(marsam completion zsh)" in ~/.zshrc, behind compinit

    fish: marsam completion fish | source in ~/.config/fish/config.fish
    """
    from typer.completion import get_completion_script  # type: ignore[attr-defined]

    script = get_completion_script(prog_name="marsam", complete_var=VARIABLE, shell=shell.value)
    typer.echo(script)


def get_ready() -> None:
    """Be able to answer a shell that asks; typer itself is, only with two more options."""
    if VARIABLE in os.environ:
        from typer.completion import completion_init  # type: ignore[attr-defined]

        completion_init()


def model_sets(incomplete: str) -> Iterator[tuple[str, str]]:
    """The model sets, with what they take."""
    from marsam.hub.catalog import SETS

    for name, entry in SETS.items():
        if name.startswith(incomplete):
            gigabytes = sum(model.gigabytes for model in entry.parts)
            yield (
                name,
                "inside the package" if entry.bundled else f"fetched once, {gigabytes:.0f} GB",
            )


def devices(incomplete: str) -> Iterator[str]:
    """The kinds of device; finding out which are here would take torch."""
    yield from (kind for kind in ("cuda", "mps", "cpu") if kind.startswith(incomplete))


def language_names(incomplete: str) -> Iterator[tuple[str, str]]:
    """The tags of languages and, where none begins so, NLLB's codes; each with its name."""
    from marsam.text.languages import languages

    known = languages()
    tags = [(one.tag, one.en) for one in known if one.tag.startswith(incomplete)]
    yield from tags or [(one.code, one.en) for one in known if one.code.startswith(incomplete)]
