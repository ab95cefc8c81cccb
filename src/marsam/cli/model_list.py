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
from marsam.hub.catalog import ALTERNATIVES, SETS, Model, ModelSet
from marsam.hub.locate import is_present
from marsam.hub.selection import stage_name
from marsam.messages import InBothLanguages, Message
from marsam.recipes import Recipe

WIDTH = 80
"""Columns of a line, at most."""
RIGHT_TO_LEFT_ISOLATE = "\u2067"


def models_list(as_json: Json = False) -> None:
    """List the models of each set: size, memory, languages, licence and time on this machine."""
    device = choose_device(environment.DEVICE.get())
    if as_json:
        rows = [_row(one.name, model, device) for one in SETS.values() for model in one.parts]
        rows += [_row("-", model, device) for model in ALTERNATIVES]
        for one in SETS.values():
            (painter,) = (
                row for row in rows if (row["set"], row["stage"]) == (one.name, "painter")
            )
            painter["seconds"] = _seconds(one)
        print_json({"models": rows})
        return
    for one in SETS.values():
        _print(_summary(one, device))
        loaded = {model.source for model in one.models}
        for model in (*one.models, *(m for m in one.parts if m.source not in loaded)):
            _print_model(model, device, _seconds(one) if model.stage == "painter" else None)
        typer.echo()
    _print(Message("Other models, each by its id"))
    for model in ALTERNATIVES:
        _print_model(model, device, None)


def _row(name: str, model: Model, device: Device) -> dict[str, Any]:
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
        "seconds": None,
    }


def _seconds(one: ModelSet) -> float | None:
    """Seconds of a balanced picture with a set on this machine; None if that was not measured."""
    from marsam.runs import eta
    from marsam.studio import Studio

    if not all(is_present(model) for model in one.models):
        return None
    with suppress(MarsamError):
        estimator = eta.TimeEstimator(Studio.load(one.name), eta.timings_file())
        seconds = estimator.seconds_per_picture()[Recipe.BALANCED]
        return None if seconds is None else round(seconds, 1)
    return None


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
        if seconds is None:
            yield Message("time for a picture here: not measured")
        else:
            yield Message("time for a picture here: {seconds} s", seconds=seconds)
    elif model.languages is not None:
        yield Message("languages: {languages}", languages=model.languages)
    yield Message("licence: {name}, {terms}", name=model.licence.name, terms=model.licence)


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
