"""Charts as inline SVG: altair specifications drawn by vl-convert, offline."""
