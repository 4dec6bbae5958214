"""Hostile and damaged files at every door of the library: python -m benchmarks.hostile."""
