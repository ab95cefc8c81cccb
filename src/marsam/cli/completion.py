"""``marsam completion``: shell completion of commands, options and their values."""

from collections.abc import Iterator
from typing import Annotated, Literal

import typer
from typer.completion import get_completion_script  # type: ignore[attr-defined]

from marsam.hub.catalog import SETS
from marsam.styles import STYLES
from marsam.text.languages import languages


def completion(
    shell: Annotated[Literal["bash", "zsh", "fish"], typer.Argument(help="Your shell.")],
) -> None:
    """Print a shell completion script (bash, zsh, fish).

    bash: eval "$(marsam completion bash)" in ~/.bashrc

    zsh: eval "$(marsam completion zsh)" in ~/.zshrc, after compinit

    fish: marsam completion fish | source in ~/.config/fish/config.fish
    """
    # The script sets this variable to ask for completions instead of running a command.
    variable = "_MARSAM_COMPLETE"
    typer.echo(get_completion_script(prog_name="marsam", complete_var=variable, shell=shell))


def model_sets() -> Iterator[tuple[str, str]]:
    """Complete the name of a model set, with its size."""
    for name, entry in SETS.items():
        gigabytes = sum(model.gigabytes for model in entry.parts)
        yield name, "included" if entry.bundled else f"{gigabytes:.0f} GB to download"


def style_names() -> Iterator[tuple[str, str]]:
    """Complete the key of a style, with its names."""
    for style in STYLES.values():
        yield style.key, f"{style.en} · {style.ar}"


def language_names(incomplete: str) -> list[tuple[str, str]]:
    """Complete the tag of a language or, if no tag matches, its NLLB code."""
    known = languages()
    tags = [(each.tag, each.en) for each in known if each.tag.startswith(incomplete)]
    return tags or [(each.code, each.en) for each in known]
