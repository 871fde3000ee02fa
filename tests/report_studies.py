"""Made-up but lifelike results for the report's tests; the report prints whatever numbers it is given."""

import random
from typing import Any

from trickbag.records.plan import Ledger
from trickbag.records.result import (
    Accuracy,
    Across,
    Amendment,
    ArmResult,
    Attribution,
    ContrastResult,
    CostPoint,
    CurvePoint,
    Interval,
    Longer,
    Noise,
    PhaseNote,
    Price,
    Results,
    Spread,
    Summary,
    Time,
    TimingSession,
    ToTarget,
)

LATER = Amendment(reason="two more seeds", written="2026-01-06T10:00:00+00:00", finished_runs=40)
Spec = tuple[str, str, float | None, float, dict[str, Any]]  # name, verdict, effect, half-width, more fields

DIGITS: tuple[Spec, ...] = (
    ("large_batch", "worse", -2.31, 0.82, {"diff": {"budget.batch_size": (32, 128)}}),
    ("large_batch+linear_scaling", "undecided", -0.38, 0.79, {"tricks": ("large_batch", "linear_scaling")}),
    ("warmup", "equivalent", 0.04, 0.41, {"diff": {"schedule.warmup": (None, "1ep")}}),
    ("zero_gamma", "undecided", 0.31, 0.77, {"fragile": True}),
    ("no_bias_decay", "equivalent", -0.02, 0.39, {}),
    ("low_precision", "equivalent", 0.01, 0.44, {"indicative_time_ratio": 1.31}),
    ("resnet_b", "better but small", 0.29, 0.22, {}),
    ("resnet_c", "undecided", 0.22, 0.84, {}),
    ("resnet_d", "better", 0.93, 0.7, {"aliases": ("resnet_b+c+d",)}),
    (
        "cosine",
        "better",
        1.12,
        0.74,
        {"diff": {"schedule.name": ("step", "cosine"), "schedule.gamma": (0.1, None)}},
    ),
    ("label_smoothing", "better", 0.84, 0.71, {"fragile": True}),
    ("mixup", "worse", -1.02, 0.88, {}),
    ("high_lr", "worse", -31.4, 9.2, {"diverged": 2, "seeds": 3, "diff": {"optimizer.lr": (0.05, 2.0)}}),
    ("baseline_again", "equivalent", 0.07, 0.4, {"tricks": (), "diff": {"replica": (0, 1)}}),
)
CUMULATIVE: tuple[Spec, ...] = (
    ("+large_batch", "worse", -0.41, 0.2, {"comparison": "baseline"}),
    ("+warmup", "better", 0.37, 0.22, {"comparison": "+large_batch"}),
    ("+zero_gamma", "equivalent", 0.01, 0.13, {"comparison": "+warmup"}),
    ("+no_bias_decay", "undecided", 0.09, 0.21, {"comparison": "+zero_gamma"}),
    ("+cosine", "better", 0.52, 0.19, {"comparison": "+no_bias_decay", "time_verdict": "no difference"}),
    ("+label_smoothing", "better but small", 0.11, 0.1, {"comparison": "+cosine"}),
    ("+mixup", "undecided", -0.12, 0.23, {"comparison": "+label_smoothing", "fragile": True}),
    ("whole stack", "better", 0.57, 0.25, {"comparison": "baseline", "failed": {"out of memory": 1}}),
)
TWO: tuple[Spec, ...] = (
    ("cosine", "better", 0.61, 0.3, {}),
    ("mixup", "undecided", 0.14, 0.35, {}),
    (
        "distillation",
        "not analysed",
        None,
        0.0,
        {"seeds": 1, "failed": {"out of memory": 1, "died": 1}, "unfinished": 2},
    ),
    ("zero_gamma", "equivalent", 0.0, 0.14, {}),
)


