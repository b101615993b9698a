"""Small models whose next-token distributions are far from uniform."""

import pytest
from lively_weights import draw_weights

import tfseq


@pytest.fixture(scope="session")
def make_model():
    """`make_model(vocabulary_size, cell, num_layers, **options)`, with weights drawn at large."""

    def make(vocabulary_size, cell="gru", num_layers=1, units=12, **options):
        model = tfseq.LanguageModel(
            vocabulary_size, cell=cell, units=units, num_layers=num_layers, **options
        )
        draw_weights(model, len(cell) + 10 * num_layers)
        return model

    return make
