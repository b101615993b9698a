"""The optimizers that an option names."""

from typing import Annotated

from tfseq.options.parts import Part, PartTable

OPTIMIZERS = PartTable(
    "optimizer",
    {
        "sgd": "keras.optimizers:SGD",
        "adam": "keras.optimizers:Adam",
        "adamw": "keras.optimizers:AdamW",
        "nadam": "keras.optimizers:Nadam",
        "lion": "keras.optimizers:Lion",
        "rmsprop": "keras.optimizers:RMSprop",
    },
)
OptimizerName = Annotated[Part, OPTIMIZERS.rule]