def digits() -> Results:
    """A demo: 14 arms, 5 seeds, mixed verdicts, one far off."""
    text = (
        "Of 14 arms, 3 raise accuracy (1 of them fragile), 1 gains a little, 4 make no practical difference, "
    )
    text += "3 are undecided and 3 hurt. Recommended: cosine + resnet_d. Test the stack."
    return study("digits-demo", {"digits": (96.4, DIGITS)}, 0.5, 5, 8, text)


def cumulative() -> Results:
    """Tricks stacked one on another, each compared with the stack before it."""
    text = "Stacking seven tricks on ResNet-20 gains +0.57 pp over the baseline; cosine carries most of it."
    return study("cifar10-stack", {"resnet20 on cifar10": (91.62, CUMULATIVE)}, 0.15, 8, 30, text)


def two_workloads() -> Results:
    """The same arms on two workloads, unfinished."""
    loads = {"resnet18 on cifar100": (74.2, TWO), "vgg16_bn on cifar10": (92.9, TWO)}
    return study(
        "does-it-carry-over", loads, 0.15, 6, 20, "Cosine helps on both workloads; the rest is open."
    )


def study(
    name: str,
    loads: dict[str, tuple[float, tuple[Spec, ...]]],
    margin: float,
    seeds: int,
    epochs: int,
    text: str,
) -> Results:
    """Results of a made-up study: workload -> the baseline's accuracy and its arms."""
    draw, baselines, arms, noise = random.Random(7), [], [], []
    for load, (level, specs) in loads.items():
        fields = summary(draw, "baseline", load, level, seeds, epochs)
        baselines.append(Summary(**fields))
        arms += [arm(draw, load, level, spec, seeds, epochs) for spec in specs]
        noise.append(Noise(workload=load, seed_sd=0.42, evaluation_luck=0.87, seed_correlation=0.31,
                           pairing_saved=0.28, evaluation_images=5000))  # fmt: skip
    total = seeds * (len(arms) + len(baselines))
    return Results(
        study=name, question="Which of these tricks raise accuracy on this budget?", plan_hash="7f3a9c" * 10,
        planned="2026-01-05T09:12:44+00:00", margin=margin, level=0.95, baseline=baselines[0],
        baselines=tuple(baselines), arms=tuple(arms), noise=tuple(noise), bottom_line=text,
        not_claimed="other networks, data sets, budgets or hyperparameters; training time.",
        runs_planned=total, runs_done=total - sum(a.unfinished for a in arms),
        dropped={"mixup+bce": "mixup excludes bce"} if len(loads) > 1 else {},
        amendments=(LATER,) if len(loads) > 1 else (),
        scope={load: f"{load}: {epochs} epochs, judged on 5,000 validation images" for load in loads},
        method="moderated paired differences, single-step max-|t| intervals",
        machine={"device": "cpu", "threads": 1, "torch": "2.11.0"},
        provenance={"written": "2026-01-07T01:02:03+00:00", "versions": {"trickbag": "0.1.0"}},
    )  # fmt: skip


def summary(
    draw: random.Random, name: str, load: str, mean: float, seeds: int, epochs: int
) -> dict[str, Any]:
    """Fields of an arm by itself, with a learning curve that ends at its mean."""
    curve = []
    for epoch in range(1, epochs + 1):
        level = mean - (mean - 35) * (1 - epoch / epochs) ** 3 - draw.uniform(0, 0.8)
        curve.append(CurvePoint(epoch=epoch, mean=level, low=level - 0.7, high=min(level + 0.6, 100.0)))
    return {
        "name": name, "workload": load, "seeds": seeds, "mean": mean, "sd": draw.uniform(0.2, 0.6),
        "accuracy_by_seed": {seed: round(mean + draw.gauss(0, 0.4), 2) for seed in range(seeds)},
        "step_milliseconds": draw.uniform(9, 12), "train_seconds": draw.uniform(18, 22),
        "parameters": 271_946,
        "fingerprint": f"{draw.getrandbits(64):016x}", "curve": tuple(curve), "top5_mean": 99.7,
    }  # fmt: skip


