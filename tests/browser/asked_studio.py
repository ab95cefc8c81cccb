"""A studio whose captioner reads requests and speaks Arabic, as vision-language models do.

``python -m tests.browser.asked_studio PORT`` with ``MARSAM_DATA`` set.
"""

import sys
from dataclasses import dataclass

from PIL import Image

from marsam import Caption, CaptionOptions, Studio
from marsam.journal.journal import Journal
from marsam.options import CaptionLength
from marsam.runs.scheduler import Scheduler
from marsam.server.app import create_app
from marsam.server.exit import end_on_signals
from marsam.server.listen import listen
from marsam.testing import CAPTION, FakeCaptioner, FakePainter, FakeTranslator

ENGLISH = {
    CaptionLength.SHORT: "a cat",
    CaptionLength.SENTENCE: CAPTION,
    CaptionLength.PARAGRAPH: "a cat on a blue background that looks to the left",
}
ARABIC = {
    CaptionLength.SHORT: "قطة",
    CaptionLength.SENTENCE: "قطة زرقاء الخلفية",
    CaptionLength.PARAGRAPH: "قطة على خلفية زرقاء تنظر إلى اليسار",
}


@dataclass
class AskedCaptioner(FakeCaptioner):
    """Its captions differ by length and language."""

    def caption(self, image: Image.Image, options: CaptionOptions) -> tuple[Caption, ...]:
        self.text, self.arabic = ENGLISH[options.length], ARABIC[options.length]
        return super().caption(image, options)


def main(port: int) -> None:
    end_on_signals()
    studio = Studio(
        captioner=AskedCaptioner(arabic=ARABIC[CaptionLength.SENTENCE]),
        translator=FakeTranslator(),
        painter=FakePainter(),
    )
    scheduler = Scheduler(studio, Journal())
    app = create_app(scheduler, offer_download=False)
    listen(app, host="127.0.0.1", port=port, trusted_proxies=(), on_stop=scheduler.close)


if __name__ == "__main__":
    main(int(sys.argv[1]))
