"""The contact sheet of a recipe, and of tricks on it: images plain, and as training sees them with seed 1."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL.PngImagePlugin import PngInfo

from trickbag.cli.contact_sheet import Block, Tile, draw_sheet
from trickbag.errors import InputError, unknown
from trickbag.recipe import Machine, Recipe, apply, arm_name, compose, thaw, validate
from trickbag.records.files import write_whole
from trickbag.tricks import CATALOGUE as TRICKS

if TYPE_CHECKING:
    from trickbag.train import Session, Shown

SEED, COLUMNS = 1, 6  # of the run that is looked at; appearances of each image
ROWS, ROWS_OF_SEVERAL = 5, 3  # images of a recipe alone, and where tricks stand below it
WHOLE = 0.995  # the share from which a class is said to be alone in a target
SHAPING = ("data", "order", "sample", "batch")  # what an image's looks depend on
UNSEEN = ("surgery", "loss", "step", "average", "predict", "precision")  # what they do not depend on


def draw_recipes(
    recipe: Recipe, title: str, tricks: str, machine: Machine, base: Path, picture: Path
) -> None:
    """Write the contact sheet of a recipe and of `tricks` on it (A,B+C) to `picture`, a PNG file."""
    arms = [("", recipe), *_arms(recipe, tricks)]
    rows = ROWS if len(arms) == 1 else ROWS_OF_SEVERAL
    blocks = [_block(f"{title}{name}", arm, rows, machine, base) for name, arm in arms]
    sheet = draw_sheet(
        f"{recipe.data.name}: what training sees",
        f"each image plain, then as a run with seed {SEED} sees it",
        blocks,
    )
    notes = PngInfo()
    notes.add_itxt("Software", "trickbag")
    notes.add_itxt("Description", recipe.yaml())
    write_whole(picture, lambda temporary: sheet.save(temporary, "PNG", pnginfo=notes))


def _arms(recipe: Recipe, tricks: str) -> Iterator[tuple[str, Recipe]]:
    """Name and recipe of each group of tricks; InputError for one that changes no image."""
    for group in filter(None, tricks.split(",")):
        names = [name.strip() for name in group.split("+")]
        for name in names:
            if name not in TRICKS:
                raise unknown("trick", name, TRICKS, "--tricks")
        chosen = [TRICKS[name] for name in names]
        arm = compose(recipe, chosen)
        if all(getattr(arm, section) == getattr(recipe, section) for section in SHAPING):
            raise InputError(f"--tricks {group}: changes no image, so there is nothing to see")
        yield f" + {arm_name(chosen)}", arm


def _block(title: str, recipe: Recipe, rows: int, machine: Machine, base: Path) -> Block:
    """The rows of a recipe."""
    from trickbag.train import appearances, build_session, resolve, typical_images
    from trickbag.train.resolve import training_images

    seen = validate(Recipe, {key: value for key, value in recipe.plain().items() if key not in UNSEEN})
    few = min(seen.budget.batch_size, training_images(seen.data, machine, base))  # nothing is trained here
    seen = apply(seen, {"budget.batch_size": few})
    session = build_session(resolve(seen, machine, base), SEED, machine)
    ids = typical_images(session, rows)
    shown = appearances(session, ids, COLUMNS)
    columns = max(map(len, shown))
    word = "epoch" if not recipe.order else "showing"
    headings = ["plain", *(f"{word} {i + 1}" for i in range(columns))]
    return Block(title, _operations(recipe), headings, list(_tiles(session, ids, shown, columns)))


def _operations(recipe: Recipe) -> str:
    """What is done to the images, in words of the recipe."""
    found = []
    for seam in SHAPING[1:]:
        for name, arguments in getattr(recipe, seam).items():
            given = ", ".join(f"{key} {_short(value)}" for key, value in thaw(arguments).items())
            found.append(f"{name} ({given})" if given else name)
    return " · ".join(found) or "no augmentation"


def _short(value: Any) -> str:
    """An argument with few digits."""
    if isinstance(value, list):
        return "…".join(map(_short, value)) if len(value) == 2 else ", ".join(map(_short, value))
    return format(value, ".3g" if isinstance(value, float) else "")


def _tiles(
    session: "Session", ids: list[int], shown: list[list["Shown"]], columns: int
) -> Iterator[list[Tile]]:
    """A row for each image: plain with its class, then its appearances, with what was mixed into it."""
    import torch

    images = session.resolved.images
    for i, row in zip(ids, shown, strict=True):
        plain = images.some(torch.tensor([i]))[0].permute(1, 2, 0).numpy()
        tiles = [Tile(plain, images.classes[int(images.train_labels[i])])]
        for look in row:
            caption = _mixture(look, images.classes) if session.batch else ""
            tiles.append(Tile(look.pixels.permute(1, 2, 0).numpy(), caption))
        yield tiles + [Tile(None)] * (columns + 1 - len(tiles))


def _mixture(look: "Shown", classes: tuple[str, ...]) -> str:
    """The classes of a target with their shares; a class alone without."""
    shares, order = look.shares.sort(descending=True, stable=True)
    pairs = list(zip(shares.tolist(), order.tolist(), strict=True))
    if shares[0] >= WHOLE:
        return classes[int(order[0])]
    return "\n".join(f"{share:.0%} {classes[label]}" for share, label in pairs if share >= 1 - WHOLE)
