"""Hostile and damaged files at every reader of the library: python -m benchmarks.hostile."""
