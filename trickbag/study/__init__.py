"""Studies: from a question to a plan."""

from trickbag.study.load import copy_own_files, load_study, self_contained, study_names
from trickbag.study.plan import make_plan
from trickbag.study.schema import Study

__all__ = ["Study", "copy_own_files", "load_study", "make_plan", "self_contained", "study_names"]
