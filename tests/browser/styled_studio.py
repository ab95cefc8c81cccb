"""A studio whose painter knows styles: the bundled one, as if it were a custom model.

``python -m tests.browser.styled_studio PORT`` with ``MARSAM_DATA`` set.
"""

import sys

from marsam import Studio
from marsam.hub.catalog import MINI, bundled_folder
from marsam.journal.journal import Journal
from marsam.runs.scheduler import Scheduler
from marsam.server.app import create_app
from marsam.server.exit import end_on_signals
from marsam.server.listen import listen


def main(port: int) -> None:
    end_on_signals()
    studio = Studio.load("mini", painter=str(bundled_folder(MINI.painter)))
    scheduler = Scheduler(studio, Journal())
    app = create_app(scheduler, offer_download=False)
    listen(app, host="127.0.0.1", port=port, trusted_proxies=(), on_stop=scheduler.close)


if __name__ == "__main__":
    main(int(sys.argv[1]))
