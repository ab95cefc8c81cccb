"""The cost of a run: the work of its pictures, by which clients take turns and are limited."""

from marsam.options import PaintOptions
from marsam.stages.protocols import Painter

UNIT = "images of 512x512 pixels with 50 steps"
"""What a cost counts."""
_UNIT_PIXELS, _UNIT_PASSES = 512 * 512, 100


def cost_of(options: PaintOptions, painter: Painter) -> float:
    """Return the cost of pictures: their number x width x height x the denoiser's passes.

    Guidance doubles the passes of a step.
    """
    sampling = painter.sampling(options.recipe)
    side = sampling.default_side
    pixels = (options.width or side) * (options.height or side) / _UNIT_PIXELS
    passes = sampling.forward_passes(
        options.steps or sampling.steps, options.strength, options.guidance_scale
    )
    return options.pictures * pixels * passes / _UNIT_PASSES
