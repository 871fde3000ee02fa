"""Where a run's batches come from: images in memory, or a stream of decoded ones."""
