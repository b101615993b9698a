"""The processes that train a model together, as each of them sees them."""

import contextlib
import json
import pickle
from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from typing import Any

import numpy as np
import tensorflow as tf

from tfseq.runs.workers.pieces import Piece, bounds_of

# Bytes travel as 32-bit integers, so many at a time: a few, or many.
_FEW, _MANY = 1 << 10, 1 << 22


class Workers:
    """This process alone, which takes all rows of a batch.

    Attributes:
        rank: the number of this process; number 0 is the one that writes and validates.
        size: how many processes there are.
        devices: of this process, by name, where a batch is divided among several.
    """

    rank = 0
    size = 1
    devices: Sequence[str] = ()

    def agreed(self, due: Callable[[], bool]) -> bool:
        """What process 0 finds of `due()`, on all of them after the same step."""
        return due()

    def found(self, find: Callable[[], Any]) -> Any:
        """What `find()`, called in process 0 alone, gives: a value of JSON."""
        return find()

    def shared(self, value: Any) -> Any:
        """The value that process 0 has."""
        return value

    def bounds(self, batch_size: Any) -> tuple[Any, Any]:
        """The first row of this process, and the one after its last."""
        return 0, batch_size

    def own_rows(self, states: Any) -> Any:
        """The rows of this process, of states of the whole batch."""
        return states

    def all_rows(self, states: Any) -> Any:
        """The states of the whole batch, of those of each process."""
        return states


class LocalDevices(Workers):
    """One process with several devices, each of which takes rows of its own of each batch.

    The weights are on the first of them. Of N devices, device k takes the rows that worker k of N
    takes; gradients are added up in the order of the devices.

    Args:
        devices: their names.
    """

    def __init__(self, devices: Sequence[str]):
        self.devices = tuple(devices)


