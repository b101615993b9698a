"""What a person writes with tfseq, for a type checker to read; it is never run.

`assert_type` says what each expression is: a class where one is promised, never `Any`.
"""

from collections import Counter
from pathlib import Path
from typing import Any, assert_type

import numpy as np

import tfseq
from tfseq.analysis import gradient_norms_through_time
from tfseq.cells import RecurrentCell
from tfseq.generation import Generation, Score, TextGenerator
from tfseq.serving import Client, Inspection, ServingSettings, inspect_export
from tfseq.tasks import ForecastingTask, LanguageModelTask, TaggingTask, TextClassificationTask
from tfseq.text import Corpus, Tokenizer, open_corpus


class LeakyCell(tfseq.SimpleRNNCell):
    """A cell that keeps some of its state."""

    def __init__(self, units: int, leak: float = 0.1, **kwargs: Any):
        super().__init__(units, **kwargs)
        self.leak = leak

    def recur(self, x: Any, states: Any, *weights: Any) -> Any:
        (after,) = super().recur(x, states, *weights)
        return [self.leak * states[0] + (1 - self.leak) * after]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "leak": self.leak}


def cells_and_layers() -> None:
    assert_type(tfseq.SimpleRNNCell(3), tfseq.SimpleRNNCell)
    assert_type(tfseq.GRUCell(3, reset_after=False), tfseq.GRUCell)
    assert_type(tfseq.LSTMCell(3, unit_forget_bias=False), tfseq.LSTMCell)
    cell: RecurrentCell = LeakyCell(3)
    assert_type(cell.units, int)
    assert_type(tfseq.RNN(cell, return_sequences=True), tfseq.RNN)
    stack = tfseq.RecurrentStack("lstm", 8, num_layers=2, bidirectional=True, dropout=0.1)
    assert_type(stack, tfseq.RecurrentStack)
    assert_type(tfseq.interop.torch_state_dict(stack), dict[str, np.ndarray])
    tfseq.interop.load_torch_weights(stack, tfseq.interop.torch_state_dict(stack))
    tfseq.interop.load_keras_weights(tfseq.RNN(cell), tfseq.RNN(cell))


def texts_and_windows() -> None:
    tokenizer: Tokenizer = tfseq.CharTokenizer(normalization="letters")
    assert_type(tokenizer.get_config(), dict[str, Any])
    assert_type(tfseq.WordTokenizer(case_fold=True), tfseq.WordTokenizer)
    assert_type(tfseq.WhitespaceTokenizer(line_ends=True), tfseq.WhitespaceTokenizer)
    corpus = open_corpus("mine.txt")
    assert_type(corpus, Corpus)
    assert_type(corpus.name, str)
    vocabulary = tfseq.Vocabulary.build(Counter("abc"), min_frequency=1, max_size=10)
    assert_type(vocabulary, tfseq.Vocabulary)
    assert_type(tfseq.Vocabulary.load(Path("vocabulary.txt")), tfseq.Vocabulary)
    assert_type(len(vocabulary), int)
    for inputs, targets in tfseq.random_windows(np.arange(35), 2, 5, seed=1, epoch=2):
        print(inputs, targets)
    assert len(tfseq.sequential_windows(range(35), batch_size=2, num_steps=5, offset=0)) == 3


def models() -> None:
    model = tfseq.LanguageModel(28, cell=LeakyCell, units=8, num_layers=2, embedding_size=4)
    assert_type(model, tfseq.LanguageModel)
    generator = TextGenerator(model, tfseq.CharTokenizer(), tfseq.Vocabulary("ab"))
    generator.generate("a", max_new_tokens=3, temperature=0.5, seed=1)
    assert_type(tfseq.TextClassifier(28, 2), tfseq.TextClassifier)
    assert_type(tfseq.Tagger(28, 3), tfseq.Tagger)
    assert_type(tfseq.Forecaster(1, 4, units=8), tfseq.Forecaster)
    assert_type(tfseq.NGramModel(order=3).probabilities([1, 2]), np.ndarray)
    batch = (np.zeros((2, 5), "int32"), np.ones((2, 5), "int32"))
    assert_type(gradient_norms_through_time(model, batch).loss, np.ndarray)


def language_model() -> None:
    options = tfseq.LanguageModelOptions(corpus="mine.txt", cell="lstm", epochs=3, export=False)
    assert_type(options.units, int | tuple[int, ...] | None)
    assert_type(options.run_dir, str | None)
    task = tfseq.train(options)
    assert_type(task, LanguageModelTask)
    assert_type(task.options, tfseq.LanguageModelOptions)
    assert_type(task.model, tfseq.LanguageModel)
    assert_type(task.vocabulary, tfseq.Vocabulary)
    assert_type(task.tokenizer, Tokenizer)
    assert_type(task.generate("Once upon", max_new_tokens=50), Generation)
    assert_type(task.generate(["Once", "upon"], temperature=0.5), list[Generation])
    assert_type(task.generate("Once upon").completion, str)
    assert_type(task.score("a text"), Score)
    assert_type(task.score(["a text"])[0].perplexity, float)
    assert_type(task.evaluate("other.txt", batch_size=1), dict[str, Any])
    assert_type(task.export("exported/mine", version=3, keep_versions=2), Path)
    assert_type(tfseq.load("runs/mine", expected="language_model"), LanguageModelTask)


def other_tasks() -> None:
    classifier = tfseq.train(tfseq.TextClassificationOptions(data="mail.csv"))
    assert_type(classifier, TextClassificationTask)
    for label, probability in classifier.predict(["a text"])[0]:
        assert_type(label, str)
        assert_type(probability, float)
    tagger = tfseq.train(tfseq.TaggingOptions(data="names.conll"), log=lambda line: None)
    assert_type(tagger, TaggingTask)
    for sentence in tagger.predict(["Anna lives here"]):
        assert_type(sentence.tokens, list[str])
        assert_type(sentence.tags, list[str])
    forecaster = tfseq.train(tfseq.ForecastingOptions(data="sales.csv", horizon=12))
    assert_type(forecaster, ForecastingTask)
    assert_type(forecaster.predict([1.0, 2.0], horizon=12), np.ndarray)
    assert_type(tfseq.load("runs/mail", "text_classification"), TextClassificationTask)
    assert_type(tfseq.load("runs/names", "tagging"), TaggingTask)
    assert_type(tfseq.load("runs/sales", "forecasting"), ForecastingTask)


def any_run(run_dir: Path) -> dict[str, Any]:
    try:
        task = tfseq.load(run_dir)
    except tfseq.InputError as error:
        raise SystemExit(str(error)) from error
    assert_type(task, tfseq.Task)
    assert_type(task.directory, Path)
    assert_type(task.metrics, dict[str, Any])
    if isinstance(task, LanguageModelTask):
        assert_type(task.generate("The "), Generation)
    return task.evaluate()


def serving() -> None:
    with Client("localhost:8500", "mine", protocol="grpc", timeout=5) as client:
        assert_type(client, Client)
        assert_type(client.generate("The ", 80, temperature=0.7), dict[str, np.ndarray])
        assert_type(client.predict("classify", text=["a"]), dict[str, np.ndarray])
        for piece in client.stream("The ", 80):
            assert_type(piece, str)
    assert_type(inspect_export("exported/mine/1"), Inspection)
    assert_type(ServingSettings(beam_size=2), ServingSettings)


def report() -> None:
    page = tfseq.report.Report("Mine").section("Results").values({"perplexity": 3.5})
    assert_type(page, tfseq.report.Report)
    assert_type(page.write("report.html"), Path)
    assert_type(tfseq.__version__, str)
