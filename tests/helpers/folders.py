"""Folders of pictures for batches: every one different, some of them no pictures at all."""

import random
from pathlib import Path

from PIL import Image

EXAMPLES = Path(__file__).parents[2] / "src" / "marsam" / "web" / "examples"
BAD = (b"", b"these are words", b"\x89PNG\r\n\x1a\n and then nothing", b"\xff\xd8\xff\xe0 cut")


def make_folder(folder: Path, count: int, *, bad: float = 0.0, seed: int = 0) -> list[Path]:
    """So many files, a share of them bad; the examples on grounds of all colours."""
    rng = random.Random(seed)
    examples = [Image.open(path).convert("RGB") for path in sorted(EXAMPLES.glob("*.png"))]
    wrong = set(rng.sample(range(count), round(bad * count)))
    made = []
    for number in range(count):
        path = folder / f"{number % 7}" / f"picture {number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        if number in wrong:
            path.write_bytes(rng.choice(BAD) + bytes([number % 256]) * (number % 3))
        else:
            ground = Image.new("RGB", (144, 144), tuple(rng.randrange(256) for _ in range(3)))
            side = rng.randrange(64, 128)
            ground.paste(rng.choice(examples).resize((side, side)), (rng.randrange(17), 8))
            ground.save(path)
        made.append(path)
    return made
