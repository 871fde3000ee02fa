"""Which factors mean something on a workload: the others are left out of its design, and said so."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches

from trickbag.errors import InputError
from trickbag.recipe import NotApplicable, Recipe, Trick, apply, in_turn, leaves
from trickbag.study.design import Switch
from trickbag.study.schema import Study
from trickbag.study.stages import ATTRIBUTION
from trickbag.train import Resolved, model_arguments, try_model

TYPO = 0.8  # how alike a field must be to one that the network takes, to be a misspelling of it


@dataclass(frozen=True)
class Misfit:
    """A trick that means nothing on a network, and why."""

    trick: str
    network: str
    why: str  # what the trick does, as in: needs residual blocks

    @property
    def error(self) -> NotApplicable:
        """As an error of its own."""
        return NotApplicable(f"trick {self.trick} does not apply to {self.network}: it {self.why}")

    def reason(self, factor: str) -> str:
        """Why a factor of that name does not apply, in words."""
        return f"{'it' if self.trick == factor else self.trick} {self.why}"


def fitting(
    study: Study, factors: Sequence[Switch], baseline: Recipe, resolved: Resolved
) -> tuple[list[Switch], dict[str, str]]:
    """The factors with the levels that apply to a workload; of the others, names and reasons.

    `resolved`: the workload's `baseline`, resolved. Raises NotApplicable where it is the only workload, InputError
    where the design needs all factors or none is left.
    """
    kept, reasons = list[Switch](), dict[str, str]()
    for switch in factors:
        levels = dict[str, tuple[Trick, ...]]()
        for level, tricks in switch.levels.items():
            found = misfit(tricks, baseline, resolved)
            if found is None:
                levels[level] = tricks
                continue
            if len(study.workloads) < 2:
                raise found.error
            if study.design in ATTRIBUTION:
                raise InputError(f"{found.error}; a {study.design} design needs all of its factors")
            reasons[switch.at(level)] = found.reason(switch.at(level))
        if levels:
            kept.append(replace(switch, levels=levels))
    if not kept:
        raise InputError(f"none of the factors applies: {_listed(reasons)}; leave the workload out")
    return kept, reasons


def misfit(tricks: Sequence[Trick], recipe: Recipe, resolved: Resolved) -> Misfit | None:
    """The first of these tricks, together on a recipe, that its network has no use for.

    `resolved`: a recipe on the same images.
    """
    for trick in in_turn(tricks):
        try:
            patch = trick.patch_on(recipe)
            recipe = apply(recipe, patch, f"trick {trick.name}")
            fields = [path for path, _ in leaves(patch) if path.startswith("model.")]
            network, strange = recipe.model.name, _not_taken(recipe, fields, resolved)
            if strange:  # another library's network may well have what the trick needs, but out of its reach
                needs = "" if "/" in network else trick.card.needs
                words = f"needs {needs}" if needs else f"sets {strange}, which {network} does not take"
                return Misfit(trick.name, network, words)
            if fields:
                try_model(recipe, resolved)
        except NotApplicable as error:
            words = f"needs {trick.card.needs}" if trick.card.needs else f"is refused: {error}"
            return Misfit(trick.name, recipe.model.name, words)
        except InputError:
            return None  # wrong in another way, which the arm's own error says best
    return None


def _not_taken(recipe: Recipe, fields: Sequence[str], resolved: Resolved) -> str | None:
    """The first of these fields that the recipe's network does not take, and that is no misspelling."""
    known = model_arguments(recipe, resolved.base)
    if known is None:
        return None
    for field in fields:
        name, taken = field.split(".")[1], [*known, *type(recipe.model).model_fields]
        if name not in taken and not get_close_matches(name, taken, 1, TYPO):
            return field
    return None


def refuse_useless(reasons: Mapping[str, Mapping[str, str]]) -> None:
    """Raise InputError where a factor applies to none of the workloads (workload -> factor -> reason)."""
    first, *others = reasons.values()
    for name in first:
        if all(name in other for other in others):
            where = _listed({workload: found[name] for workload, found in reasons.items()})
            raise InputError(f"factors: {name} applies to no workload ({where})")


def _listed(reasons: Mapping[str, str]) -> str:
    """Names with their reasons."""
    return "; ".join(f"{name}: {reason}" for name, reason in reasons.items())
