"""Cells as people publish them: `tfseq.RNN` gives what `keras.layers.RNN` gives.

Each cell runs in one setting here, in which every pair of values meets over all cells;
`cell_table.py` runs each cell in each setting.
"""

import pytest
from both_layers import compare
from cell_settings import covering_settings, for_case
from published_cells import CASES

pytestmark = [
    # Keras' own, of a layer whose `build` is that of `Layer`, and of weights without a gradient.
    pytest.mark.filterwarnings("ignore:.*does not have a `build:UserWarning"),
    pytest.mark.filterwarnings("ignore:Gradients do not exist for variables:UserWarning"),
]


def _setting(position, name):
    settings = covering_settings()
    return for_case(settings[position % len(settings)], CASES[name])


@pytest.mark.parametrize(("position", "name"), list(enumerate(CASES)), ids=list(CASES))
def test_a_cell_gives_what_it_gives_in_the_layer_of_keras(position, name):
    comparison = compare(CASES[name], _setting(position, name))
    assert "keras" not in comparison.refusals, str(comparison)
    assert comparison.same, f"{comparison.setting}: {comparison}"
