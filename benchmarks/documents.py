"""Write the alt texts of a website of 2,000 pages with 5,000 images, killed once on the way.

``python -m benchmarks.documents [PAGES IMAGES]`` (``make bench-documents``). With the bundled mini
set: seconds, seconds after a kill, peak memory for the whole site and for a tenth of it. A third of
the images occur on several pages, and are described once.
"""

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.helpers.folders import make_folder

SHARED = 3
"""Of the places of images, one in so many shows an image that others show, too."""


def make_site(folder: Path, pages: int, images: int) -> None:
    """Write a website: pages in folders of a hundred, half of them in Arabic."""
    random.seed(0)
    unique = make_folder(folder / "images", images - images // SHARED)
    sources = [path.relative_to(folder).as_posix() for path in unique]
    places = sources + random.choices(sources, k=images - len(sources))
    random.shuffle(places)
    for number in range(pages):
        arabic = number % 2
        text = "فقرة من النص قبل الصورة." if arabic else "A paragraph before the image."
        own = places[number * images // pages : (number + 1) * images // pages]
        body = "".join(f'<p>{text}</p>\n<img src="/{source}">\n' for source in own)
        head = '<html lang="ar" dir="rtl">' if arabic else '<html lang="en">'
        page = folder / f"{number // 100:02}" / f"{number:04}.html"
        page.parent.mkdir(exist_ok=True)
        html = f"<!doctype html>\n{head}\n<h1>{number}</h1>\n{body}</html>\n"
        page.write_text(html, encoding="utf-8")


def fill(site: Path, out: Path, data: Path, *, kill_after: float | None = None) -> dict[str, float]:
    """Run the command in a process of its own; its seconds and its peak memory in GB."""
    command = [sys.executable, "-m", "marsam.cli", "alt", "fill", str(site)]
    environment = os.environ | {"MARSAM_DATA": str(data)}
    started = time.perf_counter()
    process = subprocess.Popen(
        [*command, "--models", "mini", "--out", str(out), "--json"],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    if kill_after is not None:
        time.sleep(kill_after)
        process.send_signal(signal.SIGKILL)
    assert process.stdout is not None
    output = process.stdout.read()
    _, _, usage = os.wait4(process.pid, 0)
    found = {"seconds": time.perf_counter() - started, "gigabytes": usage.ru_maxrss / 1e6}
    if kill_after is None:
        documents = json.loads(output)["documents"]
        found["filled"] = sum(document["filled"] for document in documents)
    return found


def main(pages: int = 2000, images: int = 5000) -> None:
    with tempfile.TemporaryDirectory() as folder:
        tenth, site = Path(folder, "tenth"), Path(folder, "site")
        make_site(tenth, pages // 10, images // 10)
        make_site(site, pages, images)
        small = fill(tenth, Path(folder, "small"), Path(folder, "small-data"))
        whole = fill(site, Path(folder, "whole"), Path(folder, "whole-data"))
        killed = fill(
            site, Path(folder, "out"), Path(folder, "data"), kill_after=whole["seconds"] / 2
        )
        resumed = fill(site, Path(folder, "out"), Path(folder, "data"))
        pages_of_whole = Path(folder, "whole").rglob("*.html")
        same = all(
            path.read_bytes() == Path(str(path).replace("/whole/", "/out/")).read_bytes()
            for path in pages_of_whole
        )
        again = fill(Path(folder, "out"), Path(folder, "again"), Path(folder, "data"))
    print(
        json.dumps(
            {
                "pages": pages,
                "images": images,
                "whole": whole,
                "tenth": small,
                "killed_after": killed["seconds"],
                "resumed": resumed,
                "same_after_the_kill": same,
                "filled_again": again,
            }
        )
    )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
