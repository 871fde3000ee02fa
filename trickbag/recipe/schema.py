"""The recipe: everything that defines one training run except its seed, as frozen plain data."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainSerializer

from trickbag.recipe.durations import Duration


def freeze(value: Any) -> Any:
    """A read-only copy of plain data: mappings become proxies, lists become tuples."""
    if isinstance(value, Mapping):
        return MappingProxyType({key: freeze(item) for key, item in value.items()})
    return tuple(map(freeze, value)) if isinstance(value, list | tuple) else value


def thaw(value: Any) -> Any:
    """The inverse of `freeze`: plain dicts and lists, ready for JSON or YAML."""
    if isinstance(value, Mapping):
        return {key: thaw(item) for key, item in value.items()}
    return [thaw(item) for item in value] if isinstance(value, list | tuple) else value


FrozenValue = Annotated[Any, AfterValidator(freeze), PlainSerializer(thaw)]
FrozenMapping = Annotated[Mapping[str, Any], AfterValidator(freeze), PlainSerializer(thaw)]
Operations = Annotated[
    Mapping[str, FrozenMapping],
    AfterValidator(freeze),
    PlainSerializer(thaw),
    Field(default_factory=dict, validate_default=True),
]


class Frozen(BaseModel):
    """A typed, frozen value that knows only its own fields."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Entry(BaseModel):
    """A catalogue name; the fields beyond the declared ones are its arguments, checked by `resolve`."""

    model_config = ConfigDict(frozen=True, extra="allow", allow_inf_nan=False)
    __pydantic_extra__: dict[str, FrozenValue]

    name: str = Field(description="Catalogue name, or the user's own `file.py:attribute`.")

    @property
    def arguments(self) -> Mapping[str, Any]:
        """The arguments of the named thing, read-only."""
        return MappingProxyType(self.__pydantic_extra__)


class Data(Entry):
    """Which images, and how they are split."""

    validation: float = Field(
        0.1, gt=0, lt=1, description="Share of the training images kept for validation."
    )
    split_seed: int = Field(0, ge=0, description="Draws the validation split, once per study.")
    limit: int | None = Field(
        None, ge=1, description="Train on so many images only (stratified); all if null."
    )
    crop: int | None = Field(
        None, ge=1, description="Side of the centre square that is evaluated; all if null."
    )
    digest: str | None = Field(None, description="Content digest of the images; filled in when resolved.")


class Model(Entry):
    """Which network; `width`, the paper's tweaks and the initialisation are its arguments."""


class Budget(Frozen):
    """How long to train."""

    epochs: int = Field(ge=1, description="Passes over the training images.")
    batch_size: int = Field(ge=1, description="Images per optimizer step, on all devices together.")
    batch_norm_images: int | None = Field(
        None,
        ge=2,
        description="Batch-norm statistics in training are taken over groups of so many images, as on devices "
        "with so many each; null: over the whole batch, synchronised across devices.",
    )
    evaluate: Literal["every_epoch", "last_epoch"] = Field(
        "every_epoch", description="When to compute validation accuracy; the last epoch alone decides."
    )


class Optimizer(Entry):
    """Which optimizer; momentum and the like are its arguments."""

    lr: float = Field(ge=0, description="Peak learning rate.")
    reference_batch: int = Field(
        256, ge=1, description="Batch size for which `lr` is stated (linear scaling)."
    )
    weight_decay: float = Field(0.0, ge=0, description="Coefficient of the L2 penalty.")
    decay: Literal["all", "weights"] = Field(
        "all", description="Decay every parameter, or only convolution and linear weights (no bias decay)."
    )


class Schedule(Entry):
    """How the learning rate moves over the run."""

    warmup: Duration = Field("0st", description="Linear rise from zero to `lr` before the schedule proper.")


class Precision(Frozen):
    """Number formats and memory layout."""

    dtype: Literal["fp32", "bf16", "fp16", "low"] = Field(
        "fp32", description="Autocast type; `low` becomes fp16 with loss scaling on CUDA and bf16 elsewhere."
    )
    tf32: bool = Field(False, description="Allow TF32 matrix products on CUDA.")
    channels_last: bool = Field(False, description="NHWC memory layout.")
    compile: bool = Field(False, description="torch.compile the network.")