class WorkerGroup(Workers):
    """Several processes, each with the whole model, which train on rows of their own.

    Of a batch of B rows, worker k of N takes ⌊B k / N⌋ up to ⌊B (k + 1) / N⌋. With n_k targets
    there, L_k their mean loss and g_k its gradient,

        g = Σ_k n_k g_k / Σ_k n_k,

    and so for L: what one process has of the whole batch. The sum is one reduction by
    `tf.distribute`, over a ring of processes (gRPC); each number is added up in an order that
    depends on N alone. Bits are passed on as 32-bit integers, to which zeros are added.

    Args:
        strategy: `tf.distribute.MultiWorkerMirroredStrategy`, of one device in each process. The
            variables of the model are not under its scope: it only sums.
        rank: the number of this process.
    """

    def __init__(self, strategy: Any, rank: int):
        self._strategy = strategy
        self.rank, self.size = rank, strategy.num_replicas_in_sync
        # What process 0 wishes for, and what it wished for at the last step.
        self._wish = tf.Variable(0.0, trainable=False)
        self._wished = tf.Variable(0.0, trainable=False)
        self._sum_integers = tf.function(self.sum, autograph=False)

    def bounds(self, batch_size: Any) -> tuple[Any, Any]:
        return bounds_of(batch_size, self.rank, self.size)

    def sum(self, tensor: tf.Tensor) -> tf.Tensor:
        """Σ over the processes, `[n]`. It is traced; all processes call it, in the same order."""

        def reduced(values):
            context = tf.distribute.get_replica_context()
            # A copy that is known to lie on the device of the replica.
            return context.all_reduce(tf.distribute.ReduceOp.SUM, tf.identity(values))

        return self._strategy.run(reduced, args=(tensor,))

    def mean(self, loss: tf.Tensor, gradients: list, num_targets: tf.Tensor) -> tuple:
        """(loss, number of targets, gradients) of the whole batch, of those of each process.

        It is traced. The wish of process 0 goes along.
        """
        here = tf.cast(num_targets, tf.float32)
        given = [g for g in gradients if g is not None]
        parts = [tf.reshape(tf.cast(t, tf.float32), [-1]) * here for t in (loss, *given)]
        total = self.sum(tf.concat([*parts, [here, tf.convert_to_tensor(self._wish)]], 0))
        self._wished.assign(total[-1])
        everywhere = total[-2]
        sizes = [part.shape[0] for part in parts]
        means = tf.split(tf.math.divide_no_nan(total[:-2], everywhere), sizes)
        values = iter(means[1:])
        gradients = [
            None if g is None else tf.cast(tf.reshape(next(values), g.shape), g.dtype)
            for g in gradients
        ]
        return means[0][0], tf.cast(everywhere, num_targets.dtype), gradients

    def agreed(self, due: Callable[[], bool]) -> bool:
        agreed = float(self._wished) > 0
        self._wished.assign(0.0)
        self._wish.assign(float(self.rank == 0 and due()))
        return agreed

    def found(self, find: Callable[[], Any]) -> Any:
        content = json.dumps(find()).encode() if self.rank == 0 else b""
        return json.loads(self.passed_on(content))

    def shared(self, value: Any) -> Any:
        # From one of our own processes, as all that Ray sends is.
        return pickle.loads(self.passed_on(pickle.dumps(value) if self.rank == 0 else b""))

    def passed_on(self, content: bytes) -> bytes:
        """The bytes that process 0 has."""
        length = int(self._summed(np.array([len(content) if self.rank == 0 else 0]))[0])
        words = np.zeros(-(-length // 4), "int32")
        if self.rank == 0:
            words.view("uint8")[:length] = np.frombuffer(content, "uint8")
        return self._summed(words).tobytes()[:length]

    def own_rows(self, states: Any) -> Any:
        def own(state):
            return Piece(*self.bounds(state.shape[0])).of(state)

        return tf.nest.map_structure(own, states)

    def all_rows(self, states: Any) -> Any:
        return tf.nest.map_structure(self._gathered, states)

    def _gathered(self, state):
        own = np.asarray(state)
        rows = self._summed(np.eye(self.size, dtype="int32")[self.rank] * len(own))
        content, of_row = own.tobytes(), own.nbytes // len(own)
        words = np.zeros(-(-int(rows.sum()) * of_row // 4), "int32")
        begin = int(rows[: self.rank].sum()) * of_row
        words.view("uint8")[begin : begin + len(content)] = np.frombuffer(content, "uint8")
        whole = self._summed(words).tobytes()[: int(rows.sum()) * of_row]
        return np.frombuffer(whole, own.dtype).reshape(-1, *own.shape[1:])

    def _summed(self, words: np.ndarray) -> np.ndarray:
        """Σ over the processes, of int32 `[n]`."""
        words = words.astype("int32").ravel()
        pieces, begin = [], 0
        while begin < len(words):
            size = _FEW if len(words) - begin <= _FEW else _MANY
            piece = words[begin : begin + size]
            padded = np.pad(piece, (0, size - len(piece)))
            pieces.append(self._sum_integers(tf.constant(padded)).numpy()[: len(piece)])
            begin += size
        return np.concatenate(pieces) if pieces else words


#: A process that trains by itself.
ALONE = Workers()
_present: ContextVar[Workers] = ContextVar("workers", default=ALONE)


def present_workers() -> Workers:
    """Those with whom a run that is prepared now is to train."""
    return _present.get()


@contextlib.contextmanager
def working_with(workers: Workers) -> Iterator[None]:
    """While it is open, runs that are prepared are to train with these workers."""
    token = _present.set(workers)
    try:
        yield
    finally:
        _present.reset(token)


def worker_strategy() -> Any:
    """The strategy of this process, as the environment variable TF_CONFIG says.

    It has to be made before TensorFlow computes anything. One ring passes every sum on: with two
    processes or more, a sum is in the same order each time.
    """
    ring = tf.distribute.experimental.CommunicationImplementation.RING
    return tf.distribute.MultiWorkerMirroredStrategy(
        communication_options=tf.distribute.experimental.CommunicationOptions(implementation=ring)
    )
