"""Faster inference on processors without a GPU: what is exchanged inside a network, and when."""
