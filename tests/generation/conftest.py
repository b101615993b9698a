"""Small models whose next-token distributions are far from uniform."""

import numpy as np
import pytest

import tfseq


@pytest.fixture(scope="session")
def make_model():
    """`make_model(vocabulary_size, cell, num_layers, **options)`, with weights drawn at large."""

    def make(vocabulary_size, cell="gru", num_layers=1, units=12, **options):
        model = tfseq.LanguageModel(
            vocabulary_size, cell=cell, units=units, num_layers=num_layers, **options
        )
        rng = np.random.default_rng(len(cell) + 10 * num_layers)
        for weight in model.weights:
            weight.assign(rng.normal(scale=0.8, size=weight.shape))
        return model

    return make
