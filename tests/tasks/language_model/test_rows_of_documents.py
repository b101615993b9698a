"""Documents where a step reads few of many words: what is learned is what is measured."""

import numpy as np
import pytest
import tensorflow as tf

from tfseq import LanguageModel
from tfseq.runs.rows.row_tables import RowTables
from tfseq.tasks.language_model.large_vocabulary import LargeVocabulary

BEGIN, END, V = 1, 2, 12
IDS = np.array([[2, 5, 7, 2, 2, 4], [9, 2, 3, 3, 11, 2], [1, 8, 6, 5, 2, 10]], "int32")


@pytest.mark.parametrize(
    "shape",
    [
        {"softmax": "sampled", "embedding_size": 4, "tie_embeddings": True},
        {"softmax": "sampled", "embedding_size": 3},
        {"softmax": "adaptive", "embedding_size": 3, "cutoffs": [4, 8]},
    ],
    ids=["tied", "sampled", "adaptive"],
)
def test_a_document_begins_with_the_row_that_is_learned(shape):
    """An END that is read is a BEGIN in training too, where rows are gathered before."""
    model = LanguageModel(V, cell="rnn", units=4, document_ids=(BEGIN, END), **shape)
    large = LargeVocabulary(model, seed=0, num_sampled=5, num_targets=15)
    batch = tf.constant(IDS[:, :-1]), tf.constant(IDS[:, 1:])
    gathered = RowTables(large.tables, large.draw).read(batch, 0)

    learned, _ = large.stack_outputs(batch[0], model.initial_states(3), gathered.rows)

    measured, _ = model.stack_outputs(batch[0])
    np.testing.assert_allclose(learned, measured, rtol=1e-6, atol=1e-7)
    begun, _ = model.stack_outputs(tf.constant([[BEGIN, 5]]))
    np.testing.assert_allclose(learned[0, :2], begun[0], rtol=1e-6, atol=1e-7)
