"""The SLURM engine: each run is a job, which writes the study's folder on a file system that the nodes share."""
