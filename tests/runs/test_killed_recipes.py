"""Runs of every kind that are killed and resumed: recipes, softmax, documents, another run."""

import random
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from .killed_runs import (
    after_some_steps,
    assert_same_run,
    options_of,
    train,
    train_and_kill,
    while_writing,
)


def assert_same_where_killed(
    corpus: Path, place: Path, moments: Sequence[Callable[[Path], bool]], *options: str
) -> None:
    """A run that is killed at these moments, one after the other, ends as one that is not."""
    train(corpus, place / "whole", *options)
    run_dir = place / "killed"
    given = options
    for moment in moments:
        assert train_and_kill(corpus, run_dir, moment, *given)
        given = ("--resume",)
    train(corpus, run_dir, "--resume")

    assert_same_run(run_dir, place / "whole")


@pytest.mark.slow
def test_killed_where_it_recomputes(corpus, tmp_path):
    options = [*options_of("lstm"), "--recompute-steps=5"]
    assert_same_where_killed(corpus, tmp_path, [after_some_steps(9, 0.01)], *options)


EVERYTHING = (
    "--schedule=cosine --warmup=0.5 --optimizer=nadam --weight-decay=0.1 --no-decay-biases "
    "--accumulate=2 --averaging=two_tailed --window-lengths=varied --state-reset=0.2 "
    "--cell=lstm --units 12 8 --dropout-mask=window --input-dropout=0.1 --layer-dropout=0.2 "
    "--output-dropout=0.25 --embedding-dropout=0.1 --weight-dropout=0.4 --recurrent-dropout=0.1 "
    "--zoneout=0.1 --activation-regularization=2 --temporal-activation-regularization=1 "
    "--label-smoothing=0.1 --residual --feed-forward=1.5 --embedding-size=8 --tie-embeddings"
).split()


@pytest.mark.slow
def test_killed_with_every_part_of_a_recipe_at_once(corpus, tmp_path):
    moments = [after_some_steps(8, 0.01), while_writing(5)]
    assert_same_where_killed(corpus, tmp_path, moments, *options_of("lstm"), *EVERYTHING)


@pytest.mark.slow
@pytest.mark.parametrize(
    "softmax",
    [
        "--softmax=sampled --num-sampled=5 --tie-embeddings",
        "--softmax=adaptive --cutoffs 3 6 --embedding-size=4",
    ],
)
def test_killed_where_rows_are_not_read(softmax, corpus, tmp_path):
    """Rows of the embedding, their moments and their averages are in the checkpoint too."""
    recipe = "--tokenizer=word --averaging=ema --weight-decay=0.1 --embedding-dropout=0.1"
    options = [*options_of("rnn"), *recipe.split(), *softmax.split()]
    assert_same_where_killed(corpus, tmp_path, [after_some_steps(6, 0.01)], *options)


@pytest.mark.slow
def test_killed_among_documents(corpus, tmp_path):
    """Their order is another one in each epoch, and so are windows and dropout."""
    documents = tmp_path / "documents.txt"
    words, chance = corpus.read_text().split(), random.Random(3)
    pieces = []
    while words:
        length = chance.randrange(1, 9)
        pieces.append(" ".join(words[:length]))
        words = words[length:]
    documents.write_text("<|end|>".join(pieces))
    options = [*options_of("lstm"), "--documents=<|end|>", "--split=shuffled", "--batch-size=32"]
    options += ["--num-steps=4", "--state-reset=0.1", "--window-lengths=varied"]
    moments = [after_some_steps(8, 0.01), while_writing(5)]
    assert_same_where_killed(documents, tmp_path, moments, *options)


@pytest.mark.slow
def test_killed_while_it_goes_on_from_another_run(corpus, tmp_path):
    """Subwords and documents of that run, rows that are not read, and layers that thaw."""
    text = corpus.read_text()
    documents = tmp_path / "documents.txt"
    documents.write_text(text.replace("machine ", "<|end|>"))
    of_both = "--documents=<|end|> --split=shuffled --test-fraction=0.1".split()
    of_source = "--tokenizer=subword --vocabulary-size=280 --softmax=sampled --num-sampled=20"
    source, begun = tmp_path / "source", tmp_path / "begun"
    options = [*options_of("lstm"), *of_both, *of_source.split(), "--embedding-size=8"]
    train(documents, source, *options, "--epochs=1")

    thawing = "--unfreeze-epochs=1 --layer-rate-factor=1.5".split()
    recipe = [o for o in options_of("lstm") if not o.startswith(("--units", "--num-l", "--cell"))]
    documents.write_text(text.replace("light ", "<|end|>"))
    begin = [*recipe, *of_both, *thawing, f"--init-from={source}"]
    train(documents, tmp_path / "whole", *begin)
    assert train_and_kill(documents, begun, after_some_steps(5, 0.01), *begin)
    source.rename(tmp_path / "gone")
    assert train_and_kill(documents, begun, while_writing(5), "--resume")
    train(documents, begun, "--resume")

    assert_same_run(begun, tmp_path / "whole")
