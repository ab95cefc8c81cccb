"""Where model files come from: catalogue, pinned checksums, local lookup, download, import."""