def arm(draw: random.Random, load: str, level: float, spec: Spec, seeds: int, epochs: int) -> ArmResult:
    """An arm from its one-line description."""
    name, verdict, effect, half, more = spec
    fields = summary(draw, name, load, level + (effect or 0.3), seeds, epochs)
    fields |= {
        "tricks": (name,),
        "phase": "confirm",
        "comparison": "baseline",
        "verdict": verdict,
        "paired_seeds": seeds,
    }
    fields |= {
        "indicative_time_ratio": draw.uniform(0.95, 1.15),
        "diff": {f"batch.{name}": (None, {"alpha": 0.2})},
    }
    fields["sentence"] = f"What {name} did here: {verdict}, by this budget and these seeds."
    if effect is not None:
        fields["accuracy"] = Accuracy(effect=effect, low=effect - half, high=effect + half,
                                      low_90=effect - 0.86 * half, high_90=effect + 0.86 * half)  # fmt: skip
        fields["p_adjusted"] = draw.uniform(0, 0.05)
    if verdict == "undecided":
        fields["price"] = Price(seeds=24, more_runs=38, text="about 24 seeds per arm (38 more runs)")
    if more.get("time_verdict"):
        fields["time"] = Time(ratio=1.004, low=0.991, high=1.018)
    return ArmResult(**(fields | more))


T1 = Ledger(
    level="T1", points=8, seeds=(101,), space={"optimizer.lr": (0.25, 4.0), "optimizer.weight_decay": (0.25, 4.0)},
    chosen={"optimizer.lr": 0.0707, "optimizer.weight_decay": 0.00031},
)  # fmt: skip
PHASES = (
    PhaseNote(name="tune", runs=48, seeds=(101,), rule="8 quasi-random points for every arm and the baseline"),
    PhaseNote(name="screen", runs=21, seeds=(1, 2, 3), rule="the 4 largest mean effects go on",
              reasons={"sam": "goes on: first of 6", "ema": "dropped: fifth of 6", "random_erasing": "dropped: last"}),
    PhaseNote(name="confirm", look=1, runs=20, seeds=(4, 5, 6, 7), rule="the short-list on fresh seeds"),
    PhaseNote(name="confirm", look=2, runs=18, seeds=(8, 9, 10, 11, 12, 13), rule="what look 1 did not settle"),
)  # fmt: skip


def between(effect: float, half: float) -> Interval:
    """An estimate with a symmetric interval."""
    return Interval(effect=effect, low=effect - half, high=effect + half)


def accuracy(effect: float, half: float) -> Accuracy:
    """The same with its 90 % twin."""
    return Accuracy(effect=effect, low=effect - half, high=effect + half,
                    low_90=effect - 0.86 * half, high_90=effect + 0.86 * half)  # fmt: skip


