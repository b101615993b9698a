"""The losses of all orders from one count, beside a model of each."""

import numpy as np
import pytest

from models.kenlm_texts import TEXTS
from tfseq import NGramModel
from tfseq.models.ngram.ngram_orders import mean_losses_by_order


@pytest.mark.parametrize("num_ids", [3, 11, 4000])
def test_each_is_that_of_its_own_model(num_ids):
    train, held_out, size = TEXTS["made"]()
    train, held_out = np.array(train[:num_ids]), np.array(held_out[:500])
    losses = mean_losses_by_order(train, held_out, 7, size)
    for order, loss in enumerate(losses, start=1):
        model = NGramModel(order).fit(train, size)
        expected = -model.log_probabilities(held_out, context=train).mean()
        assert loss == pytest.approx(expected, rel=1e-12), order
