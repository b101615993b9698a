"""Whole recipes of a language model, by name."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, Literal

from tfseq.options.rules import PositiveFloat, Rule

#: A value that stands for the preset's, where None has a meaning of its own.
FROM_PRESET = "preset"
_POSITIVE = PositiveFloat.__metadata__[0]
ClipNorm = Annotated[
    float | str | None,
    Rule(
        _POSITIVE.words,
        lambda v: v == FROM_PRESET or (not isinstance(v, str) and _POSITIVE.holds(v)),
    ),
]
PresetName = Literal["small", "medium", "large", "textbook"]

# The textbook's recipe is plain gradient descent, and so is everything that goes with it.
_TEXTBOOK = {
    "cell": "gru",
    "units": 256,
    "num_layers": 1,
    "embedding_size": 0,
    "tie_embeddings": False,
    "dropout": 0.0,
    "dropout_mask": "step",
    "weight_dropout": 0.0,
    "embedding_dropout": 0.0,
    "batch_size": 32,
    "num_steps": 35,
    "epochs": 500,
    "optimizer": "sgd",
    "learning_rate": 1.0,
    "schedule": "constant",
    "warmup": 0.0,
    "averaging": "none",
    "clip_norm": 1.0,
    "decay_biases": True,
}
_ADAPTIVE = {
    **_TEXTBOOK,
    "dropout_mask": "window",
    "optimizer": "adam",
    "learning_rate": 0.004,
    "schedule": "cosine",
    "warmup": 0.5,
    "averaging": "ema",
}
_CHARACTERS = {
    "small": {
        **_ADAPTIVE,
        "cell": "lstm",
        "units": 384,
        "embedding_size": 64,
        "input_dropout": 0.05,
        "dropout": 0.3,
        "dropout_mask": "step",
        "weight_dropout": 0.05,
        "epochs": 12,
        "learning_rate": 0.005,
    },
    "medium": {
        **_ADAPTIVE,
        "cell": "mogrifier",
        "units": 480,
        "embedding_size": 128,
        "input_dropout": 0.1,
        "dropout": 0.35,
        "weight_dropout": 0.2,
        "num_steps": 64,
        "epochs": 25,
        "learning_rate": 0.002,
        "clip_norm": 0.25,
        "weight_decay": 0.02,
        "decay_biases": False,
    },
    "large": {
        **_ADAPTIVE,
        "cell": "lstm",
        "units": 1024,
        "num_layers": 2,
        "embedding_size": 256,
        "input_dropout": 0.1,
        "dropout": 0.4,
        "weight_dropout": 0.3,
        "num_steps": 100,
        "epochs": 30,
        "learning_rate": 0.001,
    },
}
_WORDS = {
    "small": {
        **_ADAPTIVE,
        "cell": "lstm",
        "units": 256,
        "embedding_size": 256,
        "tie_embeddings": True,
        "dropout": 0.4,
        "weight_dropout": 0.3,
        "embedding_dropout": 0.1,
        "epochs": 16,
        "learning_rate": 0.003,
    },
    "medium": {
        **_ADAPTIVE,
        "cell": "lstm",
        "units": (650, 400),
        "num_layers": 2,
        "embedding_size": 400,
        "tie_embeddings": True,
        "dropout": 0.5,
        "weight_dropout": 0.5,
        "embedding_dropout": 0.1,
        "epochs": 40,
        "learning_rate": 0.002,
    },
    "large": {
        **_ADAPTIVE,
        "cell": "lstm",
        "units": (1150, 1150, 400),
        "num_layers": 3,
        "embedding_size": 400,
        "tie_embeddings": True,
        "dropout": 0.4,
        "weight_dropout": 0.5,
        "embedding_dropout": 0.1,
        "num_steps": 70,
        "epochs": 100,
        "learning_rate": 0.001,
    },
}
#: What a run has in these options that began before there were presets, and says nothing of them.
BEFORE_PRESETS: Mapping[str, Any] = MappingProxyType(
    {
        **dict.fromkeys(("weight_dropout", "embedding_dropout", "warmup"), 0.0),
        "dropout_mask": "step",
        "schedule": "exponential",
        "averaging": "none",
        "decay_biases": True,
    }
)


def preset_values(name: PresetName, of_characters: bool) -> dict[str, Any]:
    """The options that a preset sets: those of characters, or of longer tokens.

    >>> preset_values("textbook", of_characters=True)["learning_rate"]
    1.0
    >>> preset_values("small", of_characters=False)["tie_embeddings"]
    True
    """
    if name == "textbook":
        return dict(_TEXTBOOK)
    return dict((_CHARACTERS if of_characters else _WORDS)[name])
