"""The three stages: their protocols, and the implementations that run the models in this process.

:mod:`marsam.testing` has instant fakes of the same protocols.
"""

from marsam.stages.protocols import Captioner, Painter, Translator

__all__ = ["Captioner", "Painter", "Translator"]