def factorial() -> Results:
    """Four factors and all their combinations: main effects, interactions and Shapley shares."""
    names, draw = ("cosine", "label_smoothing", "mixup", "zero_gamma"), random.Random(4)
    gains = {"cosine": 0.71, "label_smoothing": 0.38, "mixup": -0.05, "zero_gamma": 0.02}
    specs = [(n, "better" if g > 0.3 else "undecided", g, 0.21, {}) for n, g in gains.items()]
    specs.append(("the stack", "better", 0.94, 0.24, {"tricks": names}))
    text = "The stack gains +0.94 pp; cosine carries two thirds of it, label smoothing most of the rest."
    base = study("which-carry-it", {"resnet20 on cifar10": (91.6, tuple(specs))}, 0.15, 6, 20, text)

    def part(kind: str, name: str, effect: float, half: float) -> ContrastResult:
        verdict = "better" if effect > half else "worse" if effect < -half else "undecided"
        verdict = "equivalent" if abs(effect) + 0.86 * half < 0.15 else verdict
        return ContrastResult(workload="resnet20 on cifar10", kind=kind, name=name, accuracy=accuracy(effect, half),
                              verdict=verdict, fragile=name == "label_smoothing", p_adjusted=draw.uniform(0, 0.3),
                              sentence=f"What {name} carries as {kind}: {verdict}.")  # fmt: skip

    kinds = {
        "main_effect": [("cosine", 0.63, 0.09), ("label_smoothing", 0.29, 0.09), ("mixup", -0.02, 0.09),
                        ("zero_gamma", 0.01, 0.09)],
        "interaction": [("cosine x label_smoothing", -0.17, 0.14), ("cosine x mixup", 0.05, 0.14),
                        ("label_smoothing x mixup", -0.08, 0.14)],
        "shapley": [("cosine", 0.64, 0.1), ("label_smoothing", 0.31, 0.1), ("mixup", -0.03, 0.1),
                    ("zero_gamma", 0.02, 0.1)],
    }  # fmt: skip
    found = tuple(
        Attribution(workload="resnet20 on cifar10", kind=kind, parts=tuple(part(kind, *row) for row in rows),
                    total=between(0.94, 0.19) if kind != "interaction" else None)
        for kind, rows in kinds.items()
    )  # fmt: skip
    return base.model_copy(update={"attributions": found})


def several_workloads() -> Results:
    """Arms on four workloads: one carries over, one helps on some and hurts on others, one is open."""
    loads = ("resnet18 on cifar100", "resnet20 on cifar10", "vgg16_bn on cifar10", "inception_v3 on pets")
    table = {
        "cosine": ((0.61, 0.52, 0.44, 0.70), 0.57, 0.11, (0.41, 0.73), 0.02, 0.04, 0.71),
        "mixup": ((0.48, 0.21, -0.55, 0.33), 0.12, 0.71, (-1.42, 1.66), 0.41, 0.87, 0.0004),
        "zero_gamma": ((0.04, 0.11, -0.08, 0.02), 0.02, 0.13, None, 0.0, 0.0, 0.93),
    }
    specs = {
        load: (
            90.0 + i,
            tuple((name, _verdict(row[0][i]), row[0][i], 0.21, {}) for name, row in table.items()),
        )
        for i, load in enumerate(loads)
    }
    across = tuple(
        Across(name=name, comparison="baseline", workloads=loads, effects=tuple(between(e, 0.18) for e in effects),
               mean=between(mean, half), prediction=Interval(effect=mean, low=wide[0], high=wide[1]) if wide else None,
               tau=tau, i_squared=i2, heterogeneity_p=p / 4, heterogeneity_p_adjusted=p,
               sentence=f"{name} over four workloads, in a sentence.")
        for name, (effects, mean, half, wide, tau, i2, p) in table.items()
    )  # fmt: skip
    text = "Cosine carries over to all four workloads; mixup helps on three and hurts VGG."
    return study("does-it-generalise", specs, 0.15, 6, 12, text).model_copy(update={"across": across})


def _verdict(effect: float) -> str:
    """A verdict that fits an interval of half-width 0.21 and a margin of 0.15."""
    return "better" if effect > 0.21 else "worse" if effect < -0.21 else "undecided"


