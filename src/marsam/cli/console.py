"""Output of the commands: results on stdout, progress and warnings on stderr, or one JSON line."""

import json
import signal
import threading
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import chain, count
from pathlib import Path
from types import FrameType
from typing import Any

import typer
from rich import progress as bars
from rich.console import Console

from marsam import results
from marsam.batch.discovery import IMAGE_SUFFIXES, require_folder
from marsam.cli.terminal_language import in_terminal_language
from marsam.errors import OptionError
from marsam.hub.selection import NOT_DOWNLOADED
from marsam.imaging.image_io import map_save_errors
from marsam.imaging.metadata import record_of, save_with_record
from marsam.messages import InBothLanguages
from marsam.notices import notice_sentences
from marsam.options import RunOptions
from marsam.studio import Studio
from marsam.text.languages import script_of

RIGHT_TO_LEFT = ("Arab", "Hebr")


def progress_bar(*columns: bars.ProgressColumn) -> bars.Progress:
    """Return a progress bar; it prints nothing when stderr is not a terminal."""
    console = Console(stderr=True)
    return bars.Progress(
        bars.TextColumn("{task.description}"),
        bars.BarColumn(),
        *(columns or (bars.TaskProgressColumn(), bars.TimeElapsedColumn())),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )


@contextmanager
def pause_progress(progress: bars.Progress) -> Iterator[None]:
    """Remove the progress bar while the block prints; the text would be mixed with it otherwise."""
    with ExitStack() as stack:
        if not progress.disable:
            progress.stop()
            stack.callback(progress.start)
        yield


@contextmanager
def picture_counter(
    total: int, *, visible: bool
) -> Iterator[tuple[Callable[[], None], bars.Progress]]:
    """Show the number of finished pictures, pictures per second, and the remaining time.

    Yields a function that counts one picture, and the progress bar.
    """
    rate = bars.TextColumn("{task.fields[rate]:.1f}/s")
    remaining = bars.TimeRemainingColumn(elapsed_when_finished=True)
    with progress_bar(bars.MofNCompleteColumn(), rate, remaining) as progress:
        task = progress.add_task("pictures", total=total, visible=visible, rate=0.0)

        def advance() -> None:
            progress.advance(task)
            progress.update(task, rate=progress.tasks[task].speed or 0.0)

        yield advance, progress


@contextmanager
def interruptible() -> Iterator[Callable[[], None]]:
    """Let Ctrl-C stop the block even when a library discards the exception.

    Python raises KeyboardInterrupt wherever the program is at that moment. In a finaliser or in a
    callback from C, the exception is printed and discarded, and a long job would run to its end.

    Yields a function to call regularly: it raises KeyboardInterrupt if Ctrl-C was pressed before.
    """
    pressed = False
    previous = signal.getsignal(signal.SIGINT)

    def check() -> None:
        if pressed:
            raise KeyboardInterrupt

    with ExitStack() as stack:
        # Only the main thread receives signals. A shell ignores SIGINT for background jobs.
        if threading.current_thread() is threading.main_thread() and callable(previous):

            def handle(number: int, frame: FrameType | None) -> None:
                nonlocal pressed
                pressed = True
                previous(number, frame)

            signal.signal(signal.SIGINT, handle)
            stack.callback(signal.signal, signal.SIGINT, previous)
        yield check


def create_folder(folder: Path, *, option: str = "--out") -> None:
    """Create a folder for output if needed, but no folder above it: its path may be mistyped.

    Raises:
        OptionError: when it cannot be created, or has the name of a picture.
    """
    if folder.suffix.lower() in IMAGE_SUFFIXES and not folder.is_dir():
        raise OptionError(
            "{option} names a folder, and {folder} is the name of a picture.",
            option=option,
            folder=folder.name,
        )
    require_folder(folder.parent)
    with map_save_errors(folder):
        folder.mkdir(exist_ok=True)


NATIVE_MARK = "✎"
"""Before an Arabic caption that the captioner wrote, below the translated one."""
Save = Callable[[results.Picture, results.Prompt | None], Path | None]
"""Saves a picture and returns its file; None for a picture that the safety checker blocked."""


def save_to(folder: Path) -> Save:
    """Return a function that saves pictures in a folder, which is created now.

    A picture is named ``marsam-SEED.png``, or ``marsam-SEED-2.png``, … if there is such a file.

    Raises:
        OptionError: as :func:`create_folder`: better now than after hours of painting.
    """
    create_folder(folder)

    def save(picture: results.Picture, prompt: results.Prompt | None) -> Path | None:
        if picture.image is None:
            return None
        numbered = (f"marsam-{picture.seed}-{number}.png" for number in count(2))
        paths = (folder / name for name in chain([f"marsam-{picture.seed}.png"], numbered))
        free = next(path for path in paths if not path.exists())
        with map_save_errors(folder):
            return save_with_record(picture.image, record_of(picture, prompt), free)

    return save


