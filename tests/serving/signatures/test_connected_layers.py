"""Exports of models whose layers differ in size, or have skip or residual connections."""

import numpy as np
import pytest

from .test_signatures import PROMPTS, columns
from .test_token_signatures import encoded, log_softmax, zero_states

SHAPES = [
    {"units": (12, 7), "num_layers": 1},
    {"skip_connections": "both"},
    {"units": (12, 9), "num_layers": 1, "residual": True, "feed_forward": 2, "embedding_size": 5},
]


@pytest.mark.slow
@pytest.mark.parametrize("shape", SHAPES, ids=["sizes", "skip", "blocks"])
def test_it_answers_as_python_does_and_step_by_step(shape, exported):
    language = exported("lstm", 2, "char", **shape)
    states = zero_states(language, len(PROMPTS))
    sizes = shape.get("units", (12, 12))
    assert {name: state.shape[1] for name, state in states.items()} == {
        f"state_{layer}_{part}": size for layer, size in enumerate(sizes) for part in "hc"
    }
    ids, num_tokens = encoded(language, PROMPTS)
    scored = language.run("score", text=PROMPTS)["token_log_probabilities"]
    for t in range(ids.shape[1] - 1):
        outputs = language.run("step", token_ids=ids[:, t], **states)
        states = {name: outputs[name] for name in states}
        steps = log_softmax(outputs["logits"])[np.arange(len(ids)), ids[:, t + 1]]
        inside = t + 1 < num_tokens
        np.testing.assert_allclose(steps[inside], scored[inside, t], atol=1e-5)
    answer = language.run("generate", prompt=PROMPTS, **columns(len(PROMPTS)))
    expected = language.generator.generate(PROMPTS, **columns(len(PROMPTS)))
    assert [text.decode() for text in answer["text"]] == [row.text for row in expected]
