"""A language model of documents behind strings: it ends texts, and says so."""

import json

import numpy as np
import pytest
from small_tasks import COMMON
from stories import options_of, write_stories

import tfseq
from tfseq.serving.client.streaming import stream_text
from tfseq.serving.loader.loader_process import LoaderProcess


class Loaded:
    """What a `Client` does of an export, in the C++ loader."""

    def __init__(self, loader, path):
        self.loader, self.path = loader, path

    def encode(self, texts):
        texts = [texts] if isinstance(texts, str) else texts
        given = np.array([text.encode() for text in texts], object)
        return self.loader.run(self.path, "encode", text=given)

    def decode(self, ids):
        given = {
            "token_ids": np.array(ids, "int32"),
            "num_tokens": np.array([len(row) for row in ids], "int32"),
        }
        texts = self.loader.run(self.path, "decode", **given)["text"]
        return {"text": [text.decode() for text in texts]}

    def step(self, ids, states):
        return self.loader.run(self.path, "step", token_ids=np.array(ids, "int32"), **states)

    def initial_states(self, rows):
        return {"state_0": np.zeros([rows, COMMON["units"]], "float32")}


@pytest.mark.slow
def test_an_export_ends_texts_and_says_so(tmp_path):
    write_stories(tmp_path / "stories.txt")
    task = tfseq.train(options_of(tmp_path, baseline=False, sample_epochs=0), lambda line: None)
    path = task.export(tmp_path / "stories")
    card = json.loads((path / "assets.extra" / "model_card.json").read_text())
    assert card["model"]["document_ids"] == [1, 2]
    expected = task.generate([""] * 9, 200, seed=list(range(9)))
    texts = ["a b c", "", "d"]

    def strings(*values):
        return np.array([value.encode() for value in values], object)

    with LoaderProcess() as loader:
        loader.load(path)
        numbers = {
            "max_new_tokens": np.full(9, 200, "int32"),
            "temperature": np.ones(9, "float32"),
            "top_k": np.zeros(9, "int32"),
            "top_p": np.ones(9, "float32"),
            "seed": np.arange(9),
        }
        outputs = loader.run(path, "generate", prompt=strings(*[""] * 9), **numbers)
        assert [t.decode() for t in outputs["completion"]] == [t.completion for t in expected]
        assert outputs["ended"].tolist() == [t.ended for t in expected]
        assert outputs["num_tokens"].tolist() == [t.num_tokens for t in expected]
        outputs = loader.run(path, "score", text=strings(*texts))
        whole = task.score(texts, count_end=True)
        total = outputs["log_probability"] + outputs["end_log_probability"]
        np.testing.assert_allclose(total, [s.log_probability for s in whole], rtol=1e-4)
        assert outputs["num_tokens"].tolist() == [5, 0, 1]
        cap = np.array([60], "int32")
        outputs = loader.run(path, "beam_search", prompt=strings("a b"), max_new_tokens=cap)
        beams = task.generator.beam_search("a b", 60, 4)
        assert [t.decode() for t in outputs["texts"][0]] == [t.text for t in beams]
        assert outputs["ended"][0].tolist() == [t.ended for t in beams]
        outputs = loader.run(path, "next_token", prompt=strings(""))
        assert b"<begin>" not in outputs["tokens"][0]
        outputs = loader.run(path, "encode", text=strings("a"))
        assert (outputs["begin_id"].tolist(), outputs["end_id"].tolist()) == ([1], [2])
        client = Loaded(loader, path)
        for prompt, seed in (("", 2), ("", 5), ("a b", 3)):
            streamed = "".join(stream_text(client, prompt, 40, seed=seed))
            assert streamed == task.generate(prompt, 40, seed=seed).completion
        # BEGIN and END begin a document, whatever was read before.
        begun = [loader.run(path, "step", token_ids=np.array([token], "int32"),
                            state_0=np.full([1, 6], state, "float32"))
                 for token, state in ((1, 0), (2, 9))]  # fmt: skip
        np.testing.assert_array_equal(begun[0]["logits"], begun[1]["logits"])
