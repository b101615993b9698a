"""Language models whose step reads few of many words: trained, taken up, measured, exported."""

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfseq
from tfseq.errors import InputError
from tfseq.runs.trainer import Trainer
from tfseq.tasks.language_model.evaluation import Evaluator
from tfseq.tasks.language_model.model_building import build_model
from tfseq.tasks.language_model.objective import language_model_objective
from tfseq.tasks.language_model.options import LanguageModelOptions

V = 90
WEIGHTS = 1 / np.arange(1, V + 1)
IDS = np.random.default_rng(0).choice(V, 900, p=WEIGHTS / WEIGHTS.sum()).astype("uint8")
SMALL = {
    "preset": "small",
    "tokenizer": "word",
    "cell": "rnn",
    "units": 8,
    "batch_size": 32,
    "num_steps": 4,
    "epochs": 1,
}
TIED = {"softmax": "sampled", "num_sampled": 20}
UNTIED = {**TIED, "embedding_size": 6, "tie_embeddings": False}
ADAPTIVE = {"softmax": "adaptive", "cutoffs": (10, 30), "embedding_size": 6}


def make_trainer(**options) -> Trainer:
    options = LanguageModelOptions(**{**SMALL, **options}).with_defaults_filled()
    keras.utils.set_random_seed(0)
    model = build_model(options, V)
    return Trainer(language_model_objective(model, options, IDS[:700], IDS[700:]), options)


def run(trainer) -> Trainer:
    while not trainer.finished:
        for _ in trainer.train_epoch():
            pass
    return trainer


@pytest.mark.slow
@pytest.mark.parametrize("softmax", [UNTIED, TIED, ADAPTIVE], ids=["untied", "tied", "adaptive"])
def test_half_a_run_goes_on_to_the_same_bits(softmax):
    """Halves of a batch run beside each other; what no batch reads stays as it began."""
    softmax = {**softmax, "state_reset": 0.1}
    whole = make_trainer(**softmax)
    first = whole.model.embedding.embeddings.numpy()
    steps = whole.train_epoch()
    for _ in range(3):
        next(steps)
    taken = whole.checkpoint()
    for _ in steps:
        pass
    assert whole.step_kind == "compiled in halves"
    again = make_trainer(**softmax)
    again.restore(taken)
    run(again)
    for name, array in whole.checkpoint().arrays.items():
        np.testing.assert_array_equal(again.checkpoint().arrays[name], array, err_msg=name)
    if not whole.model.tie_embeddings:
        unread = np.setdiff1d(np.arange(V), IDS[:700])
        assert len(unread)
        table = whole.model.embedding.embeddings.numpy()
        np.testing.assert_array_equal(table[unread], first[unread])


@pytest.mark.slow
@pytest.mark.parametrize("softmax", [TIED, UNTIED, ADAPTIVE], ids=["tied", "untied", "adaptive"])
@pytest.mark.parametrize(
    "more",
    [
        {"precision": "mixed_bfloat16", "embedding_dropout": 0.2},
        {"window_lengths": "varied", "num_steps": 12},
        {"sampling": "random", "activation_regularization": 1.0, "optimizer": "nadam"},
    ],
)
def test_with_other_options(softmax, more):
    """It learns the frequencies of the words, at least."""
    rates = {"learning_rate": 0.03, "dropout": 0.1, "weight_dropout": 0.1, "averaging": "none"}
    trainer = run(make_trainer(**{**softmax, **rates, **more}, epochs=12))
    # XLA has no products of so few rows in bfloat16.
    assert trainer.step_kind == "compiled in halves" or "precision" in more
    assert trainer.progress.history[-1]["validation_perplexity"] < 0.95 * V


def mean_loss(trainer, batch, step):
    """The loss of a batch with the candidates of a step."""
    objective = trainer.objective
    at_hand = trainer._tables.read(batch, step)
    loss, *_ = objective.loss(batch, objective.initial_states(), at_hand.rows, at_hand.drawn)
    return float(loss)


@pytest.mark.parametrize("softmax", [TIED, UNTIED], ids=["tied", "untied"])
def test_almost_all_words_sampled_are_the_full_softmax(softmax):
    """All but one word: the loss is that of all words but for a part of the rarest."""
    trainer = make_trainer(**{**softmax, "num_sampled": V - 1, "dropout": 0.0,
                              "input_dropout": 0.0, "embedding_dropout": 0.0,
                              "weight_dropout": 0.0})  # fmt: skip
    rng = np.random.default_rng(1)
    model = trainer.model
    weights = [w for w in model.weights if w.dtype.startswith("float")]
    for weight in weights:
        weight.assign(rng.normal(scale=0.5, size=weight.shape))
    batch = next(iter(trainer.objective.batches(0, 0)))
    losses = [mean_loss(trainer, batch, step) for step in range(30)]
    logits, _ = model(batch[0], return_states=True)
    full = tf.nn.sparse_softmax_cross_entropy_with_logits(batch[1], logits)
    assert np.mean(losses) == pytest.approx(float(tf.reduce_mean(full)), rel=2e-3)


