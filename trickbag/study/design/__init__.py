"""Designs: which arms a study has, which of them it compares, and what it makes of them together."""

from trickbag.study.design.arms import BASELINE, TEACHER, NamedArm, arms, describe_design, refuse_gaps
from trickbag.study.design.contrasts import contrasts
from trickbag.study.design.factors import Switch, switches, tricks_of
from trickbag.study.design.pairs import pairs

__all__ = [
    "BASELINE",
    "TEACHER",
    "NamedArm",
    "Switch",
    "arms",
    "contrasts",
    "describe_design",
    "pairs",
    "refuse_gaps",
    "switches",
    "tricks_of",
]
