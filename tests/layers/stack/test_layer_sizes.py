"""A stack whose layers differ in size."""

import numpy as np
import pytest
from stack_helpers import assert_states_equal, by_hand, sequences

from tfseq.interop import load_keras_weights, load_torch_weights, torch_state_dict
from tfseq.layers import RecurrentStack


@pytest.mark.parametrize("bidirectional", [False, True])
def test_equals_the_layers_put_together(bidirectional):
    stack = RecurrentStack("lstm", [5, 3, 2], bidirectional=bidirectional)
    x = sequences()
    outputs, states = stack(x)
    expected, expected_states = by_hand(stack, x)
    np.testing.assert_allclose(outputs, expected, rtol=1e-5, atol=1e-6)
    assert_states_equal(states, expected_states)
    directions = 2 if bidirectional else 1
    assert [h.shape[-1] for h, _ in states[::directions]] == [5, 3, 2]
    assert stack.output_size == 2 * directions
    assert stack.num_layers == 3


def test_single_steps_and_a_copy():
    stack = RecurrentStack("gru", (5, 2))
    x = sequences()
    outputs, _ = stack(x)
    copy = RecurrentStack.from_config(stack.get_config())
    copy.build(x.shape)
    load_keras_weights(copy, stack)
    states = copy.get_initial_state(len(x))
    for t in range(x.shape[1]):
        output, states = copy.step(x[:, t], states)
        np.testing.assert_allclose(output, outputs[:, t], rtol=1e-5, atol=1e-6)


def test_one_number_for_all_is_the_same_stack():
    for units, num_layers in ((4, 2), ([4, 4], 1), ((4, 4), 2)):
        config = RecurrentStack("gru", units, num_layers, name="stack").get_config()
        assert (config["units"], config["num_layers"]) == (4, 2)


@pytest.mark.parametrize("units", [[], [3, 0], [3, 2.5], [True, 2], "44", None, [3, "4"]])
def test_wrong_sizes(units):
    with pytest.raises(ValueError, match=r"`units` must be a positive integer.*Received: units="):
        RecurrentStack("gru", units)


def test_numbers_of_layers_that_do_not_agree():
    with pytest.raises(ValueError, match="`num_layers` must be 2, the number of sizes in `units`"):
        RecurrentStack("gru", [3, 4], num_layers=3)


def test_pytorch_has_one_size():
    stack = RecurrentStack("gru", [3, 2])
    stack(sequences())
    arrays = torch_state_dict_of_one_size()
    for call in (lambda: torch_state_dict(stack), lambda: load_torch_weights(stack, arrays)):
        with pytest.raises(ValueError, match=r"same `units` in all cells.*Received: \[3, 2\]"):
            call()


def torch_state_dict_of_one_size():
    stack = RecurrentStack("gru", 3, 2)
    stack(sequences())
    return torch_state_dict(stack)
