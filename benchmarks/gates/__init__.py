"""Error rates of the whole decision procedure, measured on studies whose truth is known (`make gates`)."""
