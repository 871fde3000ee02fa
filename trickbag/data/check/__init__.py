"""Is a data set sound? Every image looked at, labels, duplicates; and what there is to know about it in numbers."""

from trickbag.data.check.examine import examine, ledger_of
from trickbag.data.check.findings import Findings, Suspect, Twin, Which
from trickbag.data.check.summary import Summary, summarise

__all__ = ["Findings", "Summary", "Suspect", "Twin", "Which", "examine", "ledger_of", "summarise"]
