"""Shell completion, requested as bash requests it."""

import os
import pty
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import program

PRESS_TAB = """
eval "$(marsam completion bash)"
COMP_WORDS=({words})
COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
set -- $(complete -p marsam)  # complete -o default -F FUNCTION marsam
"$5" marsam
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
LOADED = """
import sys
from marsam.cli.main import main

sys.argv = ["marsam"]
try:
    main()
finally:
    print(*(m for m in ("torch", "transformers", "gradio", "ray") if m in sys.modules))
"""


def environment() -> dict[str, str]:
    """Put the marsam of this test run first in PATH."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return os.environ | {"PATH": path}


def tab(folder: Path, *words: str) -> list[str]:
    """Return what bash offers for the last of these words, typed after ``marsam``."""
    typed = map(shlex.quote, ("marsam", *words))  # bash hands over the quotes as well
    script = PRESS_TAB.format(words=shlex.join(typed))
    done = subprocess.run(
        [program("bash"), "--norc", "-c", script],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    return done.stdout.split()


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["ca"], ["caption"]),
        (["models", ""], ["list", "pull", "verify"]),
        (["run", "--rec"], ["--recipe"]),
        (["run", "--recipe", ""], ["draft", "balanced", "faithful"]),
        (["paint", "a cat", "--recipe", "f"], ["faithful"]),
        (["caption", "photo.png", "--models", ""], ["standard", "mini"]),
        (["serve", "--device", "c"], ["cuda", "cpu"]),
        (["translate", "--from", "eng"], ["eng_Latn"]),
        (["completion", "f"], ["fish"]),
    ],
)
def test_bash_completes_commands_options_and_values(
    words: list[str], offered: list[str], tmp_path: Path
) -> None:
    assert set(offered) <= set(found := tab(tmp_path, *words)), found
    assert all(one.startswith(words[-1]) for one in found)


def test_languages_complete_by_tag_and_then_by_code(tmp_path: Path) -> None:
    tags = tab(tmp_path, "translate", "hello", "--to", "ar")
    assert {"ar", "arz", "ary"} <= set(tags)
    assert not any("_" in tag for tag in tags)
    assert tab(tmp_path, "translate", "hello", "--to", "arb") == ["arb_Arab"]


def test_tab_key_in_a_terminal_completes_values_and_files(tmp_path: Path) -> None:
    """An option's value, and a file name where Marsam has no completion."""
    (tmp_path / "photo.png").touch()
    keys = b"marsam run --recipe dra\tpho\t--seed 3\x01echo \n"
    ours, theirs = pty.openpty()
    setup = 'eval "$(marsam completion bash)"; PS1=; bind "set enable-bracketed-paste off"'
    (tmp_path / "rc").write_text(setup)
    shell = subprocess.Popen(
        [program("bash"), "--noprofile", "--rcfile", "rc", "-i"],
        cwd=tmp_path,
        env=environment() | {"TERM": "dumb", "HISTFILE": ""},
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    os.write(ours, keys)
    os.write(ours, b"exit\n")
    said, _ = shell.communicate(timeout=60)
    os.close(ours)
    os.close(theirs)
    assert said.decode().splitlines()[0] == "marsam run --recipe draft photo.png --seed 3"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_shell_gets_a_script(shell: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "marsam.cli", "completion", shell],
        capture_output=True,
        text=True,
        check=True,
    )
    assert f"_MARSAM_COMPLETE=complete_{shell}" in done.stdout


def test_completion_imports_no_model_library() -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOADED],
        env=os.environ
        | {
            "_MARSAM_COMPLETE": "complete_bash",
            "COMP_WORDS": "marsam translate --to fr",
            "COMP_CWORD": "3",
        },
        capture_output=True,
        text=True,
    )
    assert done.stdout.splitlines() == ["fr", ""]
