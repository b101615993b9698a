"""A trained language model, with its tokenizer and vocabulary."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, overload

import numpy as np

from tfseq.data import EncodedCorpus, encode_corpus
from tfseq.errors import InputError
from tfseq.generation import Generation, Score, TextGenerator
from tfseq.models import LanguageModel
from tfseq.options.layer_sizes import shape_in_words
from tfseq.options.rules import PositiveInt
from tfseq.runs.run_directory import RunDirectory
from tfseq.serving import ServingSettings, export_language_model
from tfseq.tasks.language_model.evaluation import Evaluator
from tfseq.tasks.language_model.options import LanguageModelOptions
from tfseq.tasks.task import Task, cell_words, checked_argument, tokenizer_of
from tfseq.text import Tokenizer, Vocabulary, open_corpus

Split = Literal["validation", "train"]


class LanguageModelTask(Task):
    """A language model to write, score and measure text with; see `Task`.

    Example:

    >>> import tempfile, tfseq
    >>> with tempfile.TemporaryDirectory() as place:
    ...     options = tfseq.LanguageModelOptions(
    ...         run_dir=f"{place}/docs", max_tokens=2000, epochs=1, units=8, export=False,
    ...         baseline=False, sample_epochs=0, verbose="quiet",
    ...     )
    ...     tfseq.train(options, log=lambda line: None)
    ...     task = tfseq.load(f"{place}/docs")
    <LanguageModelTask of .../docs>
    >>> len(task.generate("The ", max_new_tokens=5, seed=1).completion)
    5
    """

    options_type = LanguageModelOptions
    settings_type = ServingSettings
    options: LanguageModelOptions
    model: LanguageModel
    tokenizer: Tokenizer
    vocabulary: Vocabulary

    @classmethod
    def build(cls, run: RunDirectory, options: LanguageModelOptions) -> "LanguageModelTask":
        vocabulary = Vocabulary.load(run.vocabulary)
        model = build_model(options, len(vocabulary))
        return cls(run, options, model, tokenizer_of(options), vocabulary)

    @property
    def unit(self) -> str:
        """What a token is called."""
        return {"char": "character", "word": "word"}.get(self.options.tokenizer, "token")

    @property
    def generator(self) -> TextGenerator:
        """The `TextGenerator` of the model; traced once."""
        if not hasattr(self, "_generator"):
            self._generator = TextGenerator(self.model, self.tokenizer, self.vocabulary)
        return self._generator

    @overload
    def generate(
        self, prompts: str = "", max_new_tokens: int = 100, **settings: Any
    ) -> Generation: ...

    @overload
    def generate(
        self, prompts: Sequence[str], max_new_tokens: int = 100, **settings: Any
    ) -> list[Generation]: ...

    def generate(
        self, prompts: str | Sequence[str] = "", max_new_tokens: int = 100, **settings: Any
    ) -> Generation | list[Generation]:
        """Continue one prompt or several; see `TextGenerator.generate`."""
        return self.generator.generate(prompts, max_new_tokens, **settings)

    @overload
    def score(self, texts: str) -> Score: ...

    @overload
    def score(self, texts: Sequence[str]) -> list[Score]: ...

    def score(self, texts: str | Sequence[str]) -> Score | list[Score]:
        """The log-probability and perplexity of one text or several; see `TextGenerator.score`."""
        return self.generator.score(texts)

    def sample(self, max_new_tokens: int) -> str:
        """A text as training shows it: with the options' prompt, temperature and seed."""
        options = self.options
        return self.generate(
            options.sample_prompt or "",
            max_new_tokens,
            temperature=options.sample_temperature,
            seed=options.seed,
        ).text.strip("\n")

    def evaluate(
        self,
        path: str | os.PathLike | None = None,
        split: Split | None = None,
        batch_size: int = 32,
    ) -> dict[str, Any]:
        """Predict every token of a text once, in order.

        Args:
            path: a path or a named corpus, all of it; None takes a split of the run's own. A text
                that an export's `score` would read whole is read as `score` reads it.
            split: which split of the run's own text; None takes `validation`.
            batch_size: stretches of a long text that are read side by side, each from the zero
                state; 1 reads it in one pass.

        Returns:
            `perplexity`, `bits_per_token`, `cross_entropy` in nats, `num_tokens`.

        Raises:
            InputError: an argument breaks its rule; the text cannot be read, or is the run's own
                and has changed since; or the run has no validation split.
        """
        batch_size = checked_argument("batch_size", batch_size, PositiveInt)
        if split is not None:
            checked_argument("split", split, Split)
        context = None
        if path is None:
            corpus = self.encode()
            ids = corpus.train if split == "train" else corpus.validation
            context = None if split == "train" else int(corpus.train[-1])
            if not len(ids):
                raise InputError(
                    f"`run_dir` {self.run.path}: there is no validation split; use `split='train'`."
                )
        elif split is not None:
            raise InputError("`split` is one of the run's own text; of other text all is used.")
        else:
            ids = self._short_text(path, ServingSettings.max_score_bytes)
            if ids is None or len(ids) < 2:
                ids = self.encode(path).ids
            else:
                batch_size = 1
        result = Evaluator(self.model, batch_size)(ids, context)
        return {
            "perplexity": result.perplexity,
            "bits_per_token": result.bits_per_token,
            "cross_entropy": result.mean_cross_entropy,
            "num_tokens": result.num_tokens,
        }

    def describe(self, evaluation: Mapping[str, Any]) -> str:
        return (
            f"text        {evaluation['num_tokens']:,} {self.unit}s predicted\n"
            f"perplexity  {evaluation['perplexity']:.4f} per {self.unit}\n"
            f"bits        {evaluation['bits_per_token']:.4f} per {self.unit}"
        )

    def encode(self, corpus: str | os.PathLike | None = None) -> EncodedCorpus:
        """A corpus as ids of this run's vocabulary.

        Args:
            corpus: a named corpus or a path, none of it set apart for validation; None takes the
                run's own, split as it was.

        Raises:
            InputError: the corpus cannot be read, or is the run's own and has changed since.
        """
        options = self.options
        own = corpus is None
        encoded = encode_corpus(
            self._open(options.corpus if own else corpus),
            self.tokenizer,
            vocabulary=self.vocabulary,
            max_tokens=options.max_tokens if own else None,
            validation_fraction=options.validation_fraction if own else 0.0,
        )
        if own:
            self.run.check_fingerprint(encoded.fingerprint, "`corpus`: the text")
        return encoded

    def write_export(self, directory: str | os.PathLike, **more: Any) -> Path:
        return export_language_model(self.model, self.tokenizer, self.vocabulary, directory, **more)

    def _open(self, corpus: str | os.PathLike):
        options = self.options
        return open_corpus(os.fspath(corpus), options.encoding_errors, options.text_field)

    def _short_text(self, path: str | os.PathLike, max_bytes: int) -> np.ndarray | None:
        """The ids of a corpus as an export's `score` reads them, or None if it is longer.

        `encode` frames a text as the training text was (`Tokenizer.document_edge`); `score` reads
        what it is given.
        """
        read = ""
        for piece in self._open(path).text():
            read += piece
            if len(read.encode()) > max_bytes:
                return None
        return self.vocabulary.token_to_id(self.tokenizer.tokenize(read)).numpy()


def build_model(options: LanguageModelOptions, vocabulary_size: int) -> LanguageModel:
    """The model that the options describe, with fresh weights."""
    return LanguageModel(
        vocabulary_size,
        cell=options.cell,
        units=options.units,
        num_layers=options.num_layers,
        dropout=options.dropout,
        embedding_size=options.embedding_size or None,
        tie_embeddings=options.tie_embeddings,
        dtype=options.precision,
        recompute_steps=options.recompute_steps,
        skip_connections=options.skip_connections,
        residual=options.residual,
        feed_forward=options.feed_forward,
    )


def describe_model(options: LanguageModelOptions) -> str:
    """The cell and its size.

    >>> describe_model(LanguageModelOptions(cell="lstm", num_layers=2))
    'LSTM, 256 units, 2 layers'
    """
    return f"{cell_words(options.cell)}, {shape_in_words(options)}"
