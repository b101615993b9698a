"""The Mogrifier LSTM."""

from typing import Any

import keras
from keras import ops

from tfseq.cells.lstm_cell import LSTMCell
from tfseq.cells.recurrent_cell import unchanged
from tfseq.options.rules import CountOrZero, PositiveInt, checked


@keras.saving.register_keras_serializable(package="tfseq")
class MogrifierCell(LSTMCell):
    """One step of the Mogrifier LSTM (Melis et al., 2020, https://arxiv.org/abs/1909.01792).

    Before an LSTM's step, its input and its state gate each other, in turns:

        X ← 2σ(H Q_k) ⊙ X                           in round k = 1, 3, …
        H ← 2σ(X R_k) ⊙ H                           in round k = 2, 4, …

    beginning with X_t and H_{t-1}; with the X and H that come of it

        F_t = σ(X W_xf + H W_hf + b_f)
        I_t = min(σ(X W_xi + H W_hi + b_i), 1 − F_t)
        C̃_t = φ(X W_xc + H W_hc + b_c)
        O_t = σ(X W_xo + H W_ho + b_o)
        C_t = F_t ⊙ C_{t-1} + I_t ⊙ C̃_t
        H_t = O_t ⊙ φ(C_t)

    The cap on the input gate is that of the authors' language models: it keeps C within the
    bounds of φ. As X depends on the state, no product runs ahead of the loop: a step multiplies by
    all the matrices, and takes several times as long as an LSTM's.

    Weights, blocks of columns in the order i, f, c, o: `kernel [features, 4 units]`,
    `recurrent_kernel [units, 4 units]`, `bias [4 units]`, then for each round `mogrifier_k`:
    Q_k `[units, features]` for odd k, R_k `[features, units]` for even k; with a `rank` r two
    factors, `mogrifier_k_left [·, r]` and `mogrifier_k_right [r, ·]`. They begin as
    `kernel_initializer` says.

    Args:
        units, activation, recurrent_activation, use_bias, unit_forget_bias: as for `LSTMCell`;
            the gates of the rounds are sigmoids.
        rounds: integer, 0 or more; the paper takes 5 or 6. Without any, it is an LSTM with a cap.
        rank: positive integer; None for matrices of full rank.
        cap_input_gate: whether the input gate is capped.
        **kwargs: initializers, regularizers, constraints and the rest: see `RecurrentCell`, and for
            the call and its results too.

    Example:

    >>> import numpy as np
    >>> cell = MogrifierCell(4, rounds=2)
    >>> output, (h, c) = cell(np.ones((2, 5), "float32"), cell.get_initial_state(batch_size=2))
    >>> [tuple(w.shape) for w in cell.weights]
    [(5, 16), (4, 16), (16,), (4, 5), (5, 4)]
    """

    def __init__(
        self,
        units: int,
        *arguments,
        rounds: int = 5,
        rank: int | None = None,
        cap_input_gate: bool = True,
        **kwargs,
    ):
        rounds = checked("rounds", rounds, CountOrZero)
        rank = checked("rank", rank, PositiveInt | None)
        super().__init__(units, *arguments, **kwargs)
        self.rounds = rounds
        self.rank = rank
        self.cap_input_gate = bool(cap_input_gate)

    def build(self, input_shape) -> None:
        super().build(input_shape)
        self.mogrifiers = []
        for k in range(1, self.rounds + 1):
            sizes = (self.units, input_shape[1]) if k % 2 else (input_shape[1], self.units)
            shapes = {"": sizes}
            if self.rank is not None:
                shapes = {"_left": (sizes[0], self.rank), "_right": (self.rank, sizes[1])}
            for part, shape in shapes.items():
                weight = self.add_weight(
                    name=f"mogrifier_{k}{part}",
                    shape=shape,
                    initializer=self.kernel_initializer,
                    regularizer=self.kernel_regularizer,
                    constraint=self.kernel_constraint,
                )
                self.mogrifiers.append(weight)

    def input_weights(self) -> tuple:
        return ()

    def recurrent_weights(self) -> tuple:
        return self.kernel, self.recurrent_kernel, self.bias, *self.mogrifiers

    def project(self, inputs) -> Any:
        """X_t itself, `[batch, features]`: the state has a say in all that is made of it."""
        one_hot = len(inputs.shape) == 1
        features = self.kernel.shape[0]
        return ops.one_hot(inputs, features, dtype=self.compute_dtype) if one_hot else inputs

    def recur(
        self, x, states, kernel, recurrent_kernel, bias, *mogrifiers, drop_state=unchanged
    ) -> list:
        h, c = states
        σ, φ = self.recurrent_activation, self.activation
        factors = 1 if self.rank is None else 2
        for k in range(self.rounds):
            read = x if k % 2 else h
            for matrix in mogrifiers[factors * k : factors * (k + 1)]:
                read = ops.matmul(read, matrix)
            gate = 2 * ops.sigmoid(read)
            x, h = (x, gate * h) if k % 2 else (gate * x, h)

        a = ops.matmul(x, kernel) + ops.matmul(drop_state(h), recurrent_kernel)
        i, f, candidate, o = ops.split(a if bias is None else a + bias, 4, axis=-1)
        i, f = σ(i), σ(f)
        if self.cap_input_gate:
            # Not a minimum: of numbers that are none, XLA's is another.
            i = ops.where(i < 1 - f, i, 1 - f)
        c = f * c + i * φ(candidate)
        h = σ(o) * φ(c)
        return [h, c]

    def get_config(self) -> dict[str, Any]:
        names = ("rounds", "rank", "cap_input_gate")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}
