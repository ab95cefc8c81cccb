"""What the command line says: words on stdout, bars and remarks on stderr, or one JSON document."""

import json
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from marsam.imaging.image_io import map_save_errors
from marsam.imaging.metadata import record_of, save_with_record
from marsam.notices import Notice
from marsam.options import RunOptions
from marsam.results import (
    Captioned,
    Checked,
    Event,
    Finished,
    Painted,
    Picture,
    Previewed,
    Prompt,
    Prompted,
)
from marsam.text.fidelity import Fidelity

if TYPE_CHECKING:
    from marsam.studio import Studio


def bar(*columns: ProgressColumn) -> Progress:
    """A progress bar on a terminal; silence in a pipe."""
    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        *(columns or (TaskProgressColumn(), TimeElapsedColumn())),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )


@contextmanager
def away(shown: Progress) -> Iterator[None]:
    """The bar is off the terminal while something is said, which would else be written onto it."""
    if shown.disable:
        yield
        return
    shown.stop()
    try:
        yield
    finally:
        shown.start()


@contextmanager
def counter(total: int, *, visible: bool) -> Iterator[tuple[Callable[[], None], Progress]]:
    """A bar that counts pictures, with how many a second and how long the rest will take."""
    rate = TextColumn("{task.fields[rate]:.1f}/s")
    with bar(MofNCompleteColumn(), rate, TimeRemainingColumn(elapsed_when_finished=True)) as shown:
        task = shown.add_task("pictures", total=total, visible=visible, rate=0.0)

        def advance() -> None:
            shown.advance(task)
            shown.update(task, rate=shown.tasks[task].speed or 0.0)

        yield advance, shown


@contextmanager
def stoppable() -> Iterator[Callable[[], None]]:
    """Ctrl-C stops what is done here, also where a library swallowed it: when it is looked for.

    Python raises it wherever the program happens to be. In a finaliser, or in a callback from C, it
    is printed and forgotten, and a long job would go on to its end.
    """
    pressed = False
    before = signal.getsignal(signal.SIGINT)

    def look() -> None:
        if pressed:
            raise KeyboardInterrupt

    # Nobody presses keys in another thread, and a shell has them ignored in the background.
    if threading.current_thread() is not threading.main_thread() or not callable(before):
        yield look
        return

    def press(number: int, frame: FrameType | None) -> None:
        nonlocal pressed
        pressed = True
        before(number, frame)

    signal.signal(signal.SIGINT, press)
    try:
        yield look
    finally:
        signal.signal(signal.SIGINT, before)


def tell(events: Iterator[Event], options: RunOptions, out: Path, *, as_json: bool) -> None:
    """Say and save what a run brings, as it comes; a bar on a terminal, silence in a pipe."""
    count = options.paint.pictures
    rows: dict[int, dict[str, Any]] = {}
    prompt: Prompt | None = None
    with map_save_errors(out):
        out.mkdir(parents=True, exist_ok=True)  # before hours of painting for nothing
    with bar() as shown:
        task = shown.add_task("…", total=count, visible=not as_json)
        for event in events:
            if isinstance(event, Previewed):
                done = event.index + event.step / event.steps
                told = f"picture {event.index + 1}/{count}"
                shown.update(task, completed=done, description=told)
                continue
            with away(shown):
                match event:
                    case Captioned():
                        warn(event.caption.warnings)
                    case Prompted():
                        prompt = event.prompt
                        warn(prompt.warnings)
                        if not as_json:
                            _say_prompt(prompt)
                    case Painted() if options.keep_best is None:
                        rows[event.picture.index] = _save(event.picture, prompt, out, quiet=as_json)
                    case Checked() if options.keep_best is None and not as_json:
                        if event.fidelity.missing:
                            typer.echo(_both(event.fidelity), err=True)
                    case Finished():
                        result = event.result
                        for index in result.kept:
                            if index not in rows:
                                picture = result.pictures[index]
                                rows[index] = _save(picture, prompt, out, quiet=as_json)
                            if (seen := result.fidelity[index]) is not None:
                                rows[index]["fidelity"] = round(seen.score, 3)
                        if as_json:
                            document = result.to_dict()
                            document["pictures"] = [rows[index] for index in result.kept]
                            if result.caption is not None:
                                del document["prompt"]  # it is the caption
                            print_json(document)


def _say_prompt(prompt: Prompt) -> None:
    """Both languages; and for a prompt that was translated, what it means when translated back."""
    typer.echo(prompt.english)
    typer.echo(prompt.arabic)
    if prompt.back is not None:
        typer.echo(f"↩ {prompt.back}")


def _save(picture: Picture, prompt: Prompt | None, out: Path, *, quiet: bool) -> dict[str, Any]:
    row: dict[str, Any] = {"path": None, "seed": picture.seed}
    if picture.image is None:
        row["blocked"] = True
        typer.echo(f"The picture of seed {picture.seed} was withheld; try another seed.", err=True)
        return row
    path = _free_name(out, picture.seed)
    with map_save_errors(out):
        save_with_record(picture.image, record_of(picture, prompt), path)
    if not quiet:
        typer.echo(str(path))
    return row | {"path": str(path)}


def _free_name(folder: Path, seed: int) -> Path:
    """``marsam-SEED.png``, or the next free name: nothing finished is ever overwritten."""
    path, again = folder / f"marsam-{seed}.png", 1
    while path.exists():
        again += 1
        path = folder / f"marsam-{seed}-{again}.png"
    return path


def say_mini(studio: "Studio") -> None:
    """That the mini set does the work where nobody asked for it; it knows no photographs."""
    from marsam.hub.selection import NOT_DOWNLOADED

    if studio.reason == NOT_DOWNLOADED:
        typer.echo(f"The mini set does this, made for pictograms: {NOT_DOWNLOADED}", err=True)


def warn(notices: Iterable[Notice]) -> None:
    """Say what was mended or looks wrong, in both languages, beside the output."""
    for notice in notices:
        typer.echo(_both(notice), err=True)


def _both(said: Notice | Fidelity) -> str:
    """A sentence in both languages on a line; isolated, or the Arabic full stop would go astray."""
    return f"{said.en} · \u2067{said.ar}\u2069"


def print_json(data: dict[str, Any]) -> None:
    """One line of JSON on stdout."""
    typer.echo(json.dumps(data, ensure_ascii=False))
