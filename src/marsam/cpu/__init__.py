"""Optimisations for inference on a CPU; :mod:`marsam.cpu.optimize` applies those of a pipeline."""
