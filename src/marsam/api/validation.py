"""Invalid requests in plain words: what pydantic finds, as one sentence for people."""

import re
from collections.abc import Mapping, Sequence
from itertools import takewhile
from typing import Any

from marsam.messages import Message, Sentence, isolated

JSON_WANTED = "The body must be a JSON object, sent with Content-Type: application/json."
_SENTENCES = {
    "missing": "{field} is missing.",
    "repeated": "{field} was sent more than once.",
    "json_invalid": "The body is not valid JSON.",
    "model_attributes_type": "{field} must be a JSON object.",
    "model_type": "{field} must be a JSON object.",
    "dict_type": "{field} must be a JSON object.",
    "list_type": "{field} must be a list.",
    "string_type": "{field} must be a text.",
    "bytes_type": "{field} must be a file in base64.",
    "string_unicode": "{field} has characters that are not valid Unicode.",
    "string_too_long": "{field} must have at most {max_length} characters.",
    "too_long": "{field} must have at most {max_length} items.",
    "string_too_short": "{field} must have at least {min_length} characters.",
    "greater_than_equal": "{field} must be at least {ge}.",
    "less_than_equal": "{field} must be at most {le}.",
    "literal_error": "{field} must be {expected}.",
    "enum": "{field} must be {expected}.",
    "int_type": "{field} must be a whole number.",
    "int_parsing": "{field} must be a whole number.",
    "int_parsing_size": "{field} is too large.",
    "int_from_float": "{field} must be a whole number.",
    "float_type": "{field} must be a number.",
    "float_parsing": "{field} must be a number.",
    "finite_number": "{field} must be a number.",
    "bool_type": "{field} must be true or false.",
    "bool_parsing": "{field} must be true or false.",
}
_FIELD = re.compile(r"(?!(str|int|float|bool|dict|list)$)[a-z_]\w*|\d+")


def invalid_field(errors: Sequence[Mapping[str, Any]]) -> str | None:
    """Name of the first field that is wrong, as in ``messages.0.content``; None for the body."""
    location = [str(part) for part in errors[0]["loc"]]
    if location[:1] == ["header"]:
        return location[1]
    names = location[1:] if location[:1] in (["body"], ["query"], ["path"]) else location
    # After the field, pydantic names the members of a union: "str", "list[str]", a model.
    return ".".join(takewhile(lambda name: _FIELD.fullmatch(name), names)) or None


def invalid_sentence(errors: Sequence[Mapping[str, Any]]) -> Message:
    """What is wrong with a request, in one sentence."""
    error, field = errors[0], invalid_field(errors)
    if error["type"] == "json_invalid":
        return Message(_SENTENCES["json_invalid"])
    if error["type"] == "extra_forbidden":
        name = str(error["loc"][-1])[:50]
        return Message("There is no field {name!r}; check its name.", name=name)
    if field is None:
        return Message(JSON_WANTED)
    if "UploadFile" in error["msg"]:
        return Message("{field} must be a file, sent with its name.", field=field)
    sentence = _SENTENCES.get(error["type"], "{field}: {said}.")
    said = str(error["msg"]).removeprefix("Value error, ")
    context = dict(error.get("ctx", {}))
    if (expected := context.get("expected")) is not None:  # as in: 'a', 'b' or 'c'
        names = re.findall("'([^']*)'", expected)
        context["expected"] = Sentence(expected, "، ".join(map(isolated, names)) or expected)
    return Message(sentence, **{"field": field, "said": said} | context)
