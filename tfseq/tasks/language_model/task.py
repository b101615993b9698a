"""A trained language model, with its tokenizer and vocabulary."""

import dataclasses
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, overload

import numpy as np

from tfseq.cluster.where import HERE, Where
from tfseq.data import EncodedCorpus, encode_corpus
from tfseq.errors import InputError
from tfseq.generation import Generation, Score, TextGenerator
from tfseq.models import LanguageModel
from tfseq.options.rules import CountOrZero, PositiveInt
from tfseq.runs.run_directory import RunDirectory
from tfseq.serving import ServingSettings, export_language_model, export_on_device
from tfseq.serving.on_device.export import check_export
from tfseq.tasks.language_model.evaluation.adaptive_evaluation import (
    Text,
    adaptive_results,
)
from tfseq.tasks.language_model.evaluation.adaptive_settings import (
    CacheSettings,
    DynamicSettings,
    checked_settings,
)
from tfseq.tasks.language_model.evaluation.evaluation_figures import (
    describe_evaluation,
    evaluation_figures,
)
from tfseq.tasks.language_model.evaluation.row_predictions import scored_rows, written_rows
from tfseq.tasks.language_model.evaluation.spread_evaluation import check_workers, evaluate_text
from tfseq.tasks.language_model.evaluation.text_size import text_size
from tfseq.tasks.language_model.model_building import build_model
from tfseq.tasks.language_model.options import LanguageModelOptions
from tfseq.tasks.language_model.texts import data_words, open_other, open_texts, short_text
from tfseq.tasks.prediction.spread import spread
from tfseq.tasks.task import MEASURED_TOKENS, Task, checked_argument, texts_of, tokenizer_of
from tfseq.text import Tokenizer, Vocabulary
from tfseq.text.tokenizers.spaced_tokenizer import LINE_END

