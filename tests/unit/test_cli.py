import io
import json
import re
import socket
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
import uvicorn
from PIL import Image

from marsam import Painted, PaintOptions, Previewed, Studio
from marsam.cgroup import Limits
from marsam.cluster import Plan
from marsam.device import choose_device
from marsam.errors import JournalError, OptionError
from marsam.hub.selection import NOT_DOWNLOADED, join_sources
from marsam.imaging.image_io import open_picture
from marsam.imaging.metadata import read_record
from marsam.journal.journal import Journal
from marsam.journal.records import NewRun
from marsam.measurements import write_measurements
from marsam.notices import Notice
from marsam.options import DEFAULT_STRENGTH
from marsam.runs import eta
from marsam.server.listen import listen
from marsam.server.security import SecurityMiddleware
from marsam.testing import FakeCaptioner, FakePainter, FakeTranslator, fake_studio
from tests.helpers.commands import marsam


@pytest.fixture(autouse=True)
def studio(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Studio:
    one = fake_studio()
    monkeypatch.setattr(Studio, "load", lambda *a, **k: one)
    monkeypatch.chdir(tmp_path)
    return one


@pytest.fixture
def photo(tmp_path: Path) -> str:
    Image.new("RGB", (32, 32), "red").save(tmp_path / "photo.png")
    return "photo.png"


def test_run_prints_both_captions_and_saves_the_pictures(
    photo: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert marsam("run", photo, "-n", "2", "--seed", "7") == 0
    said = capsys.readouterr()
    assert said.out.splitlines() == [
        "a cat on a blue background",
        "قطة على خلفية زرقاء",
        str(Path("pictures/marsam-7.png")),
        str(Path("pictures/marsam-8.png")),
    ]
    assert said.err == ""
    assert Path("pictures/marsam-8.png").is_file()


def test_show_prints_the_metadata(photo: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert marsam("run", photo, "-n", "1", "--seed", "7") == 0
    capsys.readouterr()
    assert marsam("show", "pictures/marsam-7.png") == 0
    assert capsys.readouterr().out.splitlines() == [
        "English:  a cat on a blue background",
        "Arabic:   \u2067قطة على خلفية زرقاء\u2069",
        "Prompt:   a cat on a blue background",
        "Quality:  balanced",
        "Settings: Steps: 4, Sampler: Fake, CFG scale: 7.5, Seed: 7, Size: 64x64, "
        "Model: fake-painter",
    ]
    assert marsam("show", "pictures/marsam-7.png", "--json") == 0
    record = json.loads(capsys.readouterr().out)
    assert (record["arabic"], record["seed"]) == ("قطة على خلفية زرقاء", 7)


def test_like_repeats_a_picture_pixel_for_pixel(
    photo: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert marsam("paint", "a cat", "-n", "3", "--seed", "7", "--recipe", "draft") == 0
    capsys.readouterr()
    assert marsam("run", "--like", "pictures/marsam-9.png", "--out", "again", "--json") == 0
    (row,) = json.loads(capsys.readouterr().out)["pictures"]
    assert row["seed"] == 9
    before, after = Image.open("pictures/marsam-9.png"), Image.open(row["path"])
    assert before.tobytes() == after.tobytes()


def test_a_picture_without_metadata_is_an_error(
    photo: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for command in (["show", photo], ["run", "--like", photo]):
        assert marsam(*command) == 1
        assert capsys.readouterr().err == "photo.png has no Marsam metadata.\n"
    for other in (["--prompt", "a cat"], ["-n", "2"], ["--seed", "7"], ["--no-check"]):
        assert marsam("run", *other, "--like", photo) == 1
        assert f"as it is recorded; remove {other[0]}" in capsys.readouterr().err.replace(
            "--pictures", "-n"
        ).replace("--check", "--no-check")


def test_run_and_paint_accept_arabic_prompts(capsys: pytest.CaptureFixture[str]) -> None:
    for command in (["run", "--prompt"], ["paint"]):
        assert marsam(*command, "قطة", "-n", "1", "--seed", "1", "--json", "--no-check") == 0
        document = json.loads(capsys.readouterr().out)
        assert document["caption"] == {"en": "[eng_Latn] قطة", "ar": "قطة"}
        assert document["prompt"]["back"] == "[arb_Arab] [eng_Latn] قطة"


def test_keep_best_saves_the_best_pictures(capsys: pytest.CaptureFixture[str]) -> None:
    command = ["paint", "a cat on a blue background", "-n", "3", "--keep-best", "1", "--seed", "4"]
    assert marsam(*command, "--json") == 0
    assert len(json.loads(capsys.readouterr().out)["pictures"]) == 1
    assert len(list(Path("pictures").iterdir())) == 1


def test_run_json_prints_one_document_only(photo: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert marsam("run", photo, "-n", "1", "--seed", "3", "--out", "new", "--json") == 0
    said = capsys.readouterr()
    document = json.loads(said.out)
    assert said.out.count("\n") == 1
    assert document["caption"] == {"en": "a cat on a blue background", "ar": "قطة على خلفية زرقاء"}
    (row,) = document["pictures"]
    assert (row["path"], row["seed"]) == (str(Path("new/marsam-3.png")), 3)
    assert row["fidelity"] == 1.0
    assert set(document) == {"caption", "warnings", "pictures", "models", "seconds"}
    assert said.err == ""


def test_saved_pictures_are_not_overwritten(photo: str) -> None:
    for _ in range(2):
        assert marsam("paint", "a cat", "-n", "1", "--seed", "3") == 0
    assert sorted(p.name for p in Path("pictures").iterdir()) == ["marsam-3-2.png", "marsam-3.png"]


def test_caption_continues_after_a_bad_file(photo: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("bad.png").write_bytes(b"no picture")
    assert marsam("caption", "bad.png", photo, "--json") == 1
    rows = json.loads(capsys.readouterr().out)["captions"]
    assert rows[0] == {"path": "bad.png", "error": "This is a text file, not a picture."}
    assert rows[1] == {
        "path": photo,
        "en": "a cat on a blue background",
        "ar": "قطة على خلفية زرقاء",
        "warnings": [],
    }


def test_using_the_mini_set_by_default_prints_a_warning(
    photo: str, studio: Studio, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The mini set captions a photograph as a pictogram."""
    mini = replace(studio, reason=NOT_DOWNLOADED)
    monkeypatch.setattr(Studio, "load", lambda *_, **__: mini)
    for words in (["caption", photo], ["run", photo, "-n", "1"], ["translate", "a cat"]):
        assert marsam(*words) == 0
        assert "marsam models pull standard" in capsys.readouterr().err
    assert marsam("caption", photo, "--json") == 0
    assert capsys.readouterr().err == ""


def test_caption_of_a_folder_points_to_batch(capsys: pytest.CaptureFixture[str]) -> None:
    Path("my photos").mkdir()
    for command in ("caption", "run"):
        assert marsam(command, "my photos") == 1
        assert capsys.readouterr().err == (
            "my photos is a folder. To caption a folder, use: "
            "marsam batch 'my photos' --out captions.csv\n"
        )


def test_captions_of_several_pictures_isolate_arabic(
    photo: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert marsam("caption", photo, "missing.png", photo) == 1
    said = capsys.readouterr()
    pair = [f"{photo}: a cat on a blue background", f"{photo}: \u2067قطة على خلفية زرقاء\u2069"]
    assert said.out.splitlines() == pair * 2
    assert said.err == "File not found: missing.png.\n"  # its name once


def test_caption_takes_a_language_and_a_glossary(
    photo: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert marsam("caption", photo, photo, "--to", "fr") == 0
    french = f"{photo}: [fra_Latn] a cat on a blue background"
    assert capsys.readouterr().out.splitlines()[1::2] == [french] * 2
    Path("terms.toml").write_text('[[term]]\nterm = "cat"\narabic = "هرة"\n', encoding="utf-8")
    assert marsam("caption", photo, "--to", "fr", "--glossary", "terms.toml", "--json") == 0
    (row,) = json.loads(capsys.readouterr().out)["captions"]
    assert row["fr"] == "[fra_Latn] a cat on a blue background"


def test_caption_returns_candidates(photo: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert marsam("caption", photo, "--candidates", "3", "--json") == 0
    (row,) = json.loads(capsys.readouterr().out)["captions"]
    assert row["en"] == row["candidates"][0]["en"]
    scores = [candidate["score"] for candidate in row["candidates"]]
    assert len(scores) == 3
    assert scores == sorted(scores, reverse=True)


def test_keep_best_without_the_check_names_the_options(capsys: pytest.CaptureFixture[str]) -> None:
    assert marsam("paint", "a cat", "--keep-best", "2", "--no-check") == 1
    assert capsys.readouterr().err == ("--keep-best needs the prompt check. Remove --no-check.\n")


def test_translate_marks_the_translation_back_as_paint_does(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert marsam("translate", "a dog", "--back") == 0
    _, back = capsys.readouterr().out.splitlines()
    assert back.startswith("↩ ")


def test_translate_accepts_language_tags(capsys: pytest.CaptureFixture[str]) -> None:
    assert marsam("translate", "a cat on a blue background", "--json") == 0
    assert json.loads(capsys.readouterr().out) == {
        "text": "قطة على خلفية زرقاء",
        "to": "arb_Arab",
        "warnings": [],
    }
    assert marsam("translate", "قطة", "--from", "ar", "--to", "en") == 0
    assert capsys.readouterr().out == "[eng_Latn] قطة\n"


def test_errors_are_one_sentence_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    assert marsam("run", "missing.png") == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == "File not found: missing.png.\n"
    assert marsam("translate", "hello", "--to", "ara_Arab") == 1
    assert "did you mean arb_Arab" in capsys.readouterr().err


def test_an_unusable_output_folder_fails_before_painting(
    studio: Studio, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("taken").write_text("a file")
    assert marsam("paint", "a cat", "--out", "taken") == 1
    assert capsys.readouterr().err == "Cannot save pictures in taken: File exists.\n"
    assert isinstance(studio.painter, FakePainter)
    assert studio.painter.calls == []


def test_text_that_is_not_utf8_is_an_error(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    arabic = io.TextIOWrapper(io.BytesIO("قطة".encode("cp1256")), "utf-8")
    monkeypatch.setattr("sys.stdin", arabic)
    assert marsam("translate", "-") == 1
    assert "UTF-8" in capsys.readouterr().err


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_text_files_of_windows_are_read(
    encoding: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    text = io.TextIOWrapper(io.BytesIO("a cat on a blue background\r\n".encode(encoding)), "ascii")
    monkeypatch.setattr("sys.stdin", text)
    assert marsam("translate", "-") == 0
    assert capsys.readouterr().out == "قطة على خلفية زرقاء\n"


def test_a_port_in_use_is_an_option_error(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(OptionError, match=f"Cannot listen on 127.0.0.1, port {port}"):
            listen(SecurityMiddleware(unused_app), host="127.0.0.1", port=port)
    with pytest.raises(OptionError, match="Choose another"):
        listen(SecurityMiddleware(unused_app), host="no.such.host.invalid", port=port)
    assert capsys.readouterr().out == ""  # no URL is printed for another program's port
    assert marsam("studio", "--port", "99999") == 2


def test_listen_binds_every_address_of_a_host_name(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    kind = (socket.SOCK_STREAM, 6, "")
    found = [
        (socket.AF_INET, *kind, ("192.0.2.1", port)),  # not of this machine
        (socket.AF_INET, *kind, ("127.0.0.1", port)),
        (socket.AF_INET, *kind, ("127.0.0.2", port)),
    ]
    monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: found)
    heard: list[list[str]] = []

    def run(_server: uvicorn.Server, sockets: list[socket.socket]) -> None:
        heard.append([one.getsockname()[0] for one in sockets])
        for one in sockets:
            one.close()

    monkeypatch.setattr(uvicorn.Server, "run", run)
    listen(SecurityMiddleware(unused_app), host="marsam.example", port=port)
    assert heard == [["127.0.0.1", "127.0.0.2"]]
    del found[1:]
    with pytest.raises(OptionError, match="Cannot listen"):
        listen(SecurityMiddleware(unused_app), host="marsam.example", port=port)


async def unused_app(*_: object) -> None:
    """An application that receives no request."""


def test_usage_errors_exit_with_two(photo: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert marsam("run", photo, "-n", "11") == 2
    assert marsam("run", photo, "--recipe", "hasty") == 2
    assert "Traceback" not in capsys.readouterr().err


def test_models_list_shows_licences(capsys: pytest.CaptureFixture[str]) -> None:
    assert marsam("models", "list", "--json") == 0
    rows = json.loads(capsys.readouterr().out)["models"]
    licences = {(row["set"], row["stage"]): row["licence"] for row in rows}
    assert licences["standard", "translator"] == "CC-BY-NC-4.0"
    assert licences["standard", "painter"] == "CreativeML OpenRAIL-M"
    assert all(row["here"] for row in rows if row["set"] == "mini")
    assert not next(row for row in rows if row["licence"] == "CC-BY-NC-4.0")["commercial"]
    assert {row["commercial"] for row in rows if row["set"] == "free"} == {True}
    bytes_per_weight = 4 if choose_device().dtype == "float32" else 2
    memory = {(row["set"], row["stage"]): row["memory_gigabytes"] for row in rows}
    assert memory["standard", "captioner"] == pytest.approx(0.47 * bytes_per_weight)
    assert memory["standard", "painter"] == 2.74


@pytest.mark.parametrize("language", ["en", "ar"])
def test_models_list_is_read_on_a_narrow_terminal(
    language: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("MARSAM_LANGUAGE", language)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(eta, "timings_file", lambda: tmp_path / "times.json")
    assert marsam("models", "list") == 0
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= 80
    words = " ".join(re.sub("[\u2066-\u2069]", "", out).split())
    for english, arabic in (
        ("not for commercial use", "لا يُسمح باستخدامه تجاريًا"),
        ("English to Arabic", "من الإنجليزية إلى العربية"),
        ("translator: Qwen/Qwen3.5-2B", "المترجم: Qwen/Qwen3.5-2B"),
        ("time for a picture here: not measured", "زمن الصورة على هذا الجهاز: لم يُقَس"),
        (
            "time for a translation: not measured here; 0.29 s on two cores of an AMD EPYC with "
            "bfloat16, measured",
            "زمن ترجمة الوصف: لم يُقَس هنا؛ 0.29 ثانية على نواتين من معالج AMD EPYC يحسب بصيغة "
            "bfloat16، بالقياس",
        ),
    ):
        assert (arabic if language == "ar" else english) in words


def test_models_list_tells_the_time_that_was_measured(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(eta, "timings_file", lambda: tmp_path / "times.json")
    device = choose_device()
    studio = replace(fake_studio(), device=device)
    name = f"{device.kind} {device.dtype}"
    times = {
        f"fake-painter, {name}, {eta.DEFAULT_SIZE}": 0.5,
        f"captioner fake-captioner, {name}": 0.75,
    }
    write_measurements(tmp_path / "times.json", times)
    monkeypatch.setattr(Studio, "load", lambda *_: studio)
    assert marsam("models", "list", "--json") == 0
    rows = json.loads(capsys.readouterr().out)["models"]
    mini = [row for row in rows if row["set"] == "mini" and row["stage"] != "adapter"]
    seconds = {row["stage"]: row["seconds"] for row in mini}
    # A picture has 12 steps of two passes.
    assert seconds == {"captioner": 0.75, "translator": None, "painter": 12}
    klein = next(row for row in rows if (row["set"], row["stage"]) == ("modern", "painter"))
    assert (klein["reference_seconds"], klein["reference"]) == ([56, 107], "computed")
    assert marsam("models", "list") == 0
    assert "time for a caption here: 0.75 s, measured" in capsys.readouterr().out


def test_info_gives_reasons(capsys: pytest.CaptureFixture[str]) -> None:
    assert marsam("info", "--json") == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["device"]["reason"]
    assert facts["device"]["tuning"]
    assert set(facts["seconds_per_picture"]) == {"draft", "balanced", "faithful"}
    assert facts["models"]["reason"]
    assert marsam("info") == 0
    lines = capsys.readouterr().out.splitlines()
    labels = [line.split(":")[0] for line in lines]
    assert labels[:3] == ["Marsam", "Models", "Device"]
    assert facts["device"]["reason"] in lines[2]


def test_info_shows_the_limits_of_a_container(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = Limits(cpus=2.5, memory=12 * 2**30)
    monkeypatch.setattr("marsam.cli.info.read_limits", lambda: limits)
    assert marsam("info", "--json") == 0
    assert json.loads(capsys.readouterr().out)["limits"] == {"cpus": 2.5, "memory": 12 * 2**30}
    assert marsam("info") == 0
    (line,) = [x for x in capsys.readouterr().out.splitlines() if x.startswith("Container")]
    assert line.endswith("at most 2.5 CPUs, 12.0 GiB of memory")


@pytest.mark.parametrize(
    ("command", "default"),
    [
        ("run", "standard if downloaded, otherwise mini"),
        ("batch", "from the picture's content"),
        ("serve", "20; no limit on 127.0.0.1"),
    ],
)
def test_help_shows_the_defaults(
    command: str, default: str, capsys: pytest.CaptureFixture[str]
) -> None:
    marsam(command, "--help")
    assert default in " ".join(capsys.readouterr().out.replace("│", " ").split())


@pytest.mark.parametrize(
    ("command", "stages"),
    [
        (("run", "photo.png"), ("captioner", "translator", "painter")),
        (("caption", "photo.png"), ("captioner", "translator")),
        (("translate", "a cat"), ("translator",)),
        (("paint", "قطة"), ("captioner", "translator", "painter")),
        (("batch", ".", "--out", "a.csv"), ("captioner", "translator")),
        (("batch", ".", "--out", "a.csv", "-n", "1"), ("captioner", "translator", "painter")),
        (("studio", "--port", "1"), ("captioner", "translator", "painter")),
        (("serve", "--port", "1"), ("captioner", "translator", "painter")),
    ],
)
def test_every_command_accepts_the_models_of_its_stages(
    photo: str, command: tuple[str, ...], stages: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[dict[str, object]] = []

    def load(_models: object = None, *, device: object = None, **others: object) -> Studio:
        named = {stage: model for stage, model in others.items() if model is not None}
        asked.append(named | {"translator": join_sources(named["translator"])})  # type: ignore[arg-type]
        return fake_studio()

    def full() -> None:
        raise JournalError("Runs cannot be kept here.")

    monkeypatch.setattr(Studio, "load", load)
    monkeypatch.setattr("marsam.server.app.Journal", full)  # so that nothing is served
    words = [word for stage in stages for word in (f"--{stage}", f"my/{stage}")]
    marsam(*command, *words, "--translator", "my/second")
    wanted = {stage: f"my/{stage}" for stage in stages}
    assert asked == [wanted | {"translator": "my/translator + my/second"}]


def test_a_model_that_would_do_nothing_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert marsam("paint", "a cat", "--no-check", "--captioner", "my/own") == 1
    assert "Remove --captioner." in capsys.readouterr().err
    assert marsam("batch", ".", "--out", "a.csv", "--painter", "my/own") == 1
    assert "ask for them with -n" in capsys.readouterr().err
    for command in (["caption", "a.png", "--painter"], ["translate", "a", "--captioner"]):
        assert marsam(*command, "my/own") == 2


@pytest.mark.parametrize("command", [("serve",), ("batch", ".", "--out", "a.csv")])
def test_a_cluster_loads_the_models_that_are_named(
    command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    plans: list[Plan] = []

    def stop(plan: Plan, **_: object) -> Studio:
        plans.append(plan)
        raise OptionError("enough")

    monkeypatch.setattr(Plan, "create_studio", stop)
    monkeypatch.setattr("marsam.cluster.cluster_studio", lambda _, plan: stop(plan))
    assert marsam(*command, "--cluster", "local", "--models", "mini", "--captioner", "my/own") == 1
    assert [(plan.models, plan.captioner.model) for plan in plans] == [("mini", "my/own")]


def test_resume_takes_the_models_that_the_run_was_started_with(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[tuple[object, ...]] = []

    def load(models: str | None, *, device: object = None, **others: object) -> Studio:
        asked.append((models, *others.values()))
        return fake_studio()

    monkeypatch.setattr(Studio, "load", load)
    stages = ("captioner", "translator", "painter", "lora")
    for names, arguments in (
        (("marsam/mini-captioner", "my/words", "marsam/mini-painter"), ()),
        (("my/eyes", "my/words", "my/hand"), ("--painter", "other")),
        (("own-eyes", "my/words", "own-hand", "my/style:0.5"), ()),
    ):
        with closing(Journal()) as journal:
            models = dict(zip(stages, names, strict=False))
            run = journal.insert(NewRun(client="me", prompt="a cat", models=models)).id
            journal.finish(run, "stopped", error=None, seconds={})
        assert marsam("runs", "resume", run, *arguments) == 1  # the fakes are other models
    assert asked == [
        ("mini", None, "my/words", None, None),
        (None, "my/eyes", "my/words", "other", None),
        (None, None, "my/words", None, "my/style:0.5"),
    ]


def test_what_the_models_do_not_know_is_said(
    studio: Studio, photo: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    outside = replace(
        studio,
        captioner=FakeCaptioner(warnings=(Notice.OUT_OF_WORLD,)),
        translator=FakeTranslator(unknown_words=frozenset({"dragon"})),
    )
    monkeypatch.setattr(Studio, "load", lambda *a, **k: outside)
    assert marsam("caption", photo) == 0
    assert Notice.OUT_OF_WORLD.ar in capsys.readouterr().err
    assert marsam("caption", photo, "--json") == 0
    (row,) = json.loads(capsys.readouterr().out)["captions"]
    assert row["warnings"] == ["out_of_world"]
    assert marsam("translate", "a dragon") == 1
    said = capsys.readouterr()
    assert (said.out, said.err.count("\n")) == ("", 1)
    assert "dragon" in said.err
    assert marsam("translate", "a dragon", "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["text"], document["unknown_words"]) == ("", ["dragon"])
    assert marsam("paint", "a dragon", "-n", "1", "--seed", "3") == 0
    said = capsys.readouterr()
    assert said.out.splitlines() == ["a dragon", "pictures/marsam-3.png"]
    assert "dragon" in said.err


@pytest.mark.parametrize("command", [("paint", "a cat"), ("run", "--prompt", "a cat")])
def test_every_option_of_the_painter_is_on_the_command_line(
    studio: Studio, command: tuple[str, ...]
) -> None:
    Path("terms.toml").write_text('[[term]]\nterm = "cat"\narabic = "هرّة"\n', encoding="utf-8")
    options = ("--negative", "كلب, red", "--steps", "7", "--guidance", "3.5", "--size", "64x128")
    painted: list[PaintOptions] = []
    painter = studio.painter
    assert isinstance(painter, FakePainter)

    def recorded(
        prompt: str, given: PaintOptions, start: Image.Image | None
    ) -> Iterator[Previewed | Painted]:
        painted.append(given)
        return FakePainter.paint(painter, prompt, given, start)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(painter, "paint", recorded)
        assert marsam(*command, "-n", "1", "--glossary", "terms.toml", *options) == 0
    (one,) = painted
    assert (one.steps, one.guidance_scale, one.width, one.height) == (7, 3.5, 64, 128)
    assert one.negative_prompt == "[eng_Latn] كلب, red"
    (file,) = Path("pictures").iterdir()
    record = read_record(file)
    assert record is not None
    assert (record.negative_prompt, record.steps) == ("[eng_Latn] كلب, red", 7)


def test_a_wrong_size_is_one_sentence(studio: Studio, capsys: pytest.CaptureFixture[str]) -> None:
    assert marsam("paint", "a cat", "--size", "large") == 1
    assert capsys.readouterr().err == "size must be like 512x512.\n"


def test_variations_keep_the_picture_and_are_repeated_from_the_journal(
    photo: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert marsam("run", photo, "-n", "1", "--seed", "7", "--strength", "0.25") == 0
    assert marsam("paint", "a dog", "--from-image", photo, "-n", "1", "--seed", "8") == 0
    near, words = (read_record(Path(f"pictures/marsam-{seed}.png")) for seed in (7, 8))
    assert near is not None
    assert words is not None
    assert (near.english, near.strength) == ("a cat on a blue background", 0.25)
    assert (words.english, words.strength) == ("a dog", DEFAULT_STRENGTH)
    assert near.start_sha256 == words.start_sha256
    with Image.open("pictures/marsam-7.png") as picture:
        red, _green, blue = picture.getpixel((0, 0))  # type: ignore[misc]
        assert red > blue  # three quarters of the red photo
    Path(photo).unlink()
    capsys.readouterr()
    for seed in (7, 8):
        like = f"pictures/marsam-{seed}.png"
        assert marsam("run", "--like", like, "--out", "again", "--json") == 0
        (row,) = json.loads(capsys.readouterr().out)["pictures"]
        assert open_picture(row["path"]) == open_picture(like)
    assert marsam("show", "pictures/marsam-7.png") == 0
    assert "Denoising strength: 0.25" in capsys.readouterr().out


def test_a_variation_is_repeated_only_from_its_own_start_picture(
    photo: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert marsam("run", photo, "-n", "1", "--seed", "7", "--strength", "0.5") == 0
    assert marsam("paint", "a cat", "-n", "1", "--seed", "9") == 0
    with closing(Journal()) as journal:
        for run in journal.runs(None):
            journal.delete(None, run.id)
    Image.new("RGB", (32, 32), "blue").save("other.png")
    like = ("--like", "pictures/marsam-7.png", "--out", "again")
    capsys.readouterr()
    assert marsam("run", *like) == 1
    assert "not stored here; give that one, too" in capsys.readouterr().err
    assert marsam("run", "other.png", *like) == 1
    assert "This is not the picture" in capsys.readouterr().err
    assert marsam("run", photo, *like) == 0
    assert open_picture("again/marsam-7.png") == open_picture("pictures/marsam-7.png")
    assert marsam("run", photo, "--like", "pictures/marsam-9.png") == 1
    assert "from words alone" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["paint", "a cat", "--strength", "0.5"], "strength needs a picture to start from."),
        (["run", "photo.png", "--strength", "0"], "strength must be above 0"),
        (["run", "photo.png", "--strength", "0.01"], "must be at least 0.084 with 12 steps"),
    ],
)
def test_a_strength_without_effect_is_refused(
    photo: str, command: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert marsam(*command) == 1
    assert said in capsys.readouterr().err
    assert not Path("pictures").exists() or not list(Path("pictures").iterdir())


def test_a_painter_that_cannot_start_from_a_picture_says_so(
    photo: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    plain = replace(fake_studio(), painter=FakePainter(variations=False))
    monkeypatch.setattr(Studio, "load", lambda *a, **k: plain)
    assert marsam("run", photo, "--strength", "0.5") == 1
    assert "paints from words alone" in capsys.readouterr().err
    assert marsam("run", photo, "-n", "1") == 0
