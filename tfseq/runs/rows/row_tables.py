"""Tables of which a batch reads few rows: the others, and all that belongs to them, stay put."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from tfseq.errors import InputError
from tfseq.runs.rows.lagging_average import LaggingAverage, RowsOfAverage


@dataclass(frozen=True)
class Table:
    """A trainable variable `[rows, …]` of which a batch reads some rows.

    Attributes:
        variable: the variable.
        most_rows: how many rows a batch reads at most.
        ids: (batch, drawn) -> (own, shared): two lists of integer tensors, the ids of the rows that
            are read. Those of `own` have one row for each row of the batch; those of `shared` are
            read with all rows. `drawn` is what `Objective.draw` gives.
    """

    variable: keras.Variable
    most_rows: int
    ids: Callable[[Any, Any], tuple[Sequence[tf.Tensor], Sequence[tf.Tensor]]]


class ReadRows(NamedTuple):
    """The rows that a batch reads of a table.

    Attributes:
        values: `[most_rows, …]`, each row that is read once; what is left over is row 0.
        own, shared: the ids of `Table.ids`, each replaced by its place among the rows.
    """

    values: tf.Tensor
    own: list[tf.Tensor]
    shared: list[tf.Tensor]


class RowTables:
    """Gathers the rows that a batch reads, lets an optimizer update them, and puts them back.

    The optimizer is built for a small variable in place of each table, and so knows nothing of rows
    that a batch does not read. They are lazy, as with `torch.optim.SparseAdam`: neither the weights
    of such a row change nor what the optimizer keeps of it (moments, say), and no weight decay
    takes from it. What depends on the number of updates, as Adam's correction of its moments does,
    goes by all updates. An average of the weights is what it would be if all its rows were written
    at each update; see `LaggingAverage`.

    Args:
        tables: the tables.
        draw: `Objective.draw`.

    Attributes:
        stand_ins: the small variables `[most_rows, …]`, one for each table.
    """

    def __init__(self, tables: Sequence[Table], draw: Callable[[tf.Tensor], Any]):
        self.tables, self._draw = tables, draw
        self.stand_ins = [_stand_in(t, i) for i, t in enumerate(tables)]
        # For each table, pairs of what the optimizer keeps of its rows: of all, of those at hand.
        self._kept: list[list[tuple[tf.Variable, keras.Variable]]] = [[] for _ in tables]
        self._averages: list[list[LaggingAverage]] = [[] for _ in tables]

    @property
    def variables(self) -> list[tf.Variable]:
        """What the optimizer keeps of all rows: what a checkpoint holds."""
        return [whole for pairs in self._kept for whole, _ in pairs]

    @property
    def held(self) -> set[int]:
        """The `id`s of the variables of which a step writes some rows alone, after all else."""
        averages = [lag for of_table in self._averages for lag in of_table]
        of_averages = [v for lag in averages for v in (lag.value, lag.caught_up_to)]
        return {id(v) for v in [*(t.variable for t in self.tables), *of_averages]}

    def replaced(self, weights: Sequence[keras.Variable]) -> list[keras.Variable]:
        """The weights, with a stand-in for each table."""
        stand_ins = {id(t.variable): v for t, v in zip(self.tables, self.stand_ins, strict=True)}
        return [stand_ins.get(id(w), w) for w in weights]

    def adopt(self, optimizer: keras.optimizers.Optimizer) -> None:
        """Make room for what an optimizer, built for the `replaced` weights, keeps of all rows.

        Raises:
            InputError: it keeps something that has no row for each row of a weight.
        """
        for i, (table, stand_in) in enumerate(zip(self.tables, self.stand_ins, strict=True)):
            for kept in optimizer.variables:
                if stand_in.name not in kept.name:
                    continue
                if kept.shape != stand_in.shape:
                    raise InputError(
                        "`optimizer` must keep, for each weight, variables of the same shape "
                        "alone, where a batch updates some rows of a table. "
                        f"{type(optimizer).__name__} keeps one of {tuple(kept.shape)} for weights "
                        f"of {tuple(stand_in.shape)}. Use another optimizer, or `softmax` full."
                    )
                first = np.asarray(kept)[:1]
                whole = np.repeat(first, table.variable.shape[0], axis=0)
                self._kept[i].append((tf.Variable(whole, trainable=False), kept))

    def average(self, averages: Sequence[LaggingAverage]) -> None:
        """Keep these averages of tables, too."""
        for table, of_table in zip(self.tables, self._averages, strict=True):
            of_table += [lag for lag in averages if lag.weight is table.variable]

    def read(self, batch: Any, step: Any) -> "RowsAtHand":
        """Gather the rows that a batch reads in the step of this number. It is traced."""
        drawn = self._draw(tf.cast(step, tf.int64)) if self.tables else ()
        return RowsAtHand([self._read(table, batch, drawn) for table in self.tables], drawn)

    def _read(self, table, batch, drawn):
        own, shared = table.ids(batch, drawn)
        every = [*own, *shared]
        flat = [tf.reshape(ids, [-1]) for ids in every]
        ids, places = tf.unique(tf.concat(flat, 0))
        places = tf.split(places, [tf.size(f) if f.shape[0] is None else f.shape[0] for f in flat])
        places = [
            tf.ensure_shape(tf.reshape(p, tf.shape(i)), i.shape)
            for p, i in zip(places, every, strict=True)
        ]
        padded = tf.pad(ids, [[0, table.most_rows - tf.size(ids)]])
        padded.set_shape([table.most_rows])
        values = _gather(table.variable.value, padded)
        rows = ReadRows(values, places[: len(own)], places[len(own) :])
        return rows, ids, padded

    def begin(self, at_hand: "RowsAtHand") -> None:
        """Give the stand-ins the rows, and the optimizer what it keeps of them. It is traced."""
        for stand_in, kept, averages, (rows, _, padded) in zip(
            self.stand_ins, self._kept, self._averages, at_hand.parts, strict=True
        ):
            stand_in.assign(rows.values)
            for whole, part in kept:
                part.assign(_gather(whole, padded))
            at_hand.averages.append([a.read(padded, rows.values) for a in averages])

    def end(self, at_hand: "RowsAtHand") -> None:
        """Put the updated rows back. It is traced."""
        parts = zip(
            self.tables, self.stand_ins, self._kept, self._averages, at_hand.parts,
            at_hand.averages, strict=True,
        )  # fmt: skip
        for table, stand_in, kept, averages, (_, ids, _), before in parts:
            new = tf.convert_to_tensor(stand_in)
            _scatter(table.variable.value, ids, new)
            for whole, part in kept:
                _scatter(whole, ids, tf.convert_to_tensor(part))
            for average, rows in zip(averages, before, strict=True):
                average.write(ids, rows, new)


class RowsAtHand:
    """The rows of all tables that a batch reads, between being gathered and being put back.

    Attributes:
        parts: for each table the `ReadRows`, the distinct ids, and the same padded.
        averages: for each table and average its rows, before the update.
        drawn: what `Objective.draw` gave.
    """

    def __init__(self, parts, drawn):
        self.parts, self.drawn = parts, drawn
        self.averages: list[list[RowsOfAverage]] = []

    @property
    def rows(self) -> list[ReadRows]:
        """What `Objective.loss` is given."""
        return [rows for rows, _, _ in self.parts]


def _stand_in(table: Table, number: int) -> keras.Variable:
    variable = table.variable
    # An optimizer tells by the name whether it is a bias.
    name = f"rows_{number}_of_{variable.name}"
    shape = (table.most_rows, *variable.shape[1:])
    return keras.Variable(np.zeros(shape, variable.dtype), dtype=variable.dtype, name=name)


def _gather(variable, ids):
    return tf.raw_ops.ResourceGather(resource=variable.handle, indices=ids, dtype=variable.dtype)


def _scatter(variable, ids, rows) -> None:
    tf.raw_ops.ResourceScatterUpdate(
        resource=variable.handle, indices=ids, updates=rows[: tf.size(ids)]
    )
