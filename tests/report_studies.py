"""Made-up but lifelike results for the report's tests; the report prints whatever numbers it is given."""

import random
from typing import Any

from trickbag.records.result import (
    Accuracy,
    Amendment,
    ArmResult,
    CurvePoint,
    Noise,
    Price,
    Results,
    Summary,
    Time,
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
