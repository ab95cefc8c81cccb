"""What clients of the web UI ask before they generate: options, models, samplers."""

import re
from typing import Annotated, Any

from fastapi import APIRouter, Body
from pydantic import BaseModel, ConfigDict, Field

from marsam.api.dependencies import ServiceDep
from marsam.api.ignored import MAX_TOLD_NAMES
from marsam.errors import OptionError
from marsam.imaging.metadata import SAMPLERS
from marsam.recipes import Recipe
from marsam.stages.protocols import Painter
from marsam.styles import STYLES, in_style

SAMPLER_NAMES = SAMPLERS | {"LCM": "LCM"}
"""Samplers of the web UI by scheduler, as the metadata of pictures name them."""
PREVIEW_EVERY = 10
"""Steps between two previews, as that program's default is."""

router = APIRouter()


class Options(BaseModel):
    """The options of the web UI that say something about this server."""

    sd_model_checkpoint: str = Field(description="Name of the painter.")
    samples_format: str = Field(default="png", description="Format of the images.")
    show_progress_every_n_steps: int = Field(
        default=PREVIEW_EVERY, description="Steps between two previews."
    )


class OptionsAnswer(BaseModel):
    """What became of options that were sent."""

    ignored: list[str] = Field(description="Names of the options that have no effect here.")


class Checkpoint(BaseModel):
    """A painter, as the web UI lists its checkpoints."""

    model_config = ConfigDict(protected_namespaces=())

    title: str = Field(description="Name.")
    model_name: str = Field(description="Name.")
    hash: str | None = Field(default=None, description="Always null.")
    sha256: str | None = Field(default=None, description="Always null.")
    filename: str = Field(description="Name.")
    config: str | None = Field(default=None, description="Always null.")


class Sampler(BaseModel):
    """A sampler that quality presets use."""

    name: str = Field(description="Name of the sampler.", examples=["UniPC"])
    aliases: list[str] = Field(description="The presets that use it.", examples=[["balanced"]])
    options: dict[str, str] = Field(description="The preset that its name stands for.")


class Schedule(BaseModel):
    """A noise schedule; the preset chooses it."""

    name: str = Field(description="Name.", examples=["automatic"])
    label: str = Field(description="Name for people.", examples=["Automatic"])
    aliases: list[str] | None = Field(default=None, description="Always null.")
    default_rho: float | None = Field(default=None, description="Always null.")
    need_inner_model: bool | None = Field(default=None, description="Always null.")


class Upscaler(BaseModel):
    """An upscaler; there is none but `None`."""

    model_config = ConfigDict(protected_namespaces=())

    name: str = Field(description="Name.", examples=["None"])
    model_name: str | None = Field(default=None, description="Always null.")
    model_path: str | None = Field(default=None, description="Always null.")
    model_url: str | None = Field(default=None, description="Always null.")
    scale: float | None = Field(default=None, description="Factor.")


class PromptStyle(BaseModel):
    """A style, as the web UI has it."""

    name: str = Field(description="Name.", examples=["watercolour"])
    prompt: str = Field(
        description="What becomes of a prompt.", examples=["a watercolor painting of {prompt}"]
    )
    negative_prompt: str = Field(
        description="Added to the negative prompt.", examples=["photograph"]
    )


def samplers_of(painter: Painter) -> dict[str, Recipe]:
    """The preset of each sampler, by the sampler's name in the web UI.

    Where two presets sample alike, the balanced one goes first.
    """
    found: dict[str, Recipe] = {}
    for recipe in sorted(painter.recipes, key=lambda one: one is not Recipe.BALANCED):
        scheduler = str(painter.sampling(recipe).scheduler).removesuffix("Scheduler")
        found.setdefault(SAMPLER_NAMES.get(scheduler, scheduler), recipe)
    return found


