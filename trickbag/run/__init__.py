"""From a plan to its runs: the driver, the engines, and how far they are."""
