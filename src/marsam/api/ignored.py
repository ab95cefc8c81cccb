"""Fields of a request that have no effect here: the response names them."""

from collections.abc import Collection, Mapping
from typing import Any

from pydantic import Field

MAX_TOLD_NAMES = 20
"""Names of fields without effect that an answer repeats, at most."""
MAX_NAME_CHARACTERS = 100
IGNORED: Any = Field(
    default_factory=list, description="Names of the fields that were sent and have no effect here."
)
"""The field of a response with these names."""


def set_fields(sent: Mapping[str, Any], no_difference: Collection[str] = ()) -> list[str]:
    """The names of the fields that ask for something."""
    names = [name for name, value in sent.items() if value and name not in no_difference]
    return [name[:MAX_NAME_CHARACTERS] for name in names]
