"""Kills, full disks and folders that turn read-only, put to real studies: `make chaos`."""
