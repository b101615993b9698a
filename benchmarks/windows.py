"""Windows of token ids: tokens per second of tfseq beside the usual tf.data recipes.

All recipes give batches of the same shape. They take turns, round after round, so that what
else the machine does meets all of them alike; ratios of medians are what to look at.

    python benchmarks/windows.py --help
"""

import argparse
import statistics
import time

import numpy as np
import tensorflow as tf

import tfseq


def _inputs_and_targets(window: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    return window[..., :-1], window[..., 1:]


def dataset_window(ids: np.ndarray, batch_size: int, num_steps: int) -> tf.data.Dataset:
    """`Dataset.window().flat_map()`: each window is a Dataset of its own."""
    windows = tf.data.Dataset.from_tensor_slices(ids).window(
        num_steps + 1, shift=num_steps, drop_remainder=True
    )
    windows = windows.flat_map(lambda window: window.batch(num_steps + 1, drop_remainder=True))
    return windows.batch(batch_size, drop_remainder=True).map(_inputs_and_targets)


def batch_per_element(ids: np.ndarray, batch_size: int, num_steps: int) -> tf.data.Dataset:
    """`batch(T + 1)`: each id is an element of its own."""
    windows = tf.data.Dataset.from_tensor_slices(ids).batch(num_steps + 1, drop_remainder=True)
    return windows.batch(batch_size, drop_remainder=True).map(_inputs_and_targets)


def random_windows(ids: np.ndarray, batch_size: int, num_steps: int) -> tf.data.Dataset:
    """`tfseq.random_windows`."""
    return tfseq.random_windows(ids, batch_size, num_steps)


def sequential_windows(ids: np.ndarray, batch_size: int, num_steps: int) -> tf.data.Dataset:
    """`tfseq.sequential_windows`."""
    return tfseq.sequential_windows(ids, batch_size, num_steps)


def tokens_per_second(dataset: tf.data.Dataset, loop: str) -> float:
    """Use a dataset up, in a Python loop or within TensorFlow."""
    start = time.perf_counter()
    if loop == "Python loop":
        tokens = 0
        for inputs, _ in dataset:
            tokens += inputs.shape[0] * inputs.shape[1]
    else:
        tokens = int(dataset.reduce(0, lambda total, batch: total + tf.size(batch[0])))
    return tokens / (time.perf_counter() - start)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--num-steps", type=int, default=35)
    parser.add_argument("--num-tokens", type=int, default=200_000, help="for the peers")
    parser.add_argument(
        "--tfseq-factor", type=int, default=10, help="tfseq gets so many times the tokens"
    )
    parser.add_argument("--rounds", type=int, default=15)
    arguments = parser.parse_args()

    size = (arguments.batch_size, arguments.num_steps)
    rng = np.random.default_rng(0)
    few = rng.integers(0, 100, arguments.num_tokens).astype(np.uint8)
    many = np.tile(few, arguments.tfseq_factor)
    ours = [random_windows, sequential_windows]
    peers = [dataset_window, batch_per_element]
    print(f"batch {size[0]} x {size[1]} steps, {arguments.rounds} rounds; tokens/s in millions")
    for loop in ("Python loop", "Dataset.reduce"):
        speeds = {recipe: [] for recipe in [*ours, *peers]}
        for round_number in range(arguments.rounds + 1):
            for recipe, values in speeds.items():
                ids = many if recipe in ours else few
                speed = tokens_per_second(recipe(ids, *size), loop)
                if round_number:  # the first is for warming up
                    values.append(speed)
        medians = {recipe: statistics.median(values) for recipe, values in speeds.items()}
        print(f"\n{loop}")
        for recipe, values in speeds.items():
            print(
                f"  {recipe.__name__:20} median {medians[recipe] / 1e6:8.3f}   "
                f"lowest {min(values) / 1e6:8.3f}   highest {max(values) / 1e6:8.3f}"
            )
        for recipe in ours:
            for peer in peers:
                ratio = medians[recipe] / medians[peer]
                print(f"  {recipe.__name__} / {peer.__name__}: {ratio:.1f}")


if __name__ == "__main__":
    main()
