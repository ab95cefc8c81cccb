"""Write the example run that the Studio shows at the start: a real run of the bundled mini set."""

import json
import shutil

from marsam import Studio
from marsam.imaging.metadata import record_of, save_with_record
from marsam.web.layout import EXAMPLES
from marsam.web.session import EXAMPLE_RUN_DIR

SOURCE, SEED = EXAMPLES[2], 3


def main() -> None:
    result = Studio.load("mini").run(SOURCE, pictures=4, seed=SEED)
    shutil.rmtree(EXAMPLE_RUN_DIR, ignore_errors=True)
    EXAMPLE_RUN_DIR.mkdir(parents=True)
    shutil.copy(SOURCE, EXAMPLE_RUN_DIR / "source.png")
    for picture in result.pictures:
        if picture.image is not None:
            record = record_of(picture, result.prompt)
            save_with_record(picture.image, record, EXAMPLE_RUN_DIR / f"marsam-{picture.seed}.png")
    run = {
        "id": "example",
        "created": 0.0,
        "state": "finished",
        "has_image": True,
        "captions": [result.caption.to_dict()] if result.caption else [],
        "prompt": result.prompt.to_dict(),
        "pictures": result.to_dict()["pictures"],
    }
    text = json.dumps(run, ensure_ascii=False, indent=2)
    (EXAMPLE_RUN_DIR / "run.json").write_text(text + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