class Recipe(Frozen):
    """Everything that defines one training run except the seed (and the machine it runs on)."""

    data: Data
    model: Model
    budget: Budget
    optimizer: Optimizer
    schedule: Schedule
    precision: Precision = Precision()
    order: Operations = Field(description="Seam: which images an epoch shows, and in which order.")
    surgery: Operations = Field(description="Seam: changes to the built model.")
    sample: Operations = Field(description="Seam: per-image augmentation.")
    batch: Operations = Field(description="Seam: mixing of images and targets.")
    loss: Operations = Field(description="Seam: changes to the cross-entropy loss.")
    step: Operations = Field(description="Seam: how gradients are taken and applied.")
    average: Operations = Field(description="Seam: a second, averaged set of weights, which is evaluated.")
    predict: Operations = Field(description="Seam: how an image is classified at evaluation.")
    replica: int = Field(0, ge=0, description="Salts every random stream: an independent repeat (A/A arm).")
    sources: FrozenMapping = Field(
        default_factory=dict, description="SHA-256 of the user's own files; filled in when resolved."
    )

    def plain(self) -> dict[str, Any]:
        """The recipe as plain JSON data."""
        return self.model_dump(mode="json")

    def yaml(self) -> str:
        """The recipe as YAML, in the order of its fields, empty seams left out."""
        return yaml.safe_dump({k: v for k, v in self.plain().items() if v != {}}, sort_keys=False)

    def fingerprint(self) -> str:
        """Twelve hexadecimal digits that identify the (resolved) recipe."""
        return recipe_fingerprint(self.plain())


def recipe_fingerprint(recipe: Mapping[str, Any]) -> str:
    """The fingerprint of a recipe's plain data.

    Empty seams and what is null in the budget count for nothing, nor does where images lie, as in folder:PATH:
    their digest stands for them.
    """
    plain = {key: value for key, value in recipe.items() if value != {}}
    plain["budget"] = {key: value for key, value in plain["budget"].items() if value is not None}
    kind, colon, _ = plain["data"]["name"].partition(":")
    if colon and kind in ("folder", "parquet"):
        plain["data"] = {**plain["data"], "name": kind}
    return fingerprint(plain)


def fingerprint(plain: Any) -> str:
    """Twelve hexadecimal digits of the SHA-256 of plain data in canonical JSON."""
    text = json.dumps(plain, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:12]


Absolute = Annotated[Path, AfterValidator(lambda path: path.expanduser().absolute())]


class Machine(Frozen):
    """Where a run happens: recorded with every run, never part of its fingerprint."""

    device: str = Field("auto", description="`cpu`, `cuda`, or `auto`: cuda where there is one.")
    threads: int = Field(1, ge=1, description="CPU threads per run, frozen in the plan.")
    workers: int | None = Field(
        None, ge=1, description="Runs side by side; null: as many as the cores allow."
    )
    data_root: Absolute | None = Field(None, description="Where the images lie.")
    cache: Absolute = Field(
        Path("~/.cache/trickbag"),
        validate_default=True,
        description="Where decoded images are kept for sharing.",
    )
    memory_gib: float | None = Field(
        None,
        ge=0,
        description="Encoded images are held decoded in memory where they take at most so many GiB; null: half of "
        "the free memory.",
    )
    loaders: int | None = Field(
        None,
        ge=1,
        description="Threads that decode streamed images, of each run; null: a thread per core, shared out among "
        "the runs side by side.",
    )
    devices: int = Field(
        1,
        ge=1,
        description="Devices that train one run together, each a process with its share of every batch; frozen in "
        "the plan.",
    )
    patience_seconds: float = Field(
        300.0,
        gt=0,
        description="How long the processes of one run wait for each other before the run is given up, to be "
        "continued from its checkpoint.",
    )
    engine: Literal["local", "ray", "slurm"] = Field(
        "local",
        description="Where a study's runs happen: processes of this machine, a Ray cluster, or SLURM.",
    )
    ray_address: str | None = Field(
        None, description="Ray cluster, as in `auto` or `ray://HOST:10001`; null: one of this machine alone."
    )
    partition: str | None = Field(None, description="SLURM partition; null: the cluster's default.")
    minutes: int | None = Field(None, ge=1, description="SLURM time limit of a job; null: the partition's.")
    account: str | None = Field(None, description="SLURM account that is charged; null: the user's default.")
    retries: int = Field(
        2,
        ge=0,
        description="How often a run whose worker died is taken up again from its checkpoint. Noted in the plan; "
        "another number in a later command holds for that command, which says so.",
    )
    keep: Literal["all", "teachers", "none"] = Field("teachers", description="Which runs' weights to keep.")
    checkpoint_seconds: float = Field(
        60.0, ge=0, le=300, description="Time between two checkpoints of a run."
    )
