"""A model that starts from the weights of a run of a language model."""

import json
import shutil

import numpy as np
import pytest
from small_tasks import options_of, write_data

import tfseq
from tfseq.errors import InputError
from tfseq.options.run_options import parse_run_options
from tfseq.tasks.language_model.training import prepare as prepare_language_model
from tfseq.tasks.tagging.training import prepare as prepare_tagger
from tfseq.tasks.text_classification.training import prepare as prepare_classifier

WORDS = {"tokenizer": "word", "cell": "lstm", "num_layers": 2}


def as_run(options):
    """A run as if it had been trained: with the weights that its model begins with."""
    training = prepare_language_model(options)
    training.run.directory.create(training.run.options, training.task.vocabulary, "digest")
    training.run.directory.write_weights(training.task.model)
    return tfseq.load(training.run.directory.path)


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A run of two layers on words."""
    place = tmp_path_factory.mktemp("source")
    return as_run(options_of("language_model", place, **WORDS))


@pytest.fixture
def text(tmp_path):
    """A text with words that the run does not know."""
    path = tmp_path / "new.txt"
    path.write_text("the time machine in a bright new year and a bright age " * 40)
    return path


def started(source, text, tmp_path, **changes):
    options = {"corpus": str(text), "run_dir": str(tmp_path / "run"), "num_steps": 16}
    options |= {"init_from": str(source.directory), "epochs": 1, "batch_size": 8}
    options |= {"export": False, "baseline": False, "sample_epochs": 0, "verbose": "quiet"}
    return tfseq.LanguageModelOptions(**{**options, **changes})


def test_symbols_keep_their_ids_and_weights(source, text, tmp_path):
    """Logits of known symbols after known symbols are, to the bit, those of the run."""
    training = prepare_language_model(started(source, text, tmp_path))
    vocabulary, known = training.task.vocabulary, len(source.vocabulary)
    assert vocabulary.tokens[:known] == source.vocabulary.tokens
    assert vocabulary.tokens[known:] == ("bright", "age", "and", "new")
    assert training.task.options.cell == "lstm"
    assert (training.task.options.units, training.task.options.num_layers) == (6, 2)
    ids = np.arange(known, dtype="int32")[None]
    theirs, ours = (np.asarray(task.model(ids)) for task in (source, training.task))
    np.testing.assert_array_equal(ours[..., :known], theirs)
    table = training.task.model.embedding.embeddings.numpy()
    assert np.isfinite(table).all()
    assert len(np.unique(table[known:], axis=0)) == 4
    assert f"{known} symbols kept, 4 added" in training.summary()


def test_one_hot_tokens_and_all_connections(text, tmp_path):
    """Kernels that read one-hot tokens get a row for each new one, wherever they are."""
    (tmp_path / "from").mkdir()
    more = {"embedding_size": 0, "cell": "mogrifier", "skip_connections": "both", "num_layers": 2}
    options = options_of("language_model", tmp_path / "from", tokenizer="word", **more)
    run = as_run(options)
    training = prepare_language_model(started(run, text, tmp_path))
    known = len(run.vocabulary)
    ids = np.arange(known, dtype="int32")[None]
    theirs, ours = (np.asarray(task.model(ids)) for task in (run, training.task))
    assert ours.shape[-1] == known + 4
    # The gates of a mogrifier read all columns of a token: those of new ones are zero in it.
    np.testing.assert_allclose(ours[..., :known], theirs, rtol=1e-5, atol=1e-6)


@pytest.mark.slow
def test_a_run_is_whole_without_what_it_started_from(source, text, tmp_path):
    """Resumed with the source gone, from a checkpoint or from none, it ends with the same bits."""
    place = shutil.copytree(source.directory, tmp_path / "source")
    usual = {"init_from": str(place), "schedule": "constant", "warmup": 0.0, "dropout": 0.2}
    usual |= {"unfreeze_epochs": 1, "layer_rate_factor": 2.6}

    def train(**changes):
        options = started(source, text, tmp_path, **{**usual, **changes})
        return tfseq.train(options, log=lines.append)

    lines = []
    whole = train(epochs=3, run_dir=str(tmp_path / "whole"))
    assert whole.run.path.joinpath("start.json").is_file()
    train(epochs=1, run_dir=str(tmp_path / "part"))
    shutil.copytree(tmp_path / "part", tmp_path / "none")
    shutil.rmtree(tmp_path / "none" / "checkpoints")
    shutil.rmtree(place)
    for name in ("part", "none"):
        resumed = train(epochs=3, run_dir=str(tmp_path / name), resume=True)
        assert "symbols kept" in "".join(lines[-10:])
        for a, b in zip(resumed.model.get_weights(), whole.model.get_weights(), strict=True):
            np.testing.assert_array_equal(a, b)
    notes = json.loads((tmp_path / "part" / "start.json").read_text())
    assert notes["init_from"] == str(place)
    assert len(notes["sha256"]) == 64
    (tmp_path / "none" / "start.weights.h5").write_bytes(b"no")
    shutil.rmtree(tmp_path / "none" / "checkpoints")
    with pytest.raises(InputError, match=r"start\.weights\.h5 cannot be read"):
        train(epochs=3, run_dir=str(tmp_path / "none"), resume=True)


@pytest.mark.slow
def test_steps_are_compiled_in_halves(source, text, tmp_path):
    options = started(
        source,
        text,
        tmp_path,
        batch_size=32,
        num_steps=8,
        unfreeze_epochs=1,
        layer_rate_factor=2.6,
        averaging="ema",
        freeze_embeddings=True,
    )
    training = prepare_language_model(options)
    trainer = training.run.trainer
    before = training.task.model.get_weights()
    next(trainer.train_epoch())
    assert trainer.step_kind == "compiled in halves"
    # Of the first epoch, the output layer alone learns.
    names = [w.name for w in training.task.model.weights]
    moved = [
        n
        for n, a, b in zip(names, before, training.task.model.get_weights(), strict=True)
        if not np.array_equal(a, b)
    ]
    assert {*moved} >= {"output_kernel", "output_bias"}
    assert not {"embeddings", "kernel", "recurrent_kernel", "bias"} & {*moved}


@pytest.mark.parametrize("kind", ["text_classification", "tagging"])
def test_layers_of_a_language_model_are_the_forward_direction(kind, source, tmp_path):
    """In both layers it computes what the language model computes, beside a fresh direction."""
    data = write_data(kind, tmp_path)
    prepare = {"text_classification": prepare_classifier, "tagging": prepare_tagger}[kind]
    options_type = type(options_of(kind, tmp_path))
    options = options_type(
        data=str(data),
        init_from=str(source.directory),
        run_dir=str(tmp_path / "labels"),
        export=False,
        verbose="quiet",
        unfreeze_epochs=1,
        layer_rate_factor=2.6,
        batch_size=8,
    )
    training = prepare(options)
    task, known = training.task, len(source.vocabulary)
    assert task.vocabulary.tokens[:known] == source.vocabulary.tokens
    ids = np.arange(known, dtype="int32")[None]
    expected, _ = source.model.hidden(ids)
    found, _ = task.model.encode(ids)
    np.testing.assert_allclose(found[..., :6], expected, rtol=1e-5, atol=1e-6)
    assert not np.allclose(found[..., 6:], expected, atol=1e-3)
    assert "forward direction" in training.summary()


def test_refusals(source, text, tmp_path):
    """One line that names both values, and what would fit; nothing has been written."""
    run = str(source.directory)

    def refused(match, **changes):
        with pytest.raises(InputError, match=match) as error:
            prepare_language_model(started(source, text, tmp_path, **changes))
        assert "\n" not in str(error.value)
        assert not (tmp_path / "run").exists()

    refused(
        "`cell` is 'lstm', and 'gru' was asked for.*start from a run that has `cell` 'gru'",
        cell="gru",
    )
    refused("`tokenizer` is 'word', and 'whitespace' was asked for", tokenizer="whitespace")
    refused("`units` is 6, and 7 was asked for", units=7)
    refused("`num_layers` is 2, and 3 was asked for", num_layers=3)
    refused("`max_vocabulary` must be at least", max_vocabulary=3)
    refused("is not a run", init_from=str(tmp_path))
    refused("`unfreeze_epochs` needs `init_from`", init_from=None, unfreeze_epochs=1)
    refused("`layer_rate_factor` needs `init_from`", init_from=None, layer_rate_factor=2.6)
    (tmp_path / "export" / "1").mkdir(parents=True)
    (tmp_path / "export" / "1" / "saved_model.pb").touch()
    refused("is an export", init_from=str(tmp_path / "export"))
    arguments = [f"--init-from={run}", f"--corpus={text}"]
    parsed = parse_run_options(tfseq.LanguageModelOptions, arguments)
    assert (parsed.tokenizer, parsed.cell, parsed.units) == ("word", "lstm", 6)
    with pytest.raises(InputError, match="`tokenizer` is 'word', and 'char' was asked for"):
        parse_run_options(tfseq.LanguageModelOptions, [*arguments, "--tokenizer=char"])
    parse_run_options(tfseq.LanguageModelOptions, [*arguments, "--units", "6", "6"])


@pytest.fixture(scope="module")
def of_documents(tmp_path_factory):
    """A run of documents, with a full softmax."""
    place = tmp_path_factory.mktemp("documents")
    path = place / "texts.txt"
    path.write_text("the time machine%a dark year%" * 60)
    options = {"corpus": str(path), "documents": "%", "embedding_size": 4, "dropout": 0.0}
    return as_run(options_of("language_model", place, **{**WORDS, **options}))


def test_a_run_of_documents_goes_on_with_documents(of_documents, text, tmp_path):
    with pytest.raises(InputError, match=r"`documents` must be given: `init_from` .* has learned"):
        prepare_language_model(started(of_documents, text, tmp_path))


def test_a_full_softmax_goes_on_as_a_sampled_one(text, tmp_path):
    """It is the same model: its logits are the same."""
    embedded = {**WORDS, "embedding_size": 4, "dropout": 0.0}
    place = tmp_path / "source"
    place.mkdir()
    source = as_run(options_of("language_model", place, **embedded))
    sampled = {"softmax": "sampled", "num_sampled": 4}
    task = prepare_language_model(started(source, text, tmp_path, **sampled)).task
    known = len(source.vocabulary)
    assert task.model.softmax == "sampled"
    ids = np.arange(known, dtype="int32")[None]
    ours, theirs = (np.asarray(of.model(ids)) for of in (task, source))
    np.testing.assert_allclose(ours[..., :known], theirs, rtol=1e-6, atol=1e-6)


def test_subwords_are_those_of_the_run(source, text, tmp_path):
    model = {"tokenizer": "subword", "subword_model": "some.model"}
    with pytest.raises(InputError, match="`subword_model` must be left out"):
        prepare_language_model(started(source, text, tmp_path, **model))
