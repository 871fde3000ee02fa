"""How noisy a workload is, and where the noise comes from."""

import numpy as np

from trickbag import stats
from trickbag.analyze.gather import ArmRuns
from trickbag.records.result import Noise
