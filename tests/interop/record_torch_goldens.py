"""Records torch_goldens.npz, beside this file, from PyTorch: run it as a script.

PyTorch 2.13.0 for CPUs wrote the file in the repository. A key is `case/name`.
"""

from pathlib import Path

import numpy as np
from torch_reference import CASES, run_torch

GOLDENS = Path(__file__).with_name("torch_goldens.npz")


def numpy_dict(prefix: str, tensors) -> dict[str, np.ndarray]:
    return {f"{prefix}/{name}": tensor.detach().numpy() for name, tensor in tensors.items()}


def bidirectional_example(torch) -> dict[str, np.ndarray]:
    torch.manual_seed(42)
    rnn = torch.nn.RNN(2, 3, bidirectional=True)
    inputs = torch.rand(3, 1, 2)
    outputs, h_n = rnn(inputs)
    arrays = {"inputs": inputs, "outputs": outputs, "h_n": h_n}
    return numpy_dict("example_bidirectional", arrays) | numpy_dict(
        "example_bidirectional/weights", rnn.state_dict()
    )


def step_by_step_example(torch) -> dict[str, np.ndarray]:
    torch.manual_seed(42)
    rnn = torch.nn.RNN(4, 6)
    cell = torch.nn.RNNCell(4, 6)
    cell.load_state_dict({name.removesuffix("_l0"): w for name, w in rnn.state_dict().items()})
    inputs = torch.rand(3, 2, 4)
    outputs, h_n = rnn(inputs)
    h, steps = torch.zeros(2, 6), []
    for x in inputs:
        h = cell(x, h)
        steps.append(h)
    arrays = {"inputs": inputs, "outputs": outputs, "h_n": h_n, "steps": torch.stack(steps)}
    return (
        numpy_dict("example_steps", arrays)
        | numpy_dict("example_steps/weights", rnn.state_dict())
        | numpy_dict("example_steps/cell_weights", cell.state_dict())
    )


def cell_example(torch, name: str, cell) -> dict[str, np.ndarray]:
    inputs, h, c = torch.randn(2, 3), torch.randn(2, 4), torch.randn(2, 4)
    after = cell(inputs, (h, c)) if name == "lstm" else (cell(inputs, h),)
    arrays = {"inputs": inputs, "h_0": h, "c_0": c}
    arrays |= dict(zip(("h_1", "c_1"), after, strict=False))
    prefix = f"cell_{name}"
    return numpy_dict(prefix, arrays) | numpy_dict(f"{prefix}/weights", cell.state_dict())


def main() -> None:
    # Imported here, so that test collection can import this file without PyTorch.
    import torch

    goldens = {"torch_version": np.array(torch.__version__)}
    for seed, (name, case) in enumerate(CASES.items()):
        goldens |= {f"{name}/{key}": array for key, array in run_torch(case, seed).items()}
    goldens |= bidirectional_example(torch) | step_by_step_example(torch)
    torch.manual_seed(7)
    goldens |= cell_example(torch, "rnn", torch.nn.RNNCell(3, 4))
    goldens |= cell_example(torch, "gru", torch.nn.GRUCell(3, 4))
    goldens |= cell_example(torch, "lstm", torch.nn.LSTMCell(3, 4))
    np.savez_compressed(GOLDENS, **goldens)
    print(f"{GOLDENS.name}: {len(goldens)} arrays, {GOLDENS.stat().st_size / 1024:.0f} KiB")


if __name__ == "__main__":
    main()
