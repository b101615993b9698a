"""The optimizers that an option names."""

from typing import Annotated

from tfseq.options.parts import Part, PartTable

OPTIMIZERS = PartTable(
    "optimizer",
    {
        "sgd": "keras.optimizers:SGD",
        "adam": "keras.optimizers:Adam",
        "adamw": "keras.optimizers:AdamW",
    },
)
OptimizerName = Annotated[Part, OPTIMIZERS.rule]
