"""trickbag: the lab that tells you which training tricks work."""
