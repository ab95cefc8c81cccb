"""Maintenance programs: film, pinned checksums, release."""
