"""Every error says in Arabic what it says in English."""

import ast
import pickle
import re
import string
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

import marsam
from marsam import errors
from marsam.api import validation
from marsam.cli.terminal_language import in_terminal_language
from marsam.errors import MarsamError, OptionError, PictureError, RunExists, error_from_code
from marsam.messages import Message, Sentence, preferred_language
from marsam.options import PaintOptions
from marsam.web.strings import STRINGS

PACKAGE = Path(marsam.__file__).parent
LATIN_LETTER, ARABIC_LETTER = re.compile("[A-Za-z]"), re.compile("[\u0600-\u06ff]")
with (PACKAGE / "locale" / "ar.po").open("rb") as file:
    CATALOGUE = {
        str(message.id): str(message.string)
        for message in read_po(file, locale="ar", abort_invalid=True)
        if message.id
    }
CALLS = {"Message", "map_model_errors", "checked_text"} | {
    kind.__name__ for kind in errors.error_classes().values()
}
SOURCES = {path: ast.parse(path.read_text(encoding="utf-8")) for path in PACKAGE.rglob("*.py")}


def _calls() -> Iterator[tuple[str, ast.expr]]:
    """The sentence of every call that takes one, and where the call is."""
    for path, tree in SOURCES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                position = 1 if node.func.id == "checked_text" else 0
                if node.func.id in CALLS and len(node.args) > position:
                    yield f"{path.name}:{node.lineno}", node.args[position]


def _templates() -> set[str]:
    found = {kind.public_message for kind in errors.error_classes().values()} - {""}
    found |= set(validation._SENTENCES.values())
    for _, sentence in _calls():
        choices = (
            [sentence.body, sentence.orelse] if isinstance(sentence, ast.IfExp) else [sentence]
        )
        found |= {str(one.value) for one in choices if isinstance(one, ast.Constant)}
    return found


def _fields(template: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(template) if name}


def test_every_sentence_has_an_arabic_translation() -> None:
    assert _templates() - CATALOGUE.keys() == set()


def test_no_sentence_has_its_values_in_it_already() -> None:
    """Such a sentence would not be found in the catalogue."""
    formatted = [where for where, sentence in _calls() if isinstance(sentence, ast.JoinedStr)]
    assert formatted == []


def test_every_translation_is_used() -> None:
    constants = {
        node.value
        for tree in SOURCES.values()
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
    }
    system = set(list(CATALOGUE)[list(CATALOGUE).index("No such file or directory") :][:18])
    assert set(CATALOGUE) - constants - system == set()


@pytest.mark.parametrize("english", sorted(CATALOGUE))
def test_a_translation_has_the_same_facts(english: str) -> None:
    arabic = CATALOGUE[english]
    if "{stem}" not in english:  # a pattern for names of files, and no value
        assert _fields(english) == _fields(arabic)
    numbers = re.compile(r"\d+")
    assert set(numbers.findall(english)) == set(numbers.findall(arabic))
    assert arabic.count("`") % 2 == 0
    if LATIN_LETTER.search(re.sub("{.*?}", "", english)):
        assert ARABIC_LETTER.search(arabic)
    assert not re.search("[,;?]", re.sub("`[^`]*`", "", arabic))


def test_commands_and_options_are_marked_so_that_they_are_read_from_left_to_right() -> None:
    unmarked = {
        english
        for english, arabic in CATALOGUE.items()
        if re.search(r"(?<![\w-])--\w", re.sub("`[^`]*`", "", arabic))
    }
    assert unmarked == set()


def test_an_option_has_the_name_of_its_box_on_the_page() -> None:
    names = ("steps", "size", "seed")
    assert [CATALOGUE[name] for name in names] == [STRINGS[name].ar for name in names]
    assert CATALOGUE["guidance_scale"] == STRINGS["guidance"].ar
    assert CATALOGUE["negative_prompt"] == STRINGS["negative"].ar
    assert CATALOGUE["pictures"] == STRINGS["number"].ar