EVERYTHING: tuple[Spec, ...] = (
    ("sam", "better", 0.47, 0.2, {
        "time_verdict": "slower", "time": Time(ratio=1.872, low=1.861, high=1.884, seconds=412.5, startup_ratio=1.013,
                                               rounds=9),
        "equals_longer": Longer(times=1.24, low=1.1, high=1.41),
        "to_target": ToTarget(target=94.31, reached=10, runs=10, median_seconds=371.2,
                              comparison_median_seconds=214.8, p=0.0012)}),
    ("label_smoothing", "better", 0.31, 0.15, {
        "stopped_at": 4, "seeds": 4, "time_verdict": "no difference",
        "time": Time(ratio=1.002, low=0.994, high=1.01, seconds=220.9, startup_ratio=1.004, rounds=9),
        "equals_longer": Longer(times=1.12, low=None, high=1.31)}),
    ("channels_last", "equivalent", 0.02, 0.11, {
        "faster_and_kept": True, "time_verdict": "faster",
        "time": Time(ratio=0.881, low=0.876, high=0.886, seconds=194.1, startup_ratio=1.21, rounds=9),
        "to_target": ToTarget(target=94.31, reached=4, runs=10, median_seconds=None,
                              comparison_median_seconds=214.8, p=0.41)}),
    ("mixup", "undecided", 0.09, 0.17, {
        "fragile": True, "time_verdict": "undecided", "diverged": 2,
        "time": Time(ratio=1.018, low=0.999, high=1.037, seconds=None, startup_ratio=None, rounds=9),
        "equals_longer": Longer(times=1.02, low=None, high=None),
        "spread": Spread(sd_ratio=2.31, outlying_seeds=(7, 12), diverged_p=0.031)}),
    ("ema", "not analysed", 0.11, 0.6, {"selected": True, "phase": "screen", "seeds": 3}),
    ("random_erasing", "not analysed", -0.32, 0.6, {"selected": True, "phase": "screen", "seeds": 3}),
)  # fmt: skip


def everything() -> Results:
    """A study that was tuned, screened, looked at twice, timed, and whose test set was opened."""
    text = (
        "Of 6 arms, 2 raise accuracy, 1 trains faster at no loss of accuracy (margin 0.15 pp), 1 is undecided, "
        "2 were dropped at screening. Recommended: label smoothing + channels-last."
    )
    load = "resnet18 on cifar10"
    base = study("tuned-screened-timed", {load: (94.3, EVERYTHING)}, 0.15, 10, 30, text)
    arms, costs = [], [CostPoint(name="baseline", workload=load, seconds=between(220.3, 1.9),
                                 accuracy=between(94.3, 0.12), on_front=False, measured=True)]  # fmt: skip
    for arm_ in base.arms:
        more: dict[str, Any] = {"ledger": T1}
        a, t = arm_.accuracy, arm_.time
        assert a is not None
        if not arm_.selected:
            more |= {"relative_error": between(-17.5 * a.effect, 2.9), "new_images": between(a.effect, 0.27),
                     "test": accuracy(a.effect - 0.03, 0.22), "test_mean": 94.02 + a.effect}  # fmt: skip
            seconds = t.seconds if t and t.seconds else 224.4
            costs.append(CostPoint(name=arm_.name, workload=load, seconds=between(seconds, 2.2),
                                   accuracy=between(94.3 + a.effect, 0.11), on_front=arm_.name != "mixup",
                                   measured=bool(t and t.seconds)))  # fmt: skip
        arms.append(arm_.model_copy(update=more))
    timing = TimingSession(
        rounds=9,
        other_load=0.07,
        warning="other processes used 7 % of the cores; below 2 % is quiet",
        machine={"cpu": "Made-up 9000", "cores": 2},
        written="2026-01-08T08:00:00+00:00",
    )
    noise = base.noise[0].model_copy(update={"smallest_sd": 0.12, "largest_sd": 0.31, "equal_sd_p": 0.0213})
    return base.model_copy(update={
        "arms": tuple(arms), "costs": tuple(costs), "timing": timing, "noise": (noise,), "phases": PHASES,
        "amendments": (LATER,), "test_openings": 2, "time_margin": 1.5, "dropped": {"sam+fp16": "sam excludes fp16"},
        "openings": ("2026-01-07T00:00:00+00:00", "2026-01-09T00:00:00+00:00"),
    })  # fmt: skip


def complete() -> Results:
    """Everything at once: the same study with attribution and several workloads besides."""
    base = everything()
    here = {"workload": base.baseline.workload}
    shares = [
        a.model_copy(update={**here, "parts": tuple(p.model_copy(update=here) for p in a.parts)})
        for a in factorial().attributions
    ]
    return base.model_copy(update={"attributions": tuple(shares), "across": several_workloads().across})
