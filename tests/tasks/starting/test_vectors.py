"""A model whose embedding starts from word vectors."""

import numpy as np
import pytest
from small_tasks import options_of, write_data

import tfseq
from tfseq.errors import InputError
from tfseq.tasks.language_model.training import prepare
from tfseq.tasks.tagging.training import prepare as prepare_tagger

ROWS = {"the": [1, 2, 3], "time": [3, 2, 1], "year": [5, 2, 2], "sea": [0, 0, 0]}


@pytest.fixture
def vectors(tmp_path):
    path = tmp_path / "small.vec"
    lines = [f"{word} {' '.join(map(str, row))}" for word, row in ROWS.items()]
    path.write_text("\n".join(["4 3", *lines]) + "\n")
    return str(path)


def options(tmp_path, vectors, **changes):
    path = write_data("language_model", tmp_path)
    usual = {"corpus": str(path), "word_vectors": vectors, "tokenizer": "word", "export": False}
    usual |= {"units": 6, "batch_size": 32, "num_steps": 4, "verbose": "quiet", "epochs": 1}
    usual |= {"run_dir": str(tmp_path / "run"), "baseline": False, "sample_epochs": 0}
    return tfseq.LanguageModelOptions(**{**usual, **changes})


def test_rows_are_those_of_the_file_and_stay_so(vectors, tmp_path):
    training = prepare(options(tmp_path, vectors, freeze_embeddings=True))
    model, tokens = training.task.model, training.task.vocabulary.tokens
    table = model.embedding.embeddings.numpy()
    assert table.shape == (len(tokens), 3)
    found = [token for token in tokens if token in ROWS]
    assert {*found} == {"the", "time", "year"}
    for token in found:
        np.testing.assert_array_equal(table[tokens.index(token)], ROWS[token])
    # The others have the mean and the spread of these: the second column is always 2.
    np.testing.assert_array_equal(table[:, 1], 2)
    assert len(np.unique(table[:, 0])) == len(tokens)
    assert f"vectors of 3 numbers for 3 of {len(tokens)} symbols ({3 / len(tokens):.1%})" in (
        training.summary()
    )
    learning = {id(weight) for weight in model.trainable_variables}
    assert id(model.output_kernel) in learning
    assert id(model.embedding.embeddings) not in learning


def test_a_tagger_with_vectors(vectors, tmp_path):
    usual = options_of("tagging", tmp_path)
    more = {"word_vectors": vectors, "run_dir": str(tmp_path / "tags"), "export": False}
    with pytest.raises(InputError, match=r"has none of the .* symbols among its 4 words"):
        prepare_tagger(tfseq.TaggingOptions(data=usual.data, **more))
    with open(vectors, "w") as file:
        file.write("b-x1 1 2\no3 4 5\n")
    task = prepare_tagger(tfseq.TaggingOptions(data=usual.data, **more)).task
    assert task.options.embedding_size == 2
    row = task.vocabulary.tokens.index("o3")
    np.testing.assert_array_equal(task.model.embedding.embeddings[row], [4, 5])


def test_refusals(vectors, tmp_path):
    def refused(match, vectors=vectors, **changes):
        with pytest.raises(InputError, match=match):
            prepare(options(tmp_path, vectors, **changes))
        assert not (tmp_path / "run").exists()

    refused("`embedding_size` must be 3, the numbers of a vector in", embedding_size=8)
    refused("`init_from` and `word_vectors` exclude each other", init_from="runs/a")
    refused("`freeze_embeddings` needs `init_from` or", vectors=None, freeze_embeddings=True)
    refused("`unfreeze_epochs` needs `init_from`", unfreeze_epochs=1)
    broken = tmp_path / "broken.vec"
    broken.write_text("the 1 2 3\ntime 1 2\n")
    refused(r"`word_vectors`: .*broken\.vec:2: 2 numbers instead of 3", vectors=str(broken))