def test_an_error_names_the_option_and_its_range_in_both_languages() -> None:
    with pytest.raises(OptionError) as raised:
        PaintOptions(steps=500)
    error = raised.value
    assert str(error) == error.en == "steps must be between 1 and 200 (got 500)."
    assert error.ar == "يجب أن تكون قيمة «عدد الخطوات» بين 1 و200، والقيمة المعطاة 500."
    assert (error.option, error.code) == ("steps", "option_error")


def test_values_are_isolated_in_arabic() -> None:
    error = PictureError("Cannot read {file}: {reason}.", file="a\u2069b.png", reason="x")
    assert error.en == "Cannot read a\u2069b.png: x."
    assert error.ar == "تتعذّر قراءة \u2068ab.png\u2069: \u2068x\u2069."


def test_a_value_in_both_languages_takes_the_form_of_the_sentence() -> None:
    message = Message(
        "Failed while {doing}: {reason}", doing=Message("painting"), reason=["a", "b"]
    )
    assert message.en == "Failed while painting: a, b"
    assert message.ar == "تعذّر الرسم: \u2068a\u2069، \u2068b\u2069"


def test_a_sentence_that_is_not_in_the_catalogue_stays_as_it_is() -> None:
    assert MarsamError("{this} is no template").ar == "{this} is no template"


def test_an_error_survives_pickling_with_braces_in_its_values() -> None:
    error = RunExists("There is no run with the ID {run_id!r}.", run="5", run_id="{x}")
    copy = pickle.loads(pickle.dumps(error))
    assert (str(copy), copy.ar, copy.run) == (str(error), error.ar, "5")


def test_an_error_is_rebuilt_from_its_code_and_sentence() -> None:
    error = error_from_code("picture_error", Sentence("No {x}.", "لا {x}."))
    assert isinstance(error, PictureError)
    assert (str(error), error.ar) == ("No {x}.", "لا {x}.")


def test_an_option_that_a_client_knows_by_another_name() -> None:
    error = OptionError("{option} must be like 512x512.", option="size").renamed("dimensions")
    assert str(error) == "dimensions must be like 512x512."
    assert "\u2068dimensions\u2069" in error.ar


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "en"),
        ("ar", "ar"),
        ("ar-EG,ar;q=0.9,en-US;q=0.8,en;q=0.7", "ar"),
        ("en-US,en;q=0.9,ar;q=0.8", "en"),
        ("fr-FR, ar;q=0.5", "ar"),
        ("ar;q=0, *", "en"),
        ("ar;q=much", "en"),
        ("arq, arz", "en"),
    ],
)
def test_the_language_of_an_accept_language_header(header: str, language: str) -> None:
    assert preferred_language(header) == language


@pytest.mark.parametrize(
    ("variables", "arabic"),
    [
        ({}, False),
        ({"LANG": "ar_EG.UTF-8"}, True),
        ({"LANG": "ar"}, True),
        ({"LANG": "ar_EG.UTF-8", "LC_ALL": "C.UTF-8"}, False),
        ({"LANG": "en_US.UTF-8", "LC_MESSAGES": "ar_SA.UTF-8"}, True),
        ({"LANG": "ar_EG.UTF-8", "MARSAM_LANGUAGE": "en"}, False),
        ({"LC_ALL": "en_US.UTF-8", "MARSAM_LANGUAGE": "ar"}, True),
        ({"LANG": "arn_CL.UTF-8"}, False),
    ],
)
def test_the_language_of_the_terminal(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], arabic: bool
) -> None:
    for name in ("MARSAM_LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG", "TERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    said = in_terminal_language(Message("Folder not found: {folder}.", folder="x"))
    assert said == (
        "\u2067لم يُعثر على المجلد \u2068x\u2069.\u2069" if arabic else "Folder not found: x."
    )


def test_a_console_of_the_kernel_gets_no_characters_that_it_shows_as_boxes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MARSAM_LANGUAGE", "ar")
    monkeypatch.setenv("TERM", "linux")
    said = in_terminal_language(Message("Folder not found: {folder}.", folder="x"))
    assert said == "لم يُعثر على المجلد x."
