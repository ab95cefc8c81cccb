"""The studio's page: a picture in; both captions and new pictures out, as each is ready."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # read when gradio is imported

import gradio as gr

from marsam.errors import MarsamError
from marsam.images import MAX_BYTES
from marsam.metadata import embed, record_of
from marsam.options import MAX_PICTURES, PaintOptions, RunOptions
from marsam.results import Captioned, Finished, Painted, Previewed, Prompt, Prompted, Translated
from marsam.studio import Studio

EXAMPLES = tuple(
    str(Path(__file__).with_name("examples") / name) for name in ("sea.png", "cat.png", "car.png")
)
CSS = """
.gradio-container { max-width: 68rem !important; margin: auto; }
.arabic textarea { direction: rtl; font-size: 1.15rem; }
.arabic [data-testid="block-info"] { padding-right: 2.5rem; }  /* beside the copy button */
.english textarea { font-size: 1.05rem; }
"""


def build(studio: Studio) -> gr.Blocks:
    """The page, on any studio (tests give it one of fakes)."""
    with gr.Blocks(title="Marsam · مرسم", delete_cache=(3600, 86400)) as page:
        gr.Markdown("# Marsam · مرسم\nA picture into words, and words back into pictures.")
        gr.Markdown("من الصورة إلى الكلمات، ومن الكلمات إلى صور جديدة.", rtl=True)
        with gr.Row():
            with gr.Column():
                picture = gr.Image(
                    type="filepath",
                    sources=["upload", "clipboard"],
                    label="Picture · صورة",
                    height=320,
                )
                number = gr.Slider(
                    1,
                    MAX_PICTURES,
                    value=PaintOptions().pictures,
                    step=1,
                    label="How many new pictures · عدد الصور الجديدة",
                )
                start = gr.Button("Describe and paint · صِف وارسم", variant="primary")
                gr.Examples(
                    [[example] for example in EXAMPLES], [picture], label="Examples · أمثلة"
                )
            with gr.Column():
                english = gr.Textbox(
                    label="English caption",
                    elem_classes="english",
                    lines=2,
                    interactive=False,
                    buttons=["copy"],
                )
                arabic = gr.Textbox(
                    label="الوصف بالعربية",
                    elem_classes="arabic",
                    rtl=True,
                    lines=2,
                    interactive=False,
                    buttons=["copy"],
                )
                status = gr.Markdown(_about(studio), elem_id="status")
                gallery = gr.Gallery(
                    label="New pictures · صور جديدة", format="png", columns=2, object_fit="contain"
                )

        def describe_and_paint(
            path: str | None, count: float
        ) -> Iterator[tuple[str, str, str, list[tuple[str, str]]]]:
            yield from _events(studio, path, int(count))

        start.click(
            describe_and_paint,
            inputs=[picture, number],
            outputs=[english, arabic, status, gallery],
            show_progress_on=[status],
            api_name="run",
        )
    return page


def _events(
    studio: Studio, path: str | None, count: int
) -> Iterator[tuple[str, str, str, list[tuple[str, str]]]]:
    """What the page shows after each event: both captions, a line of status, the pictures."""
    if not path:
        raise gr.Error("Choose a picture first. · اختر صورة أولًا.", print_exception=False)
    english = arabic = ""
    prompt: Prompt | None = None
    shown: list[tuple[str, str]] = []
    # Below the temporary folder, which Gradio serves and clears by itself (delete_cache).
    folder = Path(tempfile.mkdtemp(prefix="marsam-"))
    try:
        yield english, arabic, "Reading the picture… · أقرأ الصورة…", shown
        for event in studio.stream(path, RunOptions(paint=PaintOptions(pictures=count))):
            status = "Painting… · أرسم…"
            match event:
                case Captioned():
                    english, status = event.caption.text, "Translating… · أترجم…"
                case Translated():
                    arabic = event.translation.text
                case Prompted():
                    prompt = event.prompt
                case Previewed():
                    status = (
                        f"Painting {event.index + 1}/{count}, step {event.step}/{event.steps} · "
                        f"أرسم {event.index + 1}/{count}"
                    )
                case Painted() if event.picture.image is not None:
                    record = record_of(event.picture, prompt)
                    path_of = folder / f"marsam-{event.picture.seed}.png"
                    file = embed(event.picture.image, record, path_of)
                    shown = [*shown, (str(file), f"{english} · {event.picture.seed}")]
                case Painted():
                    gr.Warning(
                        f"The picture of seed {event.picture.seed} was withheld; try again. · "
                        f"حُجبت الصورة {event.picture.seed}؛ حاول مرة أخرى."
                    )
                case Finished():
                    status = f"Done. · تم. {_about(studio)}"
            yield english, arabic, status, shown
    except MarsamError as error:
        raise gr.Error(str(error), print_exception=False) from error


def _about(studio: Studio) -> str:
    device = f", {studio.device.kind} {studio.device.dtype}" if studio.device else ""
    return f"Models: **{studio.models}** ({studio.reason}){device}"


def launch_options() -> dict[str, Any]:
    """How the page is served: nothing leaves the machine, uploads are bounded."""
    return {
        "theme": gr.themes.Base(),
        "css": CSS,
        "max_file_size": MAX_BYTES,
        "enable_monitoring": False,
        "ssr_mode": False,
        "run_history": False,
        "footer_links": [],
        "show_error": True,
    }


def serve(*, host: str, port: int, models: str | None = None, device: str | None = None) -> None:
    """Open the page and serve it until interrupted."""
    page = build(Studio.load(models, device=device))
    page.queue(max_size=32, api_open=False)
    page.launch(server_name=host, server_port=port, **launch_options())
