"""Why runs wait that have not been taken up."""

from collections import Counter

from trickbag.run.state import State, Tracker


def used_up(tracker: Tracker) -> str:
    """Why no further run may start, where the ended ones have used up the hours of the cap and some still wait."""
    hours = (tracker.plan.study.get("cap") or {}).get("hours")
    spent, waiting = tracker.seconds / 3600, len(tracker.runs) - len(tracker.records)
    if hours is None or spent < hours or not waiting:
        return ""
    return (
        f"cap.hours: {spent:.2f} of {hours:g} hours are used up and {waiting} runs wait; to go on: "
        "trickbag plan DIR --amend 'reason' cap.hours=MORE"
    )


def reasons(tracker: Tracker, state: State, driven: bool) -> dict[str, int]:
    """For what the runs that nobody works on wait, and how many for each; `driven`: the study is being run."""
    taken = {each.run.id for each in (*state.running, *state.silent)}
    capped = used_up(tracker)
    free = "a free worker" if driven else "somebody to run the study"
    found = Counter[str]()
    for run_id, run in tracker.runs.items():
        if run_id in tracker.records or run_id in taken:
            continue
        done = all(need in tracker.records and tracker.records[need].status == "done" for need in run.needs)
        found["more hours (cap.hours)" if capped else free if done else "its teacher"] += 1
    return dict(found)
