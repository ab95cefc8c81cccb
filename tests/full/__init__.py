"""The full-size architectures, with random weights."""
