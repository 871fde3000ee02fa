"""What R says: tests/golden/reference.json, which tests/golden/reference.R made (multcomp, emmeans, survival)."""

import json
from pathlib import Path

R = json.loads((Path(__file__).parent / "golden" / "reference.json").read_text())
