"""A language model whose text a cluster encodes is the one that is trained without."""

import dataclasses

import numpy as np
import pytest

import tfseq

OPTIONS = tfseq.LanguageModelOptions(
    export=False,
    report=False,
    baseline=False,
    sample_epochs=0,
    epochs=1,
    units=4,
    num_layers=1,
    batch_size=4,
    num_steps=20,
    schedule="constant",
    verbose="quiet",
)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("tokenizer", "documents"), [("word", None), ("subword", None), ("subword", "cat")]
)
def test_it_has_the_same_weights_and_goes_on_without(quiet_ray, tmp_path, tokenizer, documents):
    text = tmp_path / "text.txt"
    text.write_text("The cat sat on the mat, and the hat was where the rat sat.\r\n" * 300)
    lines = []
    options = dataclasses.replace(
        OPTIONS, corpus=str(text), tokenizer=tokenizer, documents=documents
    )
    runs, tasks = {}, {}
    for name, cluster in (("alone", None), ("cluster", "auto")):
        place = tmp_path / name
        runs[name] = dataclasses.replace(
            options, cluster=cluster, run_dir=str(place), cache_dir=str(tmp_path / f"{name}_cache")
        )
        tasks[name] = tfseq.train(runs[name], log=lines.append)
    assert sum("cluster started here" in line for line in lines) == 1
    check_same_weights(tasks)
    files = ["vocabulary.txt", "corpus.json"]
    files += ["subwords.model"] if tokenizer == "subword" else []
    for file in files:
        alone, cluster = ((tmp_path / name / file).read_bytes() for name in runs)
        assert alone == cluster, file
    entries = [[path.name for path in (tmp_path / f"{name}_cache").iterdir()] for name in runs]
    assert entries[0] == entries[1]
    task = tfseq.load(runs["cluster"].run_dir)
    assert task.evaluate()["perplexity"] > 1
    for name in runs:
        on = dataclasses.replace(runs[name], cluster=None, resume=True, epochs=2)
        tasks[name] = tfseq.train(on, log=lines.append)
    check_same_weights(tasks)


def check_same_weights(tasks):
    alone, cluster = (tasks[name].model.get_weights() for name in ("alone", "cluster"))
    for one, other in zip(alone, cluster, strict=True):
        np.testing.assert_array_equal(one, other)
