"""The optimizer that the options name, with its momentum and weight decay."""

from collections.abc import Sequence
from typing import Any

import keras

from tfseq.errors import InputError
from tfseq.options.optimizers import OPTIMIZERS
from tfseq.options.rules import Rule

_OPTIMIZER = Rule(
    "`optimizer` must be a class or function that makes a `keras.optimizers.Optimizer` of a "
    "learning rate",
    lambda made: isinstance(made, keras.optimizers.Optimizer),
)
_WITH_MOMENTUM = ("sgd", "rmsprop")


def make_optimizer(
    options: Any,
    weights: Sequence[keras.Variable],
    rate: float | keras.optimizers.schedules.LearningRateSchedule,
) -> keras.optimizers.Optimizer:
    """The optimizer that the options name, built for `weights`.

    Weight decay λ is decoupled from the gradient (Loshchilov and Hutter, 2019,
    https://arxiv.org/abs/1711.05101), whichever optimizer it is: θ ← θ − η λ θ, then the update.

    Args:
        options: `TrainingOptions`.
        weights: what it is to update.
        rate: the learning rate.

    Raises:
        InputError: what they name makes no optimizer, or does not take their momentum or weight
            decay.
    """
    name, own = options.optimizer, options.optimizer not in OPTIMIZERS.built_in
    if options.momentum and name not in _WITH_MOMENTUM:
        raise InputError(
            f"`momentum` is an option of {' and '.join(_WITH_MOMENTUM)}. Received: "
            f"{options.momentum:g} with {name}."
        )
    if options.weight_decay and own:
        raise InputError(
            "`weight_decay` is an option of the optimizers of tfseq. For another one, write a "
            "function of the learning rate that makes it with its weight decay, and name that as "
            f"`optimizer`. Received: {options.weight_decay:g} with {name}."
        )
    decay = options.weight_decay_rate()
    settings = {"weight_decay": decay} if decay or name == "adamw" else {}
    if options.momentum:
        settings["momentum"] = options.momentum
    optimizer = OPTIMIZERS.make(name, _OPTIMIZER, rate, **settings)
    if decay and not options.decay_biases:
        optimizer.exclude_from_weight_decay([v for v in weights if _is_bias_or_gain(v)])
    optimizer.build(weights)
    return optimizer


def _is_bias_or_gain(weight: keras.Variable) -> bool:
    # The two biases of a GRU are one weight [2, 3 units].
    return len(weight.shape) < 2 or "bias" in weight.name
