"""``marsam models list``: what each model is for, needs and allows."""

import textwrap
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import typer

from marsam import environment
from marsam.cli.console import print_json
from marsam.cli.options import Json
from marsam.cli.terminal_language import in_terminal_language
from marsam.device import Device, choose_device
from marsam.errors import MarsamError
from marsam.hub.catalog import ALTERNATIVES, REFERENCE, SETS, Model, ModelSet
from marsam.hub.locate import is_present
from marsam.hub.selection import stage_name
from marsam.messages import InBothLanguages, Message
from marsam.recipes import Recipe

WIDTH = 80
"""Columns of a line, at most."""
MEASURED, COMPUTED = "measured", "computed"
WORK = {"captioner": "a caption", "translator": "a translation", "painter": "a picture"}
"""Whose time a stage's model has."""
RIGHT_TO_LEFT_ISOLATE = "\u2067"


def models_list(as_json: Json = False) -> None:
    """List the models of each set: size, memory, languages, licence and time."""
    device = choose_device(environment.DEVICE.get())
    if as_json:
        rows = []
        for one in SETS.values():
            seconds = _seconds(one)
            rows += [
                _row(one.name, model, device, seconds.get((model.stage, model.source)))
                for model in one.parts
            ]
        rows += [_row("-", model, device, None) for model in ALTERNATIVES]
        print_json({"models": rows})
        return
    for one in SETS.values():
        _print(_summary(one, device))
        seconds, loaded = _seconds(one), {model.source for model in one.models}
        for model in (*one.models, *(m for m in one.parts if m.source not in loaded)):
            _print_model(model, device, seconds.get((model.stage, model.source)))
        typer.echo()
    _print(Message("Other models, each by its id"))
    for model in ALTERNATIVES:
        _print_model(model, device, None)


def _row(name: str, model: Model, device: Device, seconds: float | None) -> dict[str, Any]:
    time = model.time
    return {
        "set": name,
        "stage": model.stage,
        "model": stage_name(model),
        "gigabytes": model.gigabytes,
        "memory_gigabytes": round(model.memory(device.dtype), 2),
        "languages": model.languages.en if model.languages else None,
        "licence": model.licence.name,
        "meaning": model.licence.en,
        "commercial": model.licence.commercial,
        "here": is_present(model),
        "seconds": seconds,
        "reference_seconds": [time.low, time.high] if time else None,
        "reference": (MEASURED if time.is_measured else COMPUTED) if time else None,
    }


def _seconds(one: ModelSet) -> dict[tuple[str, str], float]:
    """Seconds of each stage's work with a set on this machine, as far as they were measured.

    A caption, its translation into Arabic, and a balanced picture; by stage and model.
    """
    from marsam.runs import eta
    from marsam.studio import Studio

    if not all(is_present(model) for model in one.models):
        return {}
    found: dict[tuple[str, str], float | None] = {}
    with suppress(MarsamError):
        studio = Studio.load(one.name)
        estimator = eta.TimeEstimator(lambda: studio, eta.timings_file())
        for model in (one.captioner, one.translators[0]):
            found[model.stage, model.source] = estimator.seconds_per_caption(model.stage)
        balanced = estimator.seconds_per_picture()[Recipe.BALANCED]
        found["painter", one.painter.source] = balanced
    return {key: round(value, 2) for key, value in found.items() if value is not None}


def _summary(one: ModelSet, device: Device) -> Message:
    memory, painter = one.memory(device.dtype), one.painter.memory(device.dtype)
    fits = device.holds(memory, painter=painter)
    return Message(
        "{name}: {description}. {size} GB, {memory} GB of weights in memory ({fit}); {terms}.",
        name=one.name,
        description=one.description,
        size=f"{one.gigabytes:.1f}",
        memory=f"{memory:.1f}" if memory >= 1 else f"{memory:.2f}",
        fit=Message("it fits this machine") if fits else Message("too large here"),
        terms=one.strictest,
    )


def _print_model(model: Model, device: Device, seconds: float | None) -> None:
    _print(Message("{stage}: {name}", stage=Message(model.stage), name=stage_name(model)), indent=2)
    for line in _facts(model, device, seconds):
        _print(line, indent=4)


def _facts(model: Model, device: Device, seconds: float | None) -> Iterator[InBothLanguages]:
    yield Message(
        "{size} GB, {memory} GB in memory, {state}",
        size=f"{model.gigabytes:g}",
        memory=f"{model.memory(device.dtype):.2f}",
        state=_state(model),
    )
    if model.stage == "painter":
        yield Message("reads prompts in: {languages}", languages=model.languages)
    elif model.languages is not None:
        yield Message("languages: {languages}", languages=model.languages)
    if model.stage in WORK:
        yield _time(model, seconds)
    yield Message("licence: {name}, {terms}", name=model.licence.name, terms=model.licence)


def _time(model: Model, seconds: float | None) -> Message:
    work, time = Message(WORK[model.stage]), model.time
    if seconds is not None:
        return Message("time for {work} here: {seconds} s, measured", work=work, seconds=seconds)
    if time is None:
        return Message("time for {work} here: not measured", work=work)
    both = f"{time.low:g}" if time.low == time.high else f"{time.low:g}–{time.high:g}"
    return Message(
        "time for {work}: not measured here; {seconds} s on {machine}, {how}",
        work=work,
        seconds=both,
        machine=REFERENCE,
        how=Message(MEASURED if time.is_measured else COMPUTED),
    )


def _state(model: Model) -> Message:
    if model.bundled:
        return Message("included")
    return Message("downloaded") if is_present(model) else Message("not downloaded")


def _print(line: InBothLanguages, *, indent: int = 0) -> None:
    """Print a line in the reader's language, wrapped; what follows is indented further."""
    text, space = in_terminal_language(line), " " * indent
    # The direction of a text is that of each of its lines.
    before, after = (text[0], text[-1]) if text[0] in RIGHT_TO_LEFT_ISOLATE else ("", "")
    wrapped = textwrap.wrap(
        text.removeprefix(before).removesuffix(after),
        WIDTH - len(before + after),
        initial_indent=space,
        subsequent_indent=f"{space}  ",
        break_long_words=False,
        break_on_hyphens=False,
    )
    for one in wrapped:
        typer.echo(f"{before}{one}{after}")
