"""The cases of `benchmarks/loading.py`."""
