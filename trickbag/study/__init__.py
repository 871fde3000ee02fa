"""Studies: from a question to a plan, and from phase to phase."""

from trickbag.study.amend import amendment
from trickbag.study.load import copy_own_files, load_study, self_contained, study_names
from trickbag.study.phases import next_phase
from trickbag.study.plan import make_plan
from trickbag.study.schema import Study

__all__ = [
    "Study",
    "amendment",
    "copy_own_files",
    "load_study",
    "make_plan",
    "next_phase",
    "self_contained",
    "study_names",
]
