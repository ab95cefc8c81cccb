"""Configuration of the Serve application: models, and the resources of each stage."""

import os
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from marsam.batch.engine import CAPTION_BATCH_SIZE
from marsam.errors import OptionError
from marsam.hub.selection import OtherModels
from marsam.studio import Studio

APPLICATION = "marsam"
"""Name of the application on a cluster."""


class StageResources(BaseModel):
    """Resources of one stage on the cluster.

    Attributes:
        model: a hub id or folder to use instead of the set's model; each machine must have it.
        replicas: number of replicas; with ``max_replicas``, the minimum.
        max_replicas: the cluster adds replicas up to this number while requests wait; None keeps
            ``replicas``.
        gpus: per replica; ``0.25`` puts four on a GPU.
        cpus: per replica, for scheduling only; not enforced.
        threads: torch threads per replica; None for one per CPU in ``cpus``.
        max_batch_size: requests in one forward pass; a painter paints one picture at a time.
        max_queued: waiting requests per client; further ones raise ``QueueFull``.
        max_replicas_per_node: maximum on one machine; None for no limit.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str | None = None
    replicas: int = Field(default=1, ge=0)
    max_replicas: int | None = Field(default=None, ge=1)
    gpus: float = Field(default=0, ge=0)
    cpus: float = Field(default=1, ge=0)
    threads: int | None = Field(default=None, ge=1)
    max_batch_size: int = Field(default=8, ge=1)
    max_queued: int = Field(default=100, ge=1)
    max_replicas_per_node: int | None = Field(default=None, ge=1, le=100)

    @model_validator(mode="after")
    def _check_replicas(self) -> Self:
        if self.max_replicas is None and self.replicas == 0:
            raise ValueError("replicas can be 0 only with max_replicas")
        if self.max_replicas is not None and self.max_replicas < self.replicas:
            raise ValueError("max_replicas cannot be less than replicas")
        return self


class Plan(BaseModel):
    """Models and resources of the application.

    Attributes:
        models: the model set; None chooses on each machine as :meth:`marsam.Studio.load` does.
        device: ``cuda``, ``mps`` or ``cpu``; None takes the fastest device of each replica.
        studio: ``module:function`` of a function that returns a :class:`marsam.Studio`, whose
            stages are used instead; each machine must have the module.
        lora: a LoRA for the painter, as of :meth:`marsam.Studio.load`; each machine must have it.
        captioner, translator, painter: resources of the stages.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    models: str | None = None
    device: str | None = None
    studio: str | None = Field(default=None, pattern=r"^[\w.]+:\w+$")
    lora: str | None = None
    captioner: StageResources = StageResources()
    translator: StageResources = StageResources()
    painter: StageResources = StageResources(max_batch_size=1)

    @property
    def cpus(self) -> float:
        """CPUs that the smallest number of replicas requests."""
        stages = self.captioner, self.translator, self.painter
        return sum(stage.cpus * max(stage.replicas, 1) for stage in stages)

    @classmethod
    def for_batch(
        cls, models: str, device: str | None, machines: Sequence[Mapping[str, float]]
    ) -> "Plan":
        """Return a plan with as many captioners and translators as the machines can hold.

        Two captioners or four translators share a GPU. Without GPUs, a replica uses up to four
        CPUs; more make it only a little faster. ``machines`` has Ray's resources of each machine:
        ``CPU``, ``GPU``. ``device`` is for all replicas; None uses GPUs if there are any.
        """
        gpus = sum(machine.get("GPU", 0) for machine in machines)
        if gpus >= 1 and device in (None, "cuda"):
            size = CAPTION_BATCH_SIZE["cuda"]
            return cls(
                models=models,
                device="cuda",
                captioner=StageResources(max_replicas=int(2 * gpus), gpus=0.5, max_batch_size=size),
                translator=StageResources(
                    max_replicas=int(4 * gpus), gpus=0.25, max_batch_size=size
                ),
            )
        counts = [machine.get("CPU", 0) for machine in machines]
        # One replica of each stage must fit on the smallest machine.
        cpus = max(1, min(4, int(min(counts, default=0) // 2)))
        stage = StageResources(
            max_replicas=max(1, int(sum(counts) // cpus) - 1),
            cpus=cpus,
            max_batch_size=CAPTION_BATCH_SIZE["cpu"],
        )
        return cls(models=models, device=device, captioner=stage, translator=stage)

    @property
    def others(self) -> OtherModels:
        """The models in the place of those of the set."""
        stages = self.captioner.model, self.translator.model, self.painter.model
        return OtherModels(*stages, lora=self.lora)

    def with_models(self, others: OtherModels) -> "Plan":
        """Return the plan with other models of the stages; None keeps the plan's own."""
        changes: dict[str, Any] = {} if others.lora is None else {"lora": others.lora}
        changes |= {
            stage: getattr(self, stage).model_copy(update={"model": model})
            for stage, model in others._asdict().items()
            if stage != "lora" and model is not None
        }
        return self.model_copy(update=changes)

    def create_studio(self, *, device: str | None = None, threads: int | None = None) -> Studio:
        """Create the studio in this process; weights are loaded when they are first used.

        Args:
            device: instead of the plan's.
            threads: of torch, in the process of a replica.

        Raises:
            OptionError: when ``studio`` does not name a function that returns a studio.
            MarsamError: as :meth:`marsam.Studio.load`.
        """
        if threads is not None:
            # Torch reads this when it is imported. torch.set_num_threads would set the threads of
            # its matrix library too, for each of the threads of marsam.cpu.threads.
            os.environ["OMP_NUM_THREADS"] = str(threads)
        if self.studio is None:
            return Studio.load(self.models, **self.others._asdict(), device=device or self.device)
        module, _, function = self.studio.partition(":")
        try:
            studio = getattr(import_module(module), function)()
        except (ImportError, AttributeError) as error:
            raise OptionError(
                "There is no function {function} to create a studio.", function=self.studio
            ) from error
        if not isinstance(studio, Studio):
            raise OptionError("{function} does not return a studio.", function=self.studio)
        return studio
