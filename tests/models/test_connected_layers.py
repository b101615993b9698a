"""Models whose layers have skip or residual connections."""

import numpy as np
import pytest
import tensorflow as tf

from models.small_model import B, T, close, draw_ids, make_model
from tfseq.analysis.gradient_norms import gradient_norms_through_time
from tfseq.generation.token_step import token_step
from tfseq.interop import load_keras_weights, torch_state_dict
from tfseq.models import Forecaster, LanguageModel, Tagger, TextClassifier

CONNECTED = [
    {"skip_connections": "both"},
    {"residual": True, "feed_forward": 1.5, "units": (6, 5)},
    {"residual": True, "feed_forward": 2, "embedding_size": 5, "tie_embeddings": True},
    {"skip_connections": "both", "embedding_size": 10, "tie_embeddings": True},
]


@pytest.mark.parametrize("options", CONNECTED, ids=str)
def test_connected_layers_in_steps_and_in_the_loop_that_generates(options):
    model = make_model("lstm", **{"num_layers": 1 if "units" in options else 2, **options})
    ids = draw_ids()
    logits, final = model(ids, return_states=True)
    advance, output_layer = token_step(model)
    states = inner = model.initial_states(B)
    for t in range(T):
        stepped, states = model.step(ids[:, t], states)
        hidden, inner = advance(tf.constant(ids[:, t]), inner)
        close(stepped, logits[:, t], 1e-4)
        close(output_layer(hidden), logits[:, t], 1e-4)
    close(states, final, 1e-4)
    close(inner, final, 1e-4)


def test_one_hot_inputs_of_connected_layers_begin_at_the_same_scale():
    def largest(kernel, rows):
        """What Glorot's limit, √(6 / (rows + columns)), has been multiplied by."""
        limit = (6 / sum(kernel.shape)) ** 0.5
        return np.abs(kernel.numpy()[rows]).max() / limit

    both = LanguageModel(50, units=100, num_layers=2, skip_connections="both")
    kernel = both.stack.rnns[1].cell.kernel
    assert largest(kernel, slice(0, 100)) == pytest.approx(1, rel=0.01)
    assert largest(kernel, slice(100, 150)) == pytest.approx(50**0.5, rel=0.01)
    blocks = LanguageModel(50, units=100, num_layers=2, residual=True)
    kernel = blocks.stack.connections.input_projection.kernel
    assert largest(kernel, slice(0, 50)) == pytest.approx(50**0.5, rel=0.01)
    assert largest(blocks.stack.rnns[0].cell.kernel, slice(0, 100)) == pytest.approx(1, rel=0.01)


def test_a_tied_table_is_as_wide_as_the_layers_that_the_output_reads():
    with pytest.raises(ValueError, match=r"the sum over all.*embedding_size=4, units=\(3, 4\)"):
        LanguageModel(
            5, units=(3, 4), embedding_size=4, tie_embeddings=True, skip_connections="outputs"
        )


BLOCKS = {"units": (6, 4), "residual": True, "feed_forward": 1.5}


@pytest.mark.parametrize("model_type", [Tagger, TextClassifier])
def test_padding_changes_nothing(model_type):
    model = model_type(9, 3, **BLOCKS)
    padded = model(np.array([[5, 6, 2], [7, -1, -1]]))
    alone = model(np.array([[7]]))
    close(padded[1, :1] if model_type is Tagger else padded[1], alone[0], 1e-6)
    assert model_type.from_config(model.get_config()).count_params() == model.count_params()


def test_a_forecast_goes_on_as_in_training():
    """`call` goes on by single steps after a sequence, `forecast` takes single steps alone."""
    model = Forecaster(num_columns=2, lookback=5, steps_ahead=4, **BLOCKS)
    rng = np.random.default_rng(0)
    for weight in model.trainable_variables:
        weight.assign(rng.normal(scale=0.3, size=weight.shape))
    values = rng.normal(size=[3, 5, 2]).astype("float32")
    close(model.forecast(values, 4), model(values)[:, -4:], 1e-4)


def test_what_needs_plain_layers_says_so():
    model, plain = make_model(residual=True), make_model()
    for call in (
        lambda: torch_state_dict(model.stack),
        lambda: load_keras_weights(plain.stack, model.stack),
    ):
        with pytest.raises(ValueError, match=r"the one below alone.*residual=True"):
            call()
    with pytest.raises(ValueError, match="without skip or residual connections"):
        gradient_norms_through_time(model, (draw_ids(), draw_ids()))
