"""One run on several devices: the processes that train it together, and how they are started and ended."""
