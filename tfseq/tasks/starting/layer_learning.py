"""Which layers of a model that starts from another learn when, and how fast."""

import keras

from tfseq.errors import InputError
from tfseq.models.layer_groups import layer_groups
from tfseq.options.start_options import StartOptions
from tfseq.runs.recipe.layer_rates import LayerRates


def freeze_embedding(options: StartOptions, model: keras.Model) -> None:
    """Take the embedding out of what learns, where the options ask for it.

    Raises:
        InputError: there is none.
    """
    if not options.freeze_embeddings:
        return
    if model.embedding is None:
        raise InputError(
            "`freeze_embeddings` needs an embedding, and this model reads one-hot tokens. Leave it "
            "out."
        )
    model.embedding.trainable = False


def layer_rates(options: StartOptions, model: keras.Model) -> LayerRates | None:
    """What the options say of the layers' learning rates; None where all learn alike."""
    if not options.unfreeze_epochs and options.layer_rate_factor == 1:
        return None
    groups = layer_groups(model, fresh_backward=True)
    return LayerRates(groups, options.layer_rate_factor, options.unfreeze_epochs)
