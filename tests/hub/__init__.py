"""Pulling from a local fake hub."""
