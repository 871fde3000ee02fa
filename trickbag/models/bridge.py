"""Models of timm and torchvision under the catalogue names `timm/NAME` and `torchvision/NAME`.

Off is off: whatever dropout, drop path, zero gamma or auxiliary heads a library's model has by default are
absent unless they are asked for. A pretrained model carries the `Origin` of its weights as its attribute `origin`.
"""

import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from torch import nn

from trickbag.errors import InputError, unknown
from trickbag.models.family import Factory
from trickbag.models.pretrained import Origin, is_weights_file, load_weights, read_weights
from trickbag.models.rates import check_rates, set_drop_path, set_dropout, switch_off
from trickbag.recipe import NotApplicable

AUXILIARY_HEADS = {"googlenet": ("aux1", "aux2"), "inception_v3": ("AuxLogits",)}
"""Models of torchvision that have them, and their names."""


def timm_model(name: str, base: Path = Path()) -> Factory:
    """The factory of a timm model: `resnet50d`, or with its weights' tag `resnet50d.ra2_in1k`.

    Weights files are relative to `base`. Raises InputError for an unknown name.
    """
    timm = import_module("timm")  # two seconds, which only bridged models pay
    if name not in timm.list_models() and name not in timm.list_pretrained():
        raise unknown("timm model", name, timm.list_models() + timm.list_pretrained(), "model")
    where = f"model timm/{name}"

    def build(
        num_classes: int,
        in_channels: int = 3,
        *,
        pretrained: bool | str = False,
        zero_gamma: bool = False,
        dropout: float = 0.0,
        drop_path: float = 0.0,
    ) -> nn.Module:
        """timm's model, with a head of `num_classes`.

        - `pretrained`: true loads timm's weights (those of the name's tag, else the default ones), a string
          those of a .safetensors or .pth file; all but a head of another size.
        - `zero_gamma`: timm's `zero_init_last`, which its residual networks have on by default.
        - `dropout`, `drop_path`: timm's `drop_rate` and `drop_path_rate`; 0 is off.
        """
        check_rates(where, dropout=dropout, drop_path=drop_path)
        _check_start(where, pretrained, zero_gamma)
        library = pretrained is True
        if library and not getattr(timm.get_pretrained_cfg(name), "has_weights", False):
            raise InputError(f"{where}: timm has no weights for it; leave out pretrained, or name a file")
        if pretrained and not library and not is_weights_file(pretrained):
            tag = f"timm/{name.partition('.')[0]}.{pretrained}"
            raise InputError(
                f"{where}: pretrained is true or a weights file; a tag stands in the name, {tag}"
            )
        wanted = {"drop_path_rate": ("drop_path", drop_path), "zero_init_last": ("zero_gamma", zero_gamma)}
        with _fetching(where):
            model = _create(
                partial(timm.create_model, name, pretrained=library and not _shapes_only()),
                where,
                wanted,
                num_classes=num_classes,
                in_chans=in_channels,
                drop_rate=dropout,
            )
        switch_off(model, dropout=not dropout, drop_path=not drop_path)
        if pretrained:
            config = timm.get_pretrained_cfg(name) or timm.models.PretrainedCfg()
            origin = Origin(_of_255(config.mean), _of_255(config.std), config.num_classes)
            _finish(model, origin, pretrained, num_classes, in_channels, base, where)
        return model

    return build


def _create(
    make: Callable[..., nn.Module], where: str, wanted: Mapping[str, tuple[str, Any]], **arguments: Any
) -> nn.Module:
    """A library's model with the `wanted` arguments (its name → our name and the value) that it knows.

    NotApplicable where one of them is to be on and it does not know it.
    """
    try:
        return make(**arguments, **{name: value for name, (_, value) in wanted.items()})
    except TypeError as error:
        strange = next((name for name in wanted if f"'{name}'" in str(error)), None)
        if strange is None:
            raise
        ours, value = wanted[strange]
        if value:
            raise NotApplicable(f"{where}: has no {ours}; leave it out") from None
    return _create(make, where, {k: v for k, v in wanted.items() if k != strange}, **arguments)


def _check_start(where: str, pretrained: bool | str, zero_gamma: bool) -> None:
    """Refuse two beginnings at once."""
    if pretrained and zero_gamma:
        raise InputError(f"{where}: pretrained weights have gammas of their own; leave out zero_gamma")


