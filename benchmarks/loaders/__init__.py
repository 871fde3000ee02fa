"""The cases of `benchmarks.loading`."""
