"""The Ray engine: each run is a Ray task, wherever in the cluster; the driver alone writes the study's folder."""
