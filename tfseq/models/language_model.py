"""The recurrent language model: token ids in, logits of the next token out."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops, tree

from tfseq.cells.arguments import check_shape
from tfseq.layers import mark_lookup
from tfseq.layers.dropout import dropping
from tfseq.layers.projection import project
from tfseq.models.language_model_arguments import (
    check_one_direction,
    check_output_layer,
    check_tied,
    checked_ids,
)
from tfseq.models.output.adaptive_softmax import AdaptiveSoftmax
from tfseq.models.output.token_losses import token_losses
from tfseq.models.recurrent_model import RecurrentModel
from tfseq.options.model.connections import output_width
from tfseq.options.model.layer_sizes import layer_sizes
from tfseq.options.model.softmax import Softmax
from tfseq.options.rules import PositiveInt, Probability, checked


@keras.saving.register_keras_serializable(package="tfseq")
class LanguageModel(RecurrentModel):
    r"""P(x_{t+1} | x_1, ..., x_t) by a stack of recurrent layers.

    X_t = onehot(x_t), or row x_t of an embedding table;
    H_t = the stack's output at step t;
    O_t = H_t W_hq + b_q;  P(x_{t+1} = k | x_1, ..., x_t) = softmax(O_t)_k.

    With `dropout`, every connection that does not go through time is dropped in training (Zaremba
    et al., 2014, https://arxiv.org/abs/1409.2329); a one-hot input is dropped whole.

    Args:
        vocabulary_size: positive integer, V.
        cell, units, num_layers, dropout: see `RecurrentModel`.
        embedding_size: positive integer, columns of the embedding table; None feeds one-hot
            vectors of size V.
        tie_embeddings: use the embedding table, transposed, as W_hq (Press and Wolf, 2017,
            https://arxiv.org/abs/1608.05859). Needs an `embedding_size` as wide as the
            outputs of the stack: `units` of the last layer, or, with skip connections to the
            outputs, the sum over all layers.
        embedding_dropout: probability in [0, 1), of a symbol in a window: all its X_t are then
            zero in training, and those of the others divided by 1 − probability (Gal and
            Ghahramani, 2016, https://arxiv.org/abs/1512.05287). Drawn for each call.
        softmax: `"full"`; `"sampled"`, the same model, whose output layer has a row for each symbol
            in place of a column, W_hq = `output_table`ᵀ, so that training may read few of them; or
            `"adaptive"`, with an `AdaptiveSoftmax`, whose log-probabilities are then the logits.
        cutoffs: where the clusters of an adaptive softmax begin; None takes the usual ones.
        document_ids: the ids of BEGIN and END, where texts are documents; None where they are not.
            An END that is read is a BEGIN, which is read after the zero state:
            S_{t-1} ← 0 where x_t is one of them, in every row and at every step.
        bidirectional: refused when True; such a model would see the future.

    Call arguments:
        ids: int32 `[B, T]`, each in [0, V).
        states: as they are returned; None starts from zeros.
        return_states: return `(logits, states)` instead of the logits alone.
        mask: bool `[B, T]`; a step with False keeps the state as it was.
        training: applies dropout when True.

    Returns:
        Logits, float `[B, T, V]`; with `return_states` also the states after the last step: for
        each layer `[B, units]`, and for an LSTM the pair `[h, c]`.

    Example:

    >>> import numpy as np
    >>> model = LanguageModel(28, cell="lstm", units=8)
    >>> logits, states = model(np.zeros([2, 5], "int32"), return_states=True)
    >>> logits.shape, [h.shape for h in states[0]]
    (TensorShape([2, 5, 28]), [TensorShape([2, 8]), TensorShape([2, 8])])

    Source: Mikolov et al., Recurrent neural network based language model, Interspeech 2010.
    """

    def __init__(
        self,
        vocabulary_size: int,
        cell="gru",
        units: int | Sequence[int] = 256,
        num_layers: int = 1,
        dropout: float = 0.0,
        embedding_size: int | None = None,
        tie_embeddings: bool = False,
        bidirectional: bool = False,
        embedding_dropout: float = 0.0,
        softmax: Softmax = "full",
        cutoffs: Sequence[int] | None = None,
        document_ids: Sequence[int] | None = None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        check_one_direction(bidirectional)
        vocabulary_size = checked("vocabulary_size", vocabulary_size, PositiveInt)
        sizes = layer_sizes(units, num_layers)
        embedding_size = checked("embedding_size", embedding_size, PositiveInt | None)
        self.softmax = checked("softmax", softmax, Softmax)
        check_output_layer(softmax, cutoffs, tie_embeddings)
        if tie_embeddings:
            check_tied(embedding_size, sizes, output_width(sizes, self.skip_connections))
        self.cutoffs = cutoffs
        self.document_ids = checked_ids(document_ids, vocabulary_size)
        self.vocabulary_size = vocabulary_size
        self.embedding_size = embedding_size
        self.tie_embeddings = tie_embeddings
        self.supports_masking = True
        self.embedding_dropout = float(checked("embedding_dropout", embedding_dropout, Probability))
        if self.embedding_dropout:
            self.seed_generator = keras.random.SeedGenerator()

        self.embedding = None
        if embedding_size is not None:
            # As torch.nn.Embedding begins; smaller where the table is the output layer too, so
            # that the first logits are near zero.
            scale = embedding_size**-0.5 if tie_embeddings else 1.0
            self._add_embedding(vocabulary_size, embedding_size, scale)
        features = embedding_size or vocabulary_size
        self._add_stack(features, cell, units, num_layers, dropout)
        if tie_embeddings and self.hidden_size != embedding_size:
            raise ValueError(
                "`tie_embeddings` needs cells whose output is as wide as the embedding table. "
                f"Received: output size {self.hidden_size}, embedding_size={embedding_size}."
            )
        self._add_output_layer()
        if self.embedding is None:
            self._scale_kernels_of_inputs()
        self.built = True

    def _add_output_layer(self):
        size = self.vocabulary_size
        if self.softmax == "adaptive":
            self.adaptive_softmax = AdaptiveSoftmax(
                self.hidden_size, size, self.cutoffs, dtype=self.dtype_policy, name="softmax"
            )
            return
        if not self.tie_embeddings:
            name, shape = "output_kernel", (self.hidden_size, size)
            if self.softmax == "sampled":
                name, shape = "output_table", shape[::-1]
            weight = self.add_weight(shape=shape, initializer="glorot_uniform", name=name)
            setattr(self, name, weight)
        self.output_bias = self.add_weight(shape=(size,), initializer="zeros", name="output_bias")

    def _scale_kernels_of_inputs(self):
        """For one-hot vectors: multiplies the kernels that read them by √V.

        An initializer such as Glorot's presumes components of variance 1; those of a one-hot vector
        have a mean square of 1 / V.
        """
        size = self.vocabulary_size
        cells = [rnn.cell for rnn in self.stack.rnns]
        for kernel, rows in self.stack.connections.kernels_of_inputs(cells, size):
            scale = np.ones((kernel.shape[0], 1), "float32")
            scale[rows] = size**0.5
            kernel.assign(kernel * scale)

    @property
    def hidden_size(self) -> int:
        """Size D of the vectors that the output layer reads.

        For tfseq's own cells it is `units`, of the last layer.
        """
        return self.stack.output_size

    def call(self, ids, states=None, return_states=False, mask=None, training=None) -> Any:
        hidden, states = self.hidden(ids, states, mask=mask, training=training)
        logits = self.logits(hidden)
        return (logits, states) if return_states else logits

    def hidden(self, ids, states=None, mask=None, training=None, rows=None) -> tuple:
        """Run the stack: ids int `[B, T]` -> (H float `[B, T, D]`, states).

        `rows` are `(rows of the embedding table [R, E], the place of each id among them [B, T])`,
        where those that are needed have been read before; None reads the table.
        """
        outputs, states = self.stack_outputs(ids, states, mask, training, rows)
        return self.output_dropout(outputs, training=training), states

    def stack_outputs(self, ids, states=None, mask=None, training=None, rows=None) -> tuple:
        """What `hidden` returns, before the dropout behind the last layer."""
        check_shape(ids, "`ids` must have the shape", "B", "T")
        begun = {} if self.document_ids is None else {"resets": self._begins(ids)}
        ids = self.ids_read(ids)
        inputs = self.input_dropout(self._embed(ids, training, rows), training=training)
        return self.stack(inputs, initial_state=states, mask=mask, training=training, **begun)

    def ids_read(self, ids) -> Any:
        """The ids whose rows of the embedding are read: BEGIN in place of an END."""
        if self.document_ids is None:
            return ids
        ids = ops.convert_to_tensor(ids)
        return ops.where(self._begins(ids), ops.cast(self.document_ids[0], ids.dtype), ids)

    def _begins(self, ids) -> Any:
        return ops.logical_or(*(ops.equal(ids, id_) for id_ in self.document_ids))

    def output_weights(self) -> tuple:
        """The weights of the output layer, in the dtype that the model computes in.

        They are W_hq and b_q, or those of an `AdaptiveSoftmax`.
        """
        if self.softmax == "adaptive":
            return self.adaptive_softmax.weights_read()
        if self.tie_embeddings or self.softmax == "sampled":
            kernel = ops.transpose(self.output_rows)
        else:
            kernel = self.output_kernel
        return ops.cast(kernel, self.compute_dtype), ops.cast(self.output_bias, self.compute_dtype)

    @property
    def output_rows(self) -> Any:
        """The variable W_hqᵀ `[V, D]`, where there is one: of tied embeddings, or `"sampled"`."""
        return self.embedding.embeddings if self.tie_embeddings else self.output_table

    def logits(self, hidden, weights=None) -> Any:
        """The output layer: H float `[..., D]` -> O float `[..., V]`; `weights`: `output_weights`.

        In a loop, read these before it.
        """
        if self.softmax == "adaptive":
            return self.adaptive_softmax.log_probabilities(hidden, weights)
        kernel, bias = weights or self.output_weights()
        return project(ops.cast(hidden, self.compute_dtype), kernel) + bias

    def token_losses(self, hidden, targets) -> Any:
        """−log P(y_t), exact: H float `[B, T, D]`, y int `[B, T]` -> float32 `[B, T]`.

        The logits of some tokens at a time are in memory.
        """
        weights = self.output_weights()
        return token_losses(
            lambda h: self.logits(h, weights), hidden, targets, self.vocabulary_size
        )

    def step(self, ids, states) -> tuple:
        """One step without a loop: ids int `[B]`, states -> (logits `[B, V]`, states)."""
        hidden, states = self.step_hidden(ids, states)
        return self.logits(hidden), states

    def step_hidden(self, ids, states) -> tuple:
        """One step of the stack alone: ids int `[B]`, states -> (H float `[B, D]`, states)."""
        if self.document_ids is not None:
            begins, ids = self._begins(ids), self.ids_read(ids)

            def begun(state):
                rows = ops.reshape(begins, (-1, *[1] * (len(state.shape) - 1)))
                return ops.where(rows, ops.cast(0, state.dtype), state)

            states = tree.map_structure(begun, states)
        return self.stack.step(self.step_inputs(ids), states)

    def step_inputs(self, ids) -> Any:
        """What a step of the stack reads for ids `[B]`."""
        # A row of the kernel for an id is what the product with its one-hot vector comes to.
        looked_up = not getattr(self.stack.rnns[0].cell, "has_own_call", True)
        looked_up = looked_up and self.stack.connections.plain
        return ids if self.embedding is None and looked_up else self._embed(ids)

    def initial_states(self, batch_size) -> list:
        """The zero states for `batch_size` sequences, as `call` takes and returns them."""
        return self.stack.get_initial_state(batch_size)

    def _embed(self, ids, training=False, rows=None):
        if rows is not None:
            table, places = rows
            inputs = ops.cast(ops.take(table, places, axis=0), self.compute_dtype)
        elif self.embedding is None:
            inputs = ops.one_hot(ids, self.vocabulary_size, dtype=self.compute_dtype)
            table = None
        else:
            inputs = self.embedding(ids)
            table = ops.cast(self.embedding.embeddings, self.compute_dtype)
        if training and self.embedding_dropout:
            # One factor for each symbol. Of the table itself, the rows that are read keep a
            # gradient of their own.
            factors = ops.ones([self.vocabulary_size], self.compute_dtype)
            factors = dropping(self.embedding_dropout, self.seed_generator)(factors)
            inputs *= ops.take(factors, ids, axis=0)[..., None]
            if rows is None:
                table = factors if table is None else table * factors[:, None]
        return mark_lookup(inputs, ids, table) if rows is None else inputs

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "vocabulary_size": self.vocabulary_size,
            "embedding_size": self.embedding_size,
            "tie_embeddings": self.tie_embeddings,
            "embedding_dropout": self.embedding_dropout,
            "softmax": self.softmax,
            "cutoffs": self.cutoffs,
            "document_ids": None if self.document_ids is None else [*self.document_ids],
        }
