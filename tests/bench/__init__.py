"""Benchmarks: `python -m tests.bench` measures cockpit beside its peers in one run and prints a table."""