@pytest.mark.slow
@pytest.mark.parametrize("softmax", [TIED, UNTIED, ADAPTIVE], ids=["tied", "untied", "adaptive"])
def test_evaluation_is_exact(softmax, monkeypatch):
    """Against NumPy, from the hidden states and the weights; in chunks as well."""
    from tfseq.models.output import token_losses

    trainer = make_trainer(**softmax)
    model = trainer.model
    rng = np.random.default_rng(1)
    for weight in model.weights:
        if weight.dtype.startswith("float"):
            weight.assign(rng.normal(scale=0.5, size=weight.shape))
    hidden, _ = model.hidden(IDS[None, :-1].astype("int32"))
    h = np.asarray(hidden[0], "float64")
    w = {v.name: np.asarray(v, "float64") for v in model.weights}

    def log_softmax(x):
        return x - np.log(np.exp(x).sum(-1, keepdims=True))

    if softmax["softmax"] == "adaptive":
        head = log_softmax(h @ w["head_kernel"] + w["head_bias"])
        tails = [
            head[:, 9 + i, None] + log_softmax(h @ w[f"projection_{i}"] @ w[f"kernel_{i}"])
            for i in (1, 2)
        ]
        log_p = np.concatenate([head[:, :10], *tails], 1)
    else:
        table = w["output_table"] if "output_table" in w else w["embeddings"]
        log_p = log_softmax(h @ table.T + w["output_bias"])
    expected = np.exp(-log_p[np.arange(len(h)), IDS[1:]].mean())
    assert Evaluator(model, batch_size=1)(IDS).perplexity == pytest.approx(expected, rel=1e-5)
    monkeypatch.setattr(token_losses, "_MANY_SYMBOLS", 10)
    monkeypatch.setattr(token_losses, "_CHUNK_LOGITS", 50 * V)
    assert Evaluator(model, batch_size=1)(IDS).perplexity == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"softmax": "adaptive", "tie_embeddings": True}, "`tie_embeddings` must be false with"),
        ({"softmax": "sampled", "label_smoothing": 0.1}, "`label_smoothing` needs `softmax` full"),
        ({"softmax": "sampled", "accumulate": 2}, "`accumulate` needs `softmax` full"),
        ({"softmax": "sampled", "cutoffs": (5, 9)}, "`cutoffs` are those of `softmax` adaptive"),
    ],
)
def test_options_that_do_not_go_together(options, message):
    with pytest.raises(InputError, match=message):
        LanguageModelOptions(**{**SMALL, **options}).with_defaults_filled()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"softmax": "sampled"}, "`num_sampled` must be less than the number of symbols, "),
        (
            {"softmax": "adaptive", "cutoffs": (5, 5000)},
            r"`cutoffs` must be less than the number of symbols, .* Received: \(5, 5000\)",
        ),
        ({"softmax": "adaptive", "cutoffs": (5, 4)}, "`cutoffs` must be rising positive integers"),
        ({"softmax": "hierarchical"}, "`softmax` must be one of"),
    ],
)
def test_a_vocabulary_too_small_is_said_before_any_work(options, message, tmp_path):
    text = tmp_path / "text.txt"
    text.write_text("one two three four five six seven " * 40)
    options = {**SMALL, **options, "corpus": str(text), "run_dir": str(tmp_path / "run")}
    with pytest.raises(InputError, match=message):
        tfseq.train(LanguageModelOptions(**options), log=lambda line: None)
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
@pytest.mark.parametrize("softmax", [UNTIED, ADAPTIVE], ids=["sampled", "adaptive"])
def test_a_run_is_loaded_and_exported(softmax, tmp_path):
    text = tmp_path / "text.txt"
    words = [f"w{i}" for i in range(60)]
    rng = np.random.default_rng(0)
    text.write_text(" ".join(rng.choice(words, 3000)))
    options = LanguageModelOptions(
        **{**SMALL, **softmax}, corpus=str(text), run_dir=str(tmp_path / "run"),
        export_dir=str(tmp_path / "exported"), baseline=False, sample_epochs=0, verbose="quiet",
    )  # fmt: skip
    tfseq.train(options, log=lambda line: None)
    task = tfseq.load(tmp_path / "run")
    assert dataclasses.asdict(task.options)["softmax"] == softmax["softmax"]
    assert task.evaluate()["perplexity"] == pytest.approx(
        task.metrics["validation_perplexity"], rel=1e-6
    )
    served = tf.saved_model.load(str(tmp_path / "exported" / "run" / "1"))
    prompt = "w1 w2 w3 w4"
    score = served.signatures["score"](text=tf.constant([prompt]))
    assert float(score["log_probability"][0]) == pytest.approx(
        task.score(prompt).log_probability, rel=1e-5
    )
    beam = served.signatures["beam_search"](
        prompt=tf.constant([prompt]), max_new_tokens=tf.constant([4])
    )
    best = beam["texts"][0, 0].numpy().decode()
    whole = task.score(best).log_probability - task.score(prompt).log_probability
    assert float(beam["log_probabilities"][0, 0]) == pytest.approx(whole, rel=1e-4)
    assert task.generate(prompt, max_new_tokens=5, temperature=0.0).text.startswith(prompt)
