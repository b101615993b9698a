"""The settings in which cells are run: few, in which every two values of two kinds meet."""

import functools
import itertools
import random
from dataclasses import dataclass, fields, replace

from published_cells.case import Case


@dataclass(frozen=True)
class Setting:
    """How a layer is run.

    Attributes:
        loop: "eager"; "graph", in a `tf.function` with nothing compiled; "compiled", in training
            with all sizes known, where XLA compiles what it can; or "fit", a step of SGD.
        batch, steps: the sizes.
        static: whether the sizes are known when a graph is traced.
        mask: "none"; "right", rows of different lengths; or "holes".
        go_backwards, return_sequences, zero_output_for_mask: as for the layer.
        training: handed to the layer; `fit` always trains.
        gradients: whether gradients are taken; without, nothing but the results is compared.
        given: whether initial states are given, and differentiated for, or made by the cell.
        built: what builds the layer: "build", or its "first call". `fit` has a functional model
            then, else one that is a subclass.
    """

    loop: str = "compiled"
    batch: int = 7
    steps: int = 3
    static: bool = True
    mask: str = "none"
    go_backwards: bool = False
    return_sequences: bool = True
    zero_output_for_mask: bool = False
    training: bool = True
    gradients: bool = True
    given: bool = True
    built: str = "build"

    def __str__(self):
        words = [self.loop, f"{self.batch}×{self.steps}", f"mask {self.mask}"]
        words += ["static" if self.static else "dynamic"]
        words += ["training" if self.training else "inference"]
        words += [] if self.gradients else ["no gradients"]
        words += [n for n in ("go_backwards", "zero_output_for_mask") if getattr(self, n)]
        words += ["sequences" if self.return_sequences else "last output"]
        words += ["states given" if self.given else "states made", f"built by {self.built}"]
        return ", ".join(words)


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
    if case.built is not None:
        changes["built"] = case.built
    return meaning(replace(setting, **changes))
