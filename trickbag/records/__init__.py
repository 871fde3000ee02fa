"""The files that a study leaves behind: their formats, written whole and checked when read; no torch."""
