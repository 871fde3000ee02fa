"""From a name to images: the prepared form, the cache, in memory or streamed."""
