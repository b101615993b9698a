"""The settings in which cells are run: few, in which every two values of two kinds meet."""

import functools
import itertools
import random
from dataclasses import fields, replace

from both_layers import Setting
from published_cells.case import Case

VALUES = {
    "loop": ("compiled", "graph", "fit", "eager"),
    "batch": (7, 32, 1, 33, 64, 65),
    "steps": (3, 1, 2, 35),
    "static": (True, False),
    "mask": ("none", "right", "holes"),
    "go_backwards": (False, True),
    "return_sequences": (True, False),
    "zero_output_for_mask": (False, True),
    "training": (True, False),
    "gradients": (True, False),
    "given": (True, False),
    "built": ("build", "first call"),
}


def meaning(setting: Setting) -> Setting:
    """`setting` with the usual value of all that its loop does not heed."""
    unheeded = {
        "eager": ["static"],
        "graph": [],
        "compiled": ["static", "training"],
        "fit": ["static", "training", "gradients", "given"],
    }
    names = unheeded[setting.loop]
    if setting.mask == "none":
        names = [*names, "zero_output_for_mask"]
    return replace(setting, **{f.name: f.default for f in fields(setting) if f.name in names})


@functools.cache
def covering_settings(start: int = 0) -> tuple:
    """Settings among which any two values of `VALUES` that can stand together do so once.

    Greedily: of some settings drawn at random, from the seed `start`, the one with the most new
    pairs comes next.
    """
    generator = random.Random(start)

    def draw():
        return meaning(Setting(**{k: generator.choice(v) for k, v in VALUES.items()}))

    missing = set().union(*(_pairs(draw()) for _ in range(5000)))
    settings = []
    while missing:
        best = max((draw() for _ in range(60)), key=lambda s: len(_pairs(s) & missing))
        if _pairs(best) & missing:
            settings.append(best)
            missing -= _pairs(best)
    return tuple(settings)


def _pairs(setting):
    return set(itertools.combinations([(name, getattr(setting, name)) for name in VALUES], 2))


def for_case(setting: Setting, case: Case) -> Setting:
    """`setting`, or what of it the cell and Keras can do."""
    changes = {}
    if not case.masks:
        changes["mask"] = "none"
    if not case.differentiable:
        changes["gradients"] = False
        if setting.loop == "fit":
            changes["loop"] = "compiled"
    if case.batch_sizes is not None and setting.batch not in case.batch_sizes:
        changes["batch"] = case.batch_sizes[setting.batch % len(case.batch_sizes)]
    return meaning(replace(setting, **changes))
