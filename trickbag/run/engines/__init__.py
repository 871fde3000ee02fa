"""Where runs happen: processes of this machine, a Ray cluster, or SLURM, behind one small interface."""