def torchvision_model(name: str, base: Path = Path()) -> Factory:
    """The factory of a torchvision classification model; weights files are relative to `base`.

    Raises InputError for an unknown name.
    """
    tv = import_module("torchvision.models")
    names = tv.list_models(module=tv)
    if name not in names:
        raise unknown("torchvision model", name, names, "model")
    where = f"model torchvision/{name}"

    def build(
        num_classes: int,
        in_channels: int = 3,
        *,
        pretrained: bool | str = False,
        auxiliary: bool = False,
        zero_gamma: bool = False,
        dropout: float = 0.0,
        drop_path: float = 0.0,
    ) -> nn.Module:
        """torchvision's model, with a head of `num_classes`.

        - `pretrained`: true loads torchvision's default weights, a string the weights of that name
          (IMAGENET1K_V2) or those of a .safetensors or .pth file; all but heads of another size.
        - `zero_gamma`: torchvision's `zero_init_residual`, which its ResNets know.
        - `auxiliary`: googlenet and inception_v3 return (logits, auxiliary logits …) in training.
        - `dropout`: rate of all dropout that the library's model has; 0 is off.
        - `drop_path`: stochastic depth of the deepest block, the others in the library's proportion; 0 is off.
        """
        check_rates(where, dropout=dropout, drop_path=drop_path)
        _check_start(where, pretrained, zero_gamma)
        if in_channels != 3:
            raise InputError(f"{where}: takes 3 channels, not {in_channels}; timm's models take any")
        if auxiliary and name not in AUXILIARY_HEADS:
            raise NotApplicable(f"{where}: has no auxiliary head; leave out auxiliary")
        weights = _torchvision_weights(name, pretrained, where) if pretrained else None
        library = bool(pretrained) and not is_weights_file(pretrained)
        fetched = weights if library and not _shapes_only() else None
        model = _torchvision(name, fetched, num_classes, auxiliary, zero_gamma)
        set_dropout(model, dropout, where)
        set_drop_path(model, drop_path, where)
        if weights is not None:
            origin = _torchvision_origin(name, weights)
            _finish(model, origin, pretrained, num_classes, in_channels, base, where)
        return model

    return build


def _torchvision(name: str, weights: Any, num_classes: int, auxiliary: bool, zero_gamma: bool) -> nn.Module:
    """A model of torchvision, with those weights but for heads of another size, or freshly initialised."""
    get_model = import_module("torchvision.models").get_model
    with_heads = name in AUXILIARY_HEADS
    # Without init_weights the two warn that their slow initialisation will change.
    extra = {"aux_logits": auxiliary, "init_weights": True} if with_heads else {}
    wanted = {"zero_init_residual": ("zero_gamma", True)} if zero_gamma else {}
    where = f"model torchvision/{name}"
    fresh = _create(partial(get_model, name), where, wanted, num_classes=num_classes, **extra)
    if weights is None:
        return fresh
    extra = (
        {"aux_logits": True, "transform_input": False} if with_heads else {}
    )  # weights come with the heads
    with _fetching(where), warnings.catch_warnings():
        warnings.filterwarnings(
            "ignore", "auxiliary heads in the pretrained googlenet"
        )  # as docs/models.md says
        model: nn.Module = get_model(name, weights=weights, **extra)
    if with_heads and not auxiliary:
        model.aux_logits = False  # type: ignore[assignment]
        for head in AUXILIARY_HEADS[name]:
            setattr(model, head, None)
    return _with_heads_of(model, fresh)


def _torchvision_weights(name: str, pretrained: bool | str, where: str) -> Any:
    """The entry of torchvision's weights that `pretrained` names; for true and for a file the default one."""
    known = import_module("torchvision.models").get_model_weights(name)
    if pretrained is True or is_weights_file(pretrained):
        return known.DEFAULT
    names = [weights.name for weights in known]
    if pretrained not in names:
        raise unknown("pretrained weights", str(pretrained), names, where)
    if known[pretrained].meta["categories"] is None:
        raise InputError(f"{where}: {pretrained} has no classifier, so it is no use here")
    return known[pretrained]


def _torchvision_origin(name: str, weights: Any) -> Origin:
    """What torchvision's weights were trained on."""
    classes = len(weights.meta["categories"])
    if name in AUXILIARY_HEADS:  # their `transform_input`, which is off here, amounts to this
        return Origin((127.5,) * 3, (127.5,) * 3, classes)
    transforms = weights.transforms()
    return Origin(_of_255(transforms.mean), _of_255(transforms.std), classes)


def _finish(
    model: nn.Module,
    origin: Origin,
    pretrained: bool | str,
    num_classes: int,
    in_channels: int,
    base: Path,
    where: str,
) -> None:
    """Load a weights file, where one is named, and note what the weights were trained on.

    A file that trickbag wrote says so itself; any other is taken for the library's own.
    """
    if is_weights_file(pretrained):
        file = read_weights(pretrained, base, where)
        load_weights(model, file, num_classes, in_channels, where)
        origin = file.origin or origin._replace(classes=None)
    model.origin = origin.for_channels(in_channels)  # type: ignore[assignment]


def _of_255(shares: tuple[float, ...]) -> tuple[float, ...]:
    """Numbers on the scale 0..1, on that of 0..255."""
    return tuple(255 * share for share in shares)


@contextmanager
def _fetching(where: str) -> Iterator[None]:
    """Turn a failed download into an InputError."""
    try:
        yield
    except OSError as error:
        reason = str(error).partition("\n")[0]
        raise InputError(
            f"{where}: its weights cannot be fetched ({reason}); name a file, as pretrained: FILE.safetensors"
        ) from None


def _with_heads_of(model: nn.Module, fresh: nn.Module) -> nn.Module:
    """`model` with the layers taken from `fresh` whose parameters have another shape there."""
    for path, layer in list(model.named_modules()):
        own = dict(layer.named_parameters(recurse=False))
        if any(fresh.get_parameter(f"{path}.{key}").shape != value.shape for key, value in own.items()):
            model.set_submodule(path, fresh.get_submodule(path))
    return model


def _shapes_only() -> bool:
    """Whether only the arguments are being checked, on the meta device: no weights are fetched then."""
    return torch.get_default_device().type == "meta"
