"""Runs torch.nn's recurrent networks and keeps all they compute, as NumPy arrays.

The golden numbers are recorded by it, and the live tests call it with other seeds.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Case:
    """A network and the size of what it reads. `lengths` are those of a packed batch."""

    kind: str
    num_layers: int = 1
    bidirectional: bool = False
    activation: str = "tanh"
    bias: bool = True
    lengths: tuple[int, ...] | None = None
    features: int = 3
    units: int = 4
    batch: int = 3
    steps: int = 5


CASES = {
    "rnn": Case("rnn"),
    "rnn_relu": Case("rnn", activation="relu"),
    "rnn_two_layers": Case("rnn", num_layers=2),
    "rnn_bidirectional": Case("rnn", bidirectional=True),
    "gru": Case("gru"),
    "gru_two_layers": Case("gru", num_layers=2),
    "gru_bidirectional": Case("gru", bidirectional=True),
    "gru_deep_bidirectional": Case("gru", num_layers=3, bidirectional=True),
    "gru_packed": Case("gru", num_layers=2, bidirectional=True, lengths=(2, 5, 1)),
    "lstm": Case("lstm"),
    "lstm_no_bias": Case("lstm", bias=False),
    "lstm_two_layers": Case("lstm", num_layers=2),
    "lstm_bidirectional": Case("lstm", bidirectional=True),
    "lstm_deep_bidirectional": Case("lstm", num_layers=3, bidirectional=True),
    "lstm_packed": Case("lstm", num_layers=2, bidirectional=True, lengths=(5, 3, 4)),
}


def run_torch(case: Case, seed: int) -> dict[str, np.ndarray]:
    """Outputs, final states and the gradients of Σ outputs · a + Σ h · b (+ Σ c · d).

    Keys: `inputs`, `h_0`, `c_0`, `outputs`, `h_n`, `c_n`; `outputs_weight`, `h_weight`,
    `c_weight` (the a, b, d); `weights/NAME` of the state dict; `gradients/…` of the inputs, the
    initial states and each weight. Outputs are batch-first, states are in PyTorch's order.
    """
    import torch

    torch.manual_seed(seed)
    sizes = (case.features, case.units)
    options = {
        "num_layers": case.num_layers,
        "bidirectional": case.bidirectional,
        "bias": case.bias,
        "batch_first": True,
    }
    if case.kind == "rnn":
        module = torch.nn.RNN(*sizes, nonlinearity=case.activation, **options)
    else:
        module = {"gru": torch.nn.GRU, "lstm": torch.nn.LSTM}[case.kind](*sizes, **options)

    inputs = torch.randn(case.batch, case.steps, case.features, requires_grad=True)
    directions = 2 if case.bidirectional else 1
    state_shape = (case.num_layers * directions, case.batch, case.units)
    names = ("h", "c") if case.kind == "lstm" else ("h",)
    initial = [torch.randn(state_shape, requires_grad=True) for _ in names]

    read = inputs
    if case.lengths is not None:
        read = torch.nn.utils.rnn.pack_padded_sequence(
            inputs, case.lengths, batch_first=True, enforce_sorted=False
        )
    outputs, final = module(read, tuple(initial) if case.kind == "lstm" else initial[0])
    if case.lengths is not None:
        outputs, _ = torch.nn.utils.rnn.pad_packed_sequence(
            outputs, batch_first=True, total_length=case.steps
        )
    final = list(final) if case.kind == "lstm" else [final]

    computed = {"outputs": outputs} | {f"{n}_n": s for n, s in zip(names, final, strict=True)}
    cotangents = [torch.randn_like(tensor) for tensor in computed.values()]
    sum((t * w).sum() for t, w in zip(computed.values(), cotangents, strict=True)).backward()

    given = {"inputs": inputs} | {f"{n}_0": s for n, s in zip(names, initial, strict=True)}
    weights = dict(module.named_parameters())
    tensors = {**given, **computed}
    tensors |= dict(zip(("outputs_weight", "h_weight", "c_weight"), cotangents, strict=False))
    tensors |= {f"weights/{name}": tensor for name, tensor in weights.items()}
    tensors |= {f"gradients/{name}": tensor.grad for name, tensor in {**given, **weights}.items()}
    return {name: tensor.detach().numpy() for name, tensor in tensors.items()}
