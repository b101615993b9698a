"""The weights of a model by layer, from the output down."""

import keras


def layer_groups(model: keras.Model, fresh_backward: bool = False) -> list[list[keras.Variable]]:
    """Groups of the trainable weights, the highest layer first, the embedding last.

    An embedding that is the output layer too is in the first group. Weights of connections go with
    the layer that they belong to.

    Args:
        model: a `RecurrentModel`.
        fresh_backward: whether the backward direction of a layer goes with the output layer,
            because it starts from random numbers as that does.

    >>> from tfseq.models import LanguageModel
    >>> model = LanguageModel(9, units=4, num_layers=2, embedding_size=3)
    >>> [[weight.name for weight in group] for group in layer_groups(model)]
    [['output_kernel', 'output_bias'], ['kernel', 'recurrent_kernel', 'bias'],
     ['kernel', 'recurrent_kernel', 'bias'], ['embeddings']]
    """
    stack = model.stack
    directions = 2 if stack.bidirectional else 1
    rnns = [stack.rnns[i : i + directions] for i in range(0, len(stack.rnns), directions)]
    layers = [[*cells[: 1 if fresh_backward else directions]] for cells in rnns]
    connections = stack.connections
    if isinstance(connections, keras.Layer):  # Residual ones have weights.
        layers[0].append(connections.input_projection)
        for name in ("norms", "feed_forwards", "feed_forward_norms"):
            for layer, part in zip(layers, getattr(connections, name), strict=False):
                layer.append(part)
        for number, projection in connections.output_projections.items():
            layers[int(number)].append(projection)
    lower = [[w for part in parts for w in part.trainable_variables] for parts in reversed(layers)]
    if model.embedding is not None and not getattr(model, "tie_embeddings", False):
        lower.append(model.embedding.trainable_variables)
    taken = {id(weight) for group in lower for weight in group}
    highest = [weight for weight in model.trainable_variables if id(weight) not in taken]
    return [group for group in (highest, *lower) if group]
