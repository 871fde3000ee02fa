"""Studies of the gates' simulator as tests want them: arrays of differences."""

import numpy as np

from benchmarks.gates.batch import decide
from benchmarks.gates.noise import Cell


def shared_comparison(k: int) -> np.ndarray:
    """The design correlation of k arms against one baseline."""
    return Cell(k=k).correlation


def draw(cell: Cell, replicates: int, seed: int = 0) -> np.ndarray:
    """Differences [replicates, k, n] when nothing differs."""
    return np.stack(cell.rows(np.zeros((replicates, cell.arms)), np.random.default_rng(seed)), axis=1)


def claims(differences: np.ndarray, correlation: np.ndarray) -> np.ndarray:
    """Whether the simultaneous interval of each contrast leaves zero [R, k], in R studies [R, k, n] at once."""
    rows = list(np.swapaxes(differences, 0, 1))
    return decide(rows, np.zeros(differences.shape[:2]), 1e-6, correlation).claims