Split = Literal["validation", "train", "test"]


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
        model = build_model(options, len(vocabulary), vocabulary.document_ids)
        return cls(run, options, model, tokenizer_of(options, run), vocabulary)

    @property
    def unit(self) -> str:
        """What a token is called; the end of a document is one that is no character."""
        names = {"char": "character", "word": "word", "subword": "subword"}
        if self.vocabulary.document_ids is not None:
            del names["char"]
        return names.get(self.options.tokenizer, "token")

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
    def score(self, texts: str, count_end: bool = False) -> Score: ...

    @overload
    def score(self, texts: Sequence[str], count_end: bool = False) -> list[Score]: ...

    def score(self, texts: str | Sequence[str], count_end: bool = False) -> Score | list[Score]:
        """The log-probability and perplexity of one text or several; see `TextGenerator.score`."""
        return self.generator.score(texts, count_end)

    def predict_rows(
        self,
        inputs: Sequence[Any],
        first_row: int = 0,
        write: Mapping[str, Any] | None = None,
    ) -> list[dict[str, Any]]:
        """The scores of texts; or how each goes on, with `write`, fields of `WriteSettings`."""
        texts = texts_of(inputs)
        if write is None:
            return scored_rows(self.generator, texts)
        return written_rows(self.generator, texts, write, first_row)

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
        dynamic: bool | DynamicSettings = False,
        cache: int | CacheSettings = 0,
        tune: bool = False,
        where: Where = HERE,
    ) -> dict[str, Any]:
        """Predict every token of a text once, in order.

        Args:
            path: a path or a named corpus, all of it; None takes a split of the run's own. A text
                that an export's `score` would read whole is read as `score` reads it. Where line
                ends are tokens, it is read as what follows a line end, and every token is counted,
                as in a split that is a text of its own: see `EncodedCorpus.before`.
            split: which split of the run's own texts; None takes `validation`.
            batch_size: stretches of a long text that are read side by side, each from the zero
                state; 1 reads it in one pass.
            dynamic: also evaluate a copy of the model that goes on learning from the text it has
                just predicted; see `DynamicEvaluator`.
            cache: also evaluate the model with a cache of so many of the tokens it has just
                predicted, 0 for none; see `CacheEvaluator`.
            tune: choose learning rate and decay of `dynamic`, and flatness and weight of `cache`,
                on the run's validation split.
            where: see `Where`. Workers share the rows, of which there are `batch_size` or fewer;
                `dynamic` and `cache` go through the text in order, and so are for one process.

        Returns:
            `perplexity`, `cross_entropy` (nats) and `bits_per_token`, of a token; `num_tokens`,
            those predicted, and `num_unknown`, those of them that are `<unk>`;
            `bits_per_character` and `bits_per_byte`, of the text that the predicted tokens stand
            for, normalized if the tokenizer does so, and its `num_characters` and `num_bytes` in
            UTF-8. These four are None where the text cannot be told; see `text_size`. `dynamic`
            and `cache` add figures of their own, such as `dynamic_perplexity`, and
            `dynamic_settings`.

        Raises:
            InputError: an argument breaks its rule; the text cannot be read, or is the run's own
                and has changed since; or the run has no such split.
        """
        batch_size = checked_argument("batch_size", batch_size, PositiveInt)
        if split is not None:
            checked_argument("split", split, Split)
        where.check(dynamic=dynamic, cache=cache, tune=tune)
        check_workers(where, batch_size)
        dynamic, cache = checked_settings(
            dynamic, cache, tune, "character" if self.options.tokenizer == "char" else self.unit
        )
        # A cluster that cannot be used is told before a long text is encoded.
        with spread(self, where) as doers:
            return self._evaluate(path, split, batch_size, dynamic, cache, tune, where, doers)

    def _evaluate(self, path, split, batch_size, dynamic, cache, tune, where, doers):
        context = corpus = None
        if path is None:
            corpus, split = self.encode(), split or "validation"
            ids = {"train": corpus.train, "test": corpus.test}.get(split, corpus.validation)
            if not len(ids):
                raise InputError(
                    f"`run_dir` {self.run.path} has no {split} split. Use `split='train'`."
                )
            before = corpus.before(split)
            context = int(before[-1]) if len(before) else None
        elif split is not None:
            raise InputError("`split` is one of the run's own text; of other text all is used.")
        elif self.options.documents is not None:
            corpus = self.encode(path)
            ids, context, corpus = corpus.ids[1:], corpus.end_id, None
        elif self.tokenizer.line_ends and LINE_END in self.vocabulary.tokens:
            ids, context = self.encode(path).ids, self.vocabulary.tokens.index(LINE_END)
        else:
            ids = self._short_text(path)
            if ids is None or len(ids) < 2:
                ids = self.encode(path).ids
            else:
                batch_size = 1
        result = evaluate_text(self, ids, context, batch_size, where, doers)
        predicted = ids[1:] if context is None else ids
        size = text_size(predicted, self.tokenizer, self.vocabulary)
        figures = evaluation_figures(result, size)
        if not (dynamic or cache):
            return figures
        corpus = corpus or (self.encode() if dynamic or tune else None)
        text = Text(ids, context)
        return figures | adaptive_results(self.model, text, size, corpus, dynamic, cache, tune)

    def describe(self, evaluation: Mapping[str, Any]) -> str:
        normalized = self.options.normalization != "none" or self.options.case_fold
        return describe_evaluation(evaluation, self.unit, normalized)

    def encode(self, corpus: str | os.PathLike | None = None) -> EncodedCorpus:
        """A corpus as ids of this run's vocabulary.

        Args:
            corpus: a named corpus or a path, none of it set apart for validation; None takes the
                run's own, split as it was.

        Raises:
            InputError: the corpus cannot be read, or is the run's own and has changed since.
        """
        if corpus is not None:
            return encode_corpus(
                open_other(self.options, corpus),
                self.tokenizer,
                vocabulary=self.vocabulary,
                validation_fraction=0.0,
                cache_dir=self.options.cache_dir,
            )
        # The cluster of the training may have gone since, and the ids are in the cache.
        options = dataclasses.replace(self.options, cluster=None)
        encoded = open_texts(options).encode(options, self.tokenizer, self.vocabulary)
        self.run.check_fingerprint(encoded.fingerprint, data_words(self.options))
        return encoded

    def _short_text(self, path: str | os.PathLike) -> np.ndarray | None:
        """The ids of a corpus as an export's `score` reads them, or None if it is longer.

        `encode` frames a text as the training text was (`Tokenizer.document_edge`); `score` reads
        what it is given.
        """
        text = short_text(self.options, path, ServingSettings.max_score_bytes)
        ids = None if text is None else self.vocabulary.token_to_id(self.tokenizer.tokenize(text))
        return None if ids is None else ids.numpy()

    def write_export(self, directory: str | os.PathLike, **more: Any) -> Path:
        return export_language_model(self.model, self.tokenizer, self.vocabulary, directory, **more)

    def export_on_device(
        self,
        directory: str | os.PathLike,
        *,
        format: Literal["litert", "onnx"] = "litert",
        version: int | None = None,
        keep_versions: int | None = None,
        measured_tokens: int = MEASURED_TOKENS,
    ) -> Path:
        checked_argument("format", format, Literal["litert", "onnx"])
        measured_tokens = checked_argument("measured_tokens", measured_tokens, CountOrZero)
        check_export(format, directory, version)
        ids, context = np.zeros(0, "int32"), None
        if measured_tokens:
            corpus = self.encode()
            ids, before = corpus.validation[:measured_tokens], corpus.before("validation")
            context = int(before[-1]) if len(before) else None
        return export_on_device(
            self.model,
            self.tokenizer,
            self.vocabulary,
            directory,
            ids=ids,
            context=context,
            format=format,
            version=version,
            keep_versions=keep_versions,
            metadata=self.export_details(),
        )
