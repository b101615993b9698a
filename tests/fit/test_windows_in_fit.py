"""What `fit` reads, epoch by epoch, is what `random_windows` and `sequential_windows` give."""

import itertools

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfseq.data import num_batches, random_windows, sequential_windows
from tfseq.errors import InputError
from tfseq.fit import BackupAndResume, Windows

IDS = np.arange(73)
ORDERS = {"random": random_windows, "sequential": sequential_windows}
BOTH = pytest.mark.parametrize("order", ORDERS)


def collect(dataset):
    return [(inputs.tolist(), targets.tolist()) for inputs, targets in dataset.as_numpy_iterator()]


class Reader(keras.Model):
    """Learns nothing, but notes what `fit` and `evaluate` give it."""

    def __init__(self):
        super().__init__()
        self.scale = self.add_weight(shape=())
        self.batches = []
        self.built = True
        self.compile("sgd", "mse", run_eagerly=True)

    def call(self, inputs):
        self.batches.append(np.asarray(inputs).tolist())
        return self.scale * keras.ops.cast(inputs, "float32")


def epochs_of(order, epochs, length, seed=0):
    """The inputs of the first `length` batches of each epoch."""
    return [
        inputs
        for epoch in epochs
        for inputs, _ in collect(ORDERS[order](IDS, 2, 5, seed, epoch))[:length]
    ]


@pytest.mark.slow
@BOTH
@settings(max_examples=15, deadline=None)
@given(
    num_tokens=st.integers(11, 120),
    batch_size=st.integers(1, 2),
    num_steps=st.integers(1, 5),
    seed=st.integers(0, 2**30),
    epoch=st.integers(0, 50),
    offset=st.none() | st.just(0),
)
def test_each_reading_is_the_next_epoch(
    order, num_tokens, batch_size, num_steps, seed, epoch, offset
):
    sizes = {"batch_size": batch_size, "num_steps": num_steps}
    ids = np.arange(num_tokens)
    windows = Windows(ids, **sizes, order=order, seed=seed, epoch=epoch, offset=offset)
    for e in (epoch, epoch + 1):
        expected = collect(ORDERS[order](ids, **sizes, seed=seed, epoch=e, offset=offset))
        assert len(windows) in (len(expected), len(expected) - 1)
        assert collect(windows.dataset) == expected[: len(windows)]


@pytest.mark.slow
@pytest.mark.parametrize("num_tokens", range(11, 40))
def test_every_epoch_has_the_number_of_batches_that_all_offsets_leave(num_tokens):
    """Where a text is hardly enough, only the offsets count that leave one batch."""
    least = min(
        n for offset in range(5) if (n := num_batches(num_tokens, 2, 5, offset)) or not offset
    )
    windows = Windows(np.arange(num_tokens), 2, 5)
    assert len(windows) == int(windows.dataset.cardinality()) == least
    assert len(Windows(np.arange(num_tokens), 2, 5, offset=0)) == num_batches(num_tokens, 2, 5)


@BOTH
@pytest.mark.parametrize("shuffle", [False, True])
def test_one_fit_reads_a_new_epoch_each_time_and_shuffles_none(order, shuffle):
    windows = Windows(IDS, 2, 5, order=order, seed=4)
    model = Reader()
    if shuffle:
        with pytest.warns(UserWarning, match="`shuffle=True` was passed, but will be ignored"):
            model.fit(windows.dataset, epochs=3, verbose=0)
    else:
        model.fit(windows.dataset, epochs=3, verbose=0, shuffle=False)
    assert model.batches == epochs_of(order, range(3), 6, seed=4)
    offsets = {batch[0][0] % 5 for batch in model.batches[::6]}
    assert order == "random" or len(offsets) > 1


def test_validation_reads_the_same_each_time():
    held_out = Windows(IDS, 2, 5, order="sequential", offset=0)
    model = Reader()
    model.fit(
        Windows(IDS, 2, 5).dataset,
        validation_data=held_out.dataset,
        shuffle=False,
        epochs=2,
        verbose=0,
    )
    training, validation = epochs_of("random", range(2), 6), collect(held_out.dataset)
    validation = [inputs for inputs, _ in validation]
    assert len(validation) == 7
    assert model.batches == training[:6] + validation + training[6:] + validation


@pytest.mark.parametrize("backup", [False, True])
def test_initial_epoch(backup, tmp_path):
    """Given to `Windows`, or set by the callback, whatever was read before."""
    windows = Windows(IDS, 2, 5, epoch=7 if backup else 3)
    callbacks = [BackupAndResume(tmp_path, windows)] if backup else []
    model = Reader()
    model.fit(
        windows.dataset,
        shuffle=False,
        initial_epoch=3,
        epochs=5,
        callbacks=callbacks,
        verbose=0,
    )
    assert model.batches == epochs_of("random", (3, 4), 6)


def test_a_reading_keeps_its_epoch():
    """Two at a time do not get into each other's way."""
    windows = Windows(IDS, 2, 5)
    first, second = windows.dataset.as_numpy_iterator(), windows.dataset.as_numpy_iterator()
    read = [
        inputs.tolist()
        for inputs, _ in itertools.chain.from_iterable(zip(first, second, strict=True))
    ]
    assert read[::2] + read[1::2] == epochs_of("random", range(2), 6)


def test_models_see_the_sizes_and_a_memory_mapped_file_gives_the_same(tmp_path):
    np.save(tmp_path / "ids.npy", IDS.astype("uint16"))
    mapped = Windows(np.load(tmp_path / "ids.npy", mmap_mode="r"), 2, 5)
    assert [(s.shape, s.dtype.name) for s in mapped.dataset.element_spec] == [((2, 5), "int32")] * 2
    assert collect(mapped.dataset) == collect(Windows(IDS, 2, 5).dataset)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"order": "shuffled"}, ValueError, "`order` must be one of"),
        ({"ids": np.arange(10)}, InputError, "needs at least 11 tokens"),
        ({"ids": np.ones(30)}, TypeError, "`ids` must be a one-dimensional array of integers"),
        ({"batch_size": 0}, ValueError, "`batch_size` must be a positive integer"),
        ({"num_steps": 1.5}, ValueError, "`num_steps` must be a positive integer"),
        ({"epoch": -1}, ValueError, "`epoch` must be zero or a positive integer"),
        ({"offset": 5}, ValueError, "`offset` must be an integer from 0 to 4"),
    ],
    ids=["order", "few", "floats", "batch_size", "num_steps", "epoch", "offset"],
)
def test_wrong_arguments(options, error, message):
    with pytest.raises(error, match=message):
        Windows(**{"ids": IDS, "batch_size": 2, "num_steps": 5, **options})
