"""Outputs, final states and gradients against torch.nn: recorded, and live where installed."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from torch_reference import CASES, Case, run_torch

from tfseq.cells import GRUCell, LSTMCell, SimpleRNNCell
from tfseq.interop import load_torch_weights, torch_state_dict
from tfseq.layers import RNN, RecurrentStack

GOLDENS = np.load(Path(__file__).with_name("torch_goldens.npz"))
TOLERANCE = 1e-5

needs_torch = pytest.mark.skipif(
    importlib.util.find_spec("torch") is None,
    reason="torch is not installed; the golden numbers recorded from it are still checked",
)


def golden(prefix: str) -> dict[str, np.ndarray]:
    start = prefix + "/"
    return {key[len(start) :]: GOLDENS[key] for key in GOLDENS.files if key.startswith(start)}


def relative_error(ours, theirs) -> float:
    """The largest difference, as a share of the largest number."""
    ours, theirs = np.asarray(ours), np.asarray(theirs)
    assert ours.shape == theirs.shape
    return float(np.max(np.abs(ours - theirs)) / np.max(np.abs(theirs)))


def make_stack(case: Case) -> RecurrentStack:
    cell_type = case.kind
    if case.activation != "tanh" or not case.bias:
        cells = {"rnn": SimpleRNNCell, "gru": GRUCell, "lstm": LSTMCell}

        def cell_type(units):
            return cells[case.kind](units, activation=case.activation, use_bias=case.bias)

    return RecurrentStack(cell_type, case.units, case.num_layers, case.bidirectional)


def run_ours(case: Case, theirs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """What `run_torch` gives, computed by a RecurrentStack with the weights of `theirs`."""
    stack = make_stack(case)
    load_torch_weights(stack, group(theirs, "weights/"))
    names = ("h", "c") if case.kind == "lstm" else ("h",)
    initial = {f"{n}_0": tf.constant(theirs[f"{n}_0"]) for n in names}
    inputs = tf.constant(theirs["inputs"])
    mask = None
    if case.lengths is not None:
        mask = tf.sequence_mask(case.lengths, case.steps)

    variables = [v.value for v in stack.trainable_variables]
    with tf.GradientTape() as tape:
        tape.watch([inputs, *initial.values()])
        entries = list(zip(*(tf.unstack(state) for state in initial.values()), strict=True))
        entries = [list(e) if len(e) > 1 else e[0] for e in entries]
        outputs, states = stack(inputs, initial_state=entries, mask=mask)
        computed = {"outputs": outputs}
        for i, n in enumerate(names):
            computed[f"{n}_n"] = tf.stack([s[i] if len(names) > 1 else s for s in states])
        loss = sum(
            tf.reduce_sum(tensor * theirs[f"{name.removesuffix('_n')}_weight"])
            for name, tensor in computed.items()
        )
    sources = {"inputs": inputs, **initial}
    gradients = tape.gradient(loss, [*sources.values(), *variables])

    # A stack with the gradients in place of the weights turns them into PyTorch's names.
    carrier = make_stack(case)
    carrier.build(inputs.shape)
    carrier.set_weights([g.numpy() for g in gradients[len(sources) :]])
    by_name = dict(zip(sources, gradients, strict=False)) | torch_state_dict(carrier)
    if case.kind != "gru":
        # The two biases of PyTorch are one sum here, so both have the gradient of the sum.
        for name in [name for name in by_name if name.startswith("bias_hh")]:
            by_name[name] = by_name[name.replace("bias_hh", "bias_ih")]
    return computed | {f"gradients/{name}": g for name, g in by_name.items()}


def group(arrays, prefix):
    return {k.removeprefix(prefix): a for k, a in arrays.items() if k.startswith(prefix)}


def assert_agrees(case: Case, theirs: dict[str, np.ndarray]) -> None:
    ours = run_ours(case, theirs)
    names = [n for n in theirs if n.startswith("gradients/") or n in ("outputs", "h_n", "c_n")]
    assert set(names) == set(ours)
    errors = {name: relative_error(ours[name], theirs[name]) for name in names}
    print({name: f"{error:.1e}" for name, error in errors.items()})
    assert max(errors.values()) < TOLERANCE, errors


@pytest.mark.parametrize("name", CASES)
def test_agrees_with_golden_numbers(name):
    assert_agrees(CASES[name], golden(name))


@needs_torch
@pytest.mark.parametrize("name", CASES)
def test_agrees_with_torch(name):
    assert_agrees(CASES[name], run_torch(CASES[name], seed=100))


@pytest.mark.everyday(2)
@needs_torch
@pytest.mark.parametrize("kind", ["rnn", "gru", "lstm"])
def test_agrees_with_torch_at_length(kind):
    """Rounding does not add up over 60 steps of 32 units."""
    case = Case(kind, num_layers=2, bidirectional=True, features=16, units=32, batch=8, steps=60)
    assert_agrees(case, run_torch(case, 5))


@needs_torch
def test_state_dicts_of_modules_both_ways():
    """A state dict is taken with its tensors, and ours is one that PyTorch takes."""
    import torch

    ours = RecurrentStack("lstm", 4, 2, bidirectional=True)
    modules = [torch.nn.LSTM(3, 4, 2, bidirectional=True, batch_first=True) for _ in range(2)]
    load_torch_weights(ours, modules[0].state_dict())
    arrays = torch_state_dict(ours)
    modules[1].load_state_dict({name: torch.from_numpy(a) for name, a in arrays.items()})
    x = torch.randn(2, 5, 3)
    for module in modules:
        assert relative_error(ours(x.numpy())[0], module(x)[0].detach()) < TOLERANCE


@needs_torch
def test_parameters_are_taken_and_dtypes_numpy_lacks_are_named():
    import torch

    theirs = torch.nn.GRU(3, 4, batch_first=True)
    layer = RNN(GRUCell(4), return_sequences=True)
    load_torch_weights(layer, dict(theirs.named_parameters()))
    x = torch.randn(2, 5, 3)
    assert relative_error(layer(x.numpy()), theirs(x)[0].detach()) < TOLERANCE
    with pytest.raises(ValueError, match=r"`state_dict\['weight_ih_l0'\]` .*BFloat16"):
        load_torch_weights(layer, theirs.bfloat16().state_dict())


def test_bidirectional_example():
    theirs = golden("example_bidirectional")
    stack = RecurrentStack("rnn", 3, bidirectional=True)
    load_torch_weights(stack, group(theirs, "weights/"))
    outputs, states = stack(theirs["inputs"].swapaxes(0, 1))
    assert relative_error(outputs, theirs["outputs"].swapaxes(0, 1)) < TOLERANCE
    assert relative_error(states, theirs["h_n"]) < TOLERANCE
    # The last output of the forward direction, and the first of the backward one, are its state.
    np.testing.assert_array_equal(outputs[:, -1, :3], states[0])
    np.testing.assert_array_equal(outputs[:, 0, 3:], states[1])


def test_network_and_cell_step_by_step_example():
    theirs = golden("example_steps")
    assert relative_error(theirs["steps"], theirs["outputs"]) < TOLERANCE

    layer = RNN(SimpleRNNCell(6), return_sequences=True, return_state=True)
    load_torch_weights(layer, group(theirs, "weights/"))
    outputs, h_n = layer(theirs["inputs"].swapaxes(0, 1))
    assert relative_error(outputs, theirs["outputs"].swapaxes(0, 1)) < TOLERANCE
    assert relative_error(h_n, theirs["h_n"][0]) < TOLERANCE

    cell = SimpleRNNCell(6)
    load_torch_weights(cell, group(theirs, "cell_weights/"))
    states = cell.get_initial_state(batch_size=2)
    for x, expected in zip(theirs["inputs"], theirs["steps"], strict=True):
        h, states = cell(x, states)
        assert relative_error(h, expected) < TOLERANCE


@pytest.mark.parametrize(
    ("name", "cell"), [("rnn", SimpleRNNCell(4)), ("gru", GRUCell(4)), ("lstm", LSTMCell(4))]
)
def test_cells_of_torch(name, cell):
    theirs = golden(f"cell_{name}")
    load_torch_weights(cell, group(theirs, "weights/"))
    before = [theirs["h_0"], theirs["c_0"]][: cell.num_states]
    _, after = cell(theirs["inputs"], before)
    for ours, expected in zip(after, ("h_1", "c_1"), strict=False):
        assert relative_error(ours, theirs[expected]) < TOLERANCE
    assert set(torch_state_dict(cell)) == set(group(theirs, "weights/"))
