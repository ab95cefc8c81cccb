"""``python -m marsam.cli``."""

from marsam.cli.main import main

main()