def render_events(
    events: Iterable[results.Event], options: RunOptions, save: Save, *, as_json: bool = False
) -> None:
    """Print and save the results of a run as they arrive, with a progress bar on a terminal.

    With ``keep_best``, pictures are saved when all have been checked. With ``as_json``, one JSON
    document is printed at the end, and only warnings before.
    """
    total, at_once = options.paint.pictures, options.keep_best is None
    rows: dict[int, dict[str, Any]] = {}
    prompt: results.Prompt | None = None

    def save_row(picture: results.Picture) -> dict[str, Any]:
        """Save a picture, print its path, and return its row of the JSON document."""
        row: dict[str, Any] = {"path": None, "seed": picture.seed}
        if (path := save(picture, prompt)) is None:
            sentence = f"The safety checker blocked the picture with seed {picture.seed}."
            typer.echo(f"{sentence} Try another seed.", err=True)
            return row | {"blocked": True}
        if not as_json:
            typer.echo(str(path))
        return row | {"path": str(path)}

    with progress_bar() as progress:
        task = progress.add_task("…", total=total, visible=not as_json)
        for event in events:
            if isinstance(event, results.Previewed):
                completed = event.index + event.step / event.steps
                description = f"picture {event.index + 1}/{total}"
                progress.update(task, completed=completed, description=description)
                continue
            with pause_progress(progress):
                match event:
                    case results.Prompted(prompt=prompt):
                        warn(notice_sentences(prompt.warnings, prompt.unknown_words))
                        if not as_json:
                            back = "" if prompt.back is None else f"↩ {prompt.back}"
                            native = prompt.native_beside(prompt.arabic)
                            native = f"{NATIVE_MARK} {native}" if native else ""
                            texts = filter(None, (prompt.english, prompt.arabic, native, back))
                            typer.echo("\n".join(texts))
                    case results.Painted(picture=picture) if at_once:
                        rows[picture.index] = save_row(picture)
                    case results.Checked(fidelity=fidelity) if at_once and not as_json:
                        warn([fidelity] if fidelity.missing else [])
                    case results.Finished(result=result):
                        for index in result.kept:
                            if index not in rows:
                                rows[index] = save_row(result.pictures[index])
                            if (checked := result.fidelity[index]) is not None:
                                rows[index]["fidelity"] = round(checked.score, 3)
                        if as_json:
                            document = result.to_dict()
                            document["pictures"] = [rows[index] for index in result.kept]
                            if result.caption is not None:
                                # Its texts are those of the caption.
                                document["warnings"] = document.pop("prompt")["warnings"]
                            print_json(document)


def warn_mini_models(studio: Studio, *, quiet: bool) -> None:
    """Warn when the mini set is used only because the standard set is not downloaded."""
    if studio.reason == NOT_DOWNLOADED and not quiet:
        typer.echo(f"Using the mini set, which knows only pictograms: {NOT_DOWNLOADED}", err=True)


def warn(sentences: Iterable[InBothLanguages]) -> None:
    """Print warnings in both languages on stderr."""
    for notice in sentences:
        typer.echo(f"{notice.en} · {isolate(notice.ar)}", err=True)


def isolate(arabic: str) -> str:
    """Return Arabic for a line with Latin text: isolated, so that its full stop stays beside it."""
    return f"\u2067{arabic}\u2069"


def shown_name(path: Path | str) -> str:
    """Return the name of a file for a terminal: without control characters, isolated."""
    name = " ".join(without_controls(str(path)).split())
    return f"\u2068{name}\u2069" if script_of(name) in RIGHT_TO_LEFT else name


def without_controls(text: str) -> str:
    """Return a text in which nothing controls the terminal or reorders what follows."""
    text = text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return "".join(
        character
        for character in text
        if character in "\n\t\u2066\u2067\u2068\u2069"
        or (
            unicodedata.category(character) != "Cc"
            and character not in "\u202a\u202b\u202c\u202d\u202e"
        )
    )


def complain(error: InBothLanguages, *, about: str = "") -> None:
    """Print an error on stderr, after what it is ``about``; it may name a file of a stranger."""
    sentence = without_controls(in_terminal_language(error))
    typer.echo(f"{about}: {sentence}" if about else sentence, err=True)


def print_fields(fields: Sequence[tuple[str, str]]) -> None:
    """Print labelled values, one per line, aligned."""
    width = max(len(label) for label, _ in fields) + 2
    for label, value in fields:
        typer.echo(f"{label + ':':<{width}}{value}")


def print_json(data: dict[str, Any]) -> None:
    """Print a JSON document on one line of stdout."""
    typer.echo(json.dumps(data, ensure_ascii=False))
