"""Rebuild the bundled ``mini`` model set: data, models, evaluation. See ``training/README.md``."""
