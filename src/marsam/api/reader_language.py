"""The language of what a response says: Arabic for clients that prefer it to English."""

from typing import Annotated

from fastapi import Depends
from starlette.requests import HTTPConnection

from marsam.messages import preferred_language


def reader_language(connection: HTTPConnection) -> str:
    """The language of the client's reader: ``ar`` or ``en``."""
    return preferred_language(connection.headers.get("accept-language", ""))


ReaderLanguage = Annotated[str, Depends(reader_language)]