def require_model(name: str, painter: Painter) -> None:
    """Raise OptionError for a checkpoint that is not the painter's."""
    plain = re.sub(r"\.(safetensors|ckpt)$", "", re.sub(r" \[\w+\]$", "", name.strip()))
    known = {painter.name.casefold(), painter.name.rpartition("/")[2].casefold()}
    if plain.casefold() not in known:
        raise OptionError(
            "There is no model {name!r} here; the only one is {painter}.",
            name=name[:100],
            painter=painter.name,
        )


@router.get("/options", summary="Get options")
def get_options(service: ServiceDep) -> Options:
    """Clients of the web UI ask this first, to see whether there is a server."""
    return Options(sd_model_checkpoint=service.scheduler.studio.painter.name)


@router.post("/options", summary="Set options")
def set_options(
    options: Annotated[dict[str, Any], Body(description="Options by name.")], service: ServiceDep
) -> OptionsAnswer:
    """Nothing can be set, as all clients share the server; another model is refused."""
    painter = service.scheduler.studio.painter
    if model := options.get("sd_model_checkpoint"):
        require_model(str(model), painter)
    current = Options(sd_model_checkpoint=painter.name).model_dump()
    changed = (name[:100] for name, value in options.items() if value != current.get(name))
    ignored = [name for name in changed if name != "sd_model_checkpoint"]
    return OptionsAnswer(ignored=ignored[:MAX_TOLD_NAMES])


@router.get("/sd-models", summary="List models")
def list_models(service: ServiceDep) -> list[Checkpoint]:
    """The painter, the only one."""
    name = service.scheduler.studio.painter.name
    return [Checkpoint(title=name, model_name=name, filename=name)]


@router.get("/samplers", summary="List samplers")
def list_samplers(service: ServiceDep) -> list[Sampler]:
    """The samplers of the quality presets; `sampler_name` chooses the preset that uses it."""
    painter = service.scheduler.studio.painter
    uses = {recipe: painter.sampling(recipe).scheduler for recipe in painter.recipes}
    return [
        Sampler(
            name=name,
            aliases=[str(other) for other in uses if uses[other] == uses[recipe]],
            options={"recipe": str(recipe)},
        )
        for name, recipe in samplers_of(painter).items()
    ]


@router.get("/schedulers", summary="List noise schedules")
def list_schedulers() -> list[Schedule]:
    """The quality preset chooses the schedule."""
    return [Schedule(name="automatic", label="Automatic")]


@router.get("/upscalers", summary="List upscalers")
def list_upscalers() -> list[Upscaler]:
    """There is none."""
    return [Upscaler(name="None", scale=4)]


@router.get("/cmd-flags", summary="Get flags of the command line")
def get_flags() -> dict[str, bool]:
    """Of the web UI's flags, that there is an API."""
    return {"api": True}


@router.get("/prompt-styles", summary="List prompt styles")
def list_prompt_styles(service: ServiceDep) -> list[PromptStyle]:
    """The styles, of which `styles` of a request can name one; none if the painter knows none."""
    if not service.scheduler.studio.painter.sampling(Recipe.BALANCED).styles:
        return []
    return [
        PromptStyle(name=key, prompt=in_style("{prompt}", key), negative_prompt=style.negative)
        for key, style in STYLES.items()
    ]


@router.get("/latent-upscale-modes", summary="List latent upscale modes")
@router.get("/sd-vae", summary="List VAEs")
@router.get("/loras", summary="List LoRAs")
@router.get("/hypernetworks", summary="List hypernetworks")
@router.get("/face-restorers", summary="List face restorers")
@router.get("/extensions", summary="List extensions")
@router.get("/script-info", summary="List scripts in detail")
def list_nothing() -> list[str]:
    """There are none."""
    return []


@router.get("/scripts", summary="List scripts")
def list_scripts() -> dict[str, list[str]]:
    """There are none."""
    return {"txt2img": [], "img2img": []}


@router.get("/embeddings", summary="List embeddings")
def list_embeddings() -> dict[str, dict[str, Any]]:
    """There are none."""
    return {"loaded": {}, "skipped": {}}


@router.post("/refresh-checkpoints", summary="Look for new models")
def refresh_checkpoints() -> None:
    """There is one painter, so nothing is done."""
