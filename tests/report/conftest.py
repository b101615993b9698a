"""What tests of pictures share."""

import pytest
from matplotlib.figure import Figure


@pytest.fixture
def drawn(monkeypatch):
    """The axes of each figure that is saved."""
    axes, savefig = [], Figure.savefig

    def watched(figure, *args, **kwargs):
        axes.extend(figure.axes)
        savefig(figure, *args, **kwargs)

    monkeypatch.setattr(Figure, "savefig", watched)
    return axes
