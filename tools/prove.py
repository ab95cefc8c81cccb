"""Check a model set against answers that are known: the first step of a release.

``python -m tools.prove SET`` (``make prove SET=standard``) downloads the set, describes pictures,
translates their captions and texts both ways, and paints; it compares each result with what it must
contain. It writes a report with the pictures to ``build/prove-SET``, and ends with an error if a
result is not as expected. The answers are those that the models' authors publish for their own
examples, or plain sentences that every translator must know.
"""

import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from marsam import Studio, TranslateOptions
from marsam.hub.catalog import model_set
from marsam.hub.download import pull
from marsam.text.languages import language

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "src" / "marsam" / "web" / "examples"
TIMEOUT_S = 60
Words = tuple[str, ...]
"""What a text must contain; of several wordings, separated by a stroke, one is enough."""


@dataclass(frozen=True)
class KnownPicture:
    """A picture, as a path or URL, and what its captions must contain."""

    source: str
    english: Words
    arabic: Words


@dataclass(frozen=True)
class KnownText:
    """A text, its direction, and what its translation must contain."""

    text: str
    source: str
    target: str
    words: Words


@dataclass(frozen=True)
class Known:
    """What is known of a model set."""

    pictures: tuple[KnownPicture, ...]
    texts: tuple[KnownText, ...]
    prompts: tuple[tuple[str, Words], ...]
    """What is painted, and what the captioner must see in the picture."""


MINI = Known(
    pictures=(
        KnownPicture(str(EXAMPLES / "cat.png"), ("cat",), ("قطة",)),
        KnownPicture(str(EXAMPLES / "car.png"), ("car", "green"), ("سيارة", "خضراء")),
    ),
    texts=(
        KnownText("three apples on a blue background", "en", "ar", ("ثلاث تفاحات", "زرقاء")),
        KnownText("قطة على خلفية صفراء", "ar", "en", ("cat", "yellow")),
    ),
    prompts=(("two fish on a pink background", ("fish", "pink")),),
)
FULL_SIZE = Known(
    pictures=(
        # The example of BLIP's authors, and their caption of it.
        KnownPicture(
            "https://storage.googleapis.com/sfr-vision-language-research/BLIP/demo.jpg",
            ("woman|girl", "dog", "beach|sand"),
            ("امرأة|سيدة|فتاة", "كلب", "شاطئ|الرمال|رمال"),
        ),
    ),
    texts=(
        KnownText("The cat sleeps on the chair.", "en", "ar", ("القط", "الكرسي|كرسي|المقعد")),
        KnownText("القطة نائمة على الكرسي.", "ar", "en", ("cat", "chair|seat")),
    ),
    # The example of Stable Diffusion's authors.
    prompts=(("a photo of an astronaut riding a horse on mars", ("astronaut|man", "horse")),),
)
KNOWN = {"mini": MINI}


@dataclass
class Report:
    """Results beside what was expected, as Markdown."""

    lines: list[str]
    failures: list[str] = field(default_factory=list)

    def add(self, what: str, text: str, words: Words) -> None:
        """Add a result, and whether it contains the words."""
        lower = text.lower()
        missing = [word for word in words if not any(w in lower for w in word.split("|"))]
        state = f"**lacks {', '.join(missing)}**" if missing else "as expected"
        self.lines.append(f"- {what}: “{text}”: {state}")
        if missing:
            self.failures.append(f"{what}: “{text}” lacks {', '.join(missing)}")


def prove(name: str, known: Known, out: Path) -> Report:
    """Try a model set, and write the report and its pictures into a folder."""
    out.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    studio = Studio.load(name)
    device = studio.device
    report = Report([f"# The model set {name}, tried", ""])
    report.lines += [f"- {stage}: {model}" for stage, model in studio.names.items()]
    report.lines += [f"- device: {device.kind}, {device.dtype}" if device else "", "", "## Results"]
    for number, picture in enumerate(known.pictures):
        file = out / f"picture-{number}.png"
        if picture.source.startswith("https:"):
            response = httpx.get(picture.source, follow_redirects=True, timeout=TIMEOUT_S)
            file.write_bytes(response.raise_for_status().content)
        else:
            file.write_bytes(Path(picture.source).read_bytes())
        ((caption, translation),) = studio.describe(file)
        report.lines += ["", f"![]({file.name})", ""]
        report.add("English caption", caption.text, picture.english)
        report.add("Arabic caption", translation.text, picture.arabic)
    report.lines.append("")
    for text in known.texts:
        options = TranslateOptions(
            source=language(text.source).code, target=language(text.target).code
        )
        translated = studio.translator.translate(text.text, options).text
        report.add(f"“{text.text}” in {language(text.target).en}", translated, text.words)
    for number, (prompt, words) in enumerate(known.prompts):
        result = studio.run(prompt=prompt, pictures=2, seed=7)
        for painted, check in zip(result.pictures, result.fidelity, strict=True):
            file = out / f"painted-{number}-{painted.seed}.png"
            if painted.image is not None and check is not None:
                painted.image.save(file)
                report.lines += ["", f"![]({file.name})", ""]
            report.add(f"Painted: “{prompt}”, seen", check.caption if check else "", words)
    report.lines += ["", f"{time.monotonic() - started:.0f} seconds."]
    (out / "report.md").write_text("\n".join(report.lines) + "\n", encoding="utf-8")
    return report


def main(name: str) -> None:
    """Download a model set if it is not here, and try it."""
    chosen = model_set(name)
    for model in () if chosen.bundled else chosen.parts:
        pull(model.source)
    out = ROOT / "build" / f"prove-{name}"
    report = prove(name, KNOWN.get(name, FULL_SIZE), out)
    print(f"Report: {out / 'report.md'}")
    if report.failures:
        sys.exit("\n".join(report.failures))


if __name__ == "__main__":
    main(*sys.argv[1:] or ["standard"])
