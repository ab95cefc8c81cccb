"""What runs on a cluster, and how much of it: the arguments of the Serve application."""

import os
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from marsam.batch.engine import CAPTION_BATCH_SIZE
from marsam.errors import OptionError
from marsam.studio import Studio

APPLICATION = "marsam"
"""What the application is called on a cluster."""


class Share(BaseModel):
    """How much of the cluster one stage gets.

    Attributes:
        replicas: copies of the model; with ``most``, the fewest there may be.
        most: copies the cluster may add when much is waiting; None keeps ``replicas``.
        gpus: of one copy; ``0.25`` puts four on a GPU.
        cpus: of one copy. They are counted, not enforced.
        threads: that torch computes with in one copy; None takes one a processor of ``cpus``.
        together: requests answered at once by one copy; a painter paints one picture at a time.
        waiting: requests a client may have waiting, beyond which it is told to come back later.
        per_node: copies on one machine, at most; None for no limit.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    replicas: int = Field(default=1, ge=0)
    most: int | None = Field(default=None, ge=1)
    gpus: float = Field(default=0, ge=0)
    cpus: float = Field(default=1, ge=0)
    threads: int | None = Field(default=None, ge=1)
    together: int = Field(default=8, ge=1)
    waiting: int = Field(default=100, ge=1)
    per_node: int | None = Field(default=None, ge=1, le=100)

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.most is None and self.replicas == 0:
            raise ValueError("replicas may be 0 only where most lets copies be added")
        if self.most is not None and self.most < self.replicas:
            raise ValueError("most cannot be less than replicas")
        return self


class Plan(BaseModel):
    """What runs on the cluster.

    Attributes:
        models: the set; None chooses on every machine as :meth:`marsam.Studio.load` does.
        device: ``cuda``, ``mps`` or ``cpu``; None takes the best each copy can see.
        studio: ``module:function`` of a function that makes a :class:`marsam.Studio`, of which the
            stages are taken instead; the module must be on every machine.
        captioner: its share of the cluster.
        translator: its share.
        painter: its share.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    models: str | None = None
    device: str | None = None
    studio: str | None = Field(default=None, pattern=r"^[\w.]+:\w+$")
    captioner: Share = Share()
    translator: Share = Share()
    painter: Share = Share(together=1)

    @property
    def cpus(self) -> float:
        """Processors it asks for at least."""
        return sum(
            share.cpus * max(share.replicas, 1)
            for share in (self.captioner, self.translator, self.painter)
        )

    @classmethod
    def for_folders(
        cls, models: str, device: str | None, machines: Sequence[Mapping[str, float]]
    ) -> "Plan":
        """As many captioners and translators as machines have room for.

        Two captioners, or four translators, share a GPU. Where there is none, a copy computes with
        up to four processors, which is where more of them begin to be of little use.

        Args:
            models: the set.
            device: where they compute; None takes GPUs where there are some.
            machines: what Ray counts of each: ``CPU``, ``GPU``.
        """
        gpus = sum(machine.get("GPU", 0) for machine in machines)
        if gpus >= 1 and device in (None, "cuda"):
            return cls(
                models=models,
                device="cuda",
                captioner=Share(most=int(2 * gpus), gpus=0.5, together=CAPTION_BATCH_SIZE["cuda"]),
                translator=Share(
                    most=int(4 * gpus), gpus=0.25, together=CAPTION_BATCH_SIZE["cuda"]
                ),
            )
        counts = [machine.get("CPU", 0) for machine in machines]
        # Of each kind, one must find room on the smallest machine.
        each = max(1, min(4, int(min(counts, default=0) // 2)))
        most = max(1, int(sum(counts) // each) - 1)
        share = Share(most=most, cpus=each, together=CAPTION_BATCH_SIZE["cpu"])
        return cls(models=models, device=device, captioner=share, translator=share)

    def prepared(self, share: Share) -> Studio:
        """The stages in a process that is one copy; errors as :meth:`stages`."""
        if share.threads is not None:
            # Torch reads it when it is imported. Told later, it tells the library it multiplies
            # with too, which then has so many in each of the threads of marsam.cpu.threads.
            os.environ["OMP_NUM_THREADS"] = str(share.threads)
        return self.stages()

    def stages(self, *, device: str | None = None) -> Studio:
        """The stages, in this process; weights are read when they are first used.

        Raises:
            OptionError: when ``studio`` names nothing that can be called.
            MarsamError: as :meth:`marsam.Studio.load`.
        """
        if self.studio is None:
            return Studio.load(self.models, device=device or self.device)
        module, _, function = self.studio.partition(":")
        try:
            made = getattr(import_module(module), function)()
        except (ImportError, AttributeError) as error:
            raise OptionError(f"There is no {self.studio} to make a studio with.") from error
        if not isinstance(made, Studio):
            raise OptionError(f"{self.studio} does not make a studio.")
        return made
