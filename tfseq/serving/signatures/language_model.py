"""A language model as a SavedModel: strings in, strings and numbers out."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Unpack

import tensorflow as tf

from tfseq.generation.beam_search import beam_search
from tfseq.generation.constraints import UNCONSTRAINED, Constraints
from tfseq.generation.decoding import generate_ids
from tfseq.generation.ranking import best_probabilities
from tfseq.generation.sampling import SamplerSettings
from tfseq.generation.text_graph import (
    GENERATE_INPUTS,
    SCORE_INPUTS,
    SEARCH_INPUTS,
    TextGraph,
    check_vocabulary,
)
from tfseq.models import LanguageModel
from tfseq.serving.export import Publishing, asset_tables, describe_parts, export_module
from tfseq.serving.signatures.clamping import clamp, keep_first_bytes, keep_last_bytes, sentences
from tfseq.serving.signatures.in_graph import check_in_graph
from tfseq.serving.signatures.settings import MAX_TEMPERATURE, ServingSettings
from tfseq.serving.signatures.signatures import Signatures
from tfseq.serving.signatures.state_specs import one_step, state_specs
from tfseq.text import Tokenizer, Vocabulary, VocabularyTables
from tfseq.text.tokenizers.make_tokenizer import as_tokenizer


def export_language_model(
    model: LanguageModel,
    tokenizer: Tokenizer,
    vocabulary: Vocabulary,
    directory: str | os.PathLike,
    *,
    settings: ServingSettings | None = None,
    **publishing: Unpack[Publishing],
) -> Path:
    """Write `<directory>/<version>/`, a SavedModel that takes strings and returns strings.

    Its signatures are `serving_default`, `generate`, `beam_search`, `score`, `next_token`,
    `encode`, `decode` and `step`; tokenizer and vocabulary are in the graph, the vocabulary's
    file among the assets, and a model card in `assets.extra/`. It needs no Python, no tfseq and
    no XLA where it runs. Warm-up requests for every signature are put in, and tried in the C++
    loader before anything is published. The version directory appears whole, by rename, or not
    at all, so that a running server may watch `directory`.

    Args:
        model: a `tfseq.LanguageModel`.
        tokenizer: the tokenizer of its training text, or any object whose `tokenize` and
            `detokenize` work in a `tf.function`; its `join`, if it has one, puts prompt and
            completion together.
        vocabulary: the vocabulary of its ids.
        directory: `exported/<name>`, the base path that the server is given; made if missing.
        version: positive integer; None takes the one after the highest that is there.
        settings: caps and the settings of `serving_default`; None takes the usual ones.
        metadata: goes into the model card; values that JSON can hold.
        keep_versions: positive integer; lower versions are removed until as many are left. None
            removes nothing.

    Returns:
        The path of the version directory.

    Raises:
        TypeError: if `model` is no language model.
        InputError: if the tokenizer is not in-graph, the directory cannot be written or the
            version is there already.
        ValueError: if model and vocabulary differ in size, `version` or `keep_versions` is not
            positive, `metadata` is not JSON, or the graph could not run on a server.
        LoaderError: if the C API cannot load the model or run a warm-up request.

    Example:
        >>> import tempfile, tfseq
        >>> vocabulary = tfseq.Vocabulary(["a", "b"])
        >>> model = tfseq.LanguageModel(len(vocabulary), units=4)
        >>> with tempfile.TemporaryDirectory() as directory:
        ...     path = export_language_model(model, tfseq.CharTokenizer(), vocabulary, directory)
        ...     print(path.name, sorted(child.name for child in path.iterdir()))
        1 ['assets', 'assets.extra', 'fingerprint.pb', 'saved_model.pb', 'variables']
    """
    if not isinstance(model, LanguageModel):
        raise TypeError(
            "`model` must be a tfseq.LanguageModel; the other models have exports of their own. "
            f"Received: {type(model).__name__}."
        )
    check_vocabulary(model, vocabulary)
    settings = settings or ServingSettings()
    tokenizer = as_tokenizer(tokenizer)
    check_in_graph(tokenizer, "tokenize", "detokenize", "join")
    words = " ".join(vocabulary.tokens[1:5])
    return export_module(
        lambda assets: LanguageModelSignatures(
            model, tokenizer, asset_tables(vocabulary, assets), settings
        ),
        directory,
        card=describe_parts(model, settings, tokenizer, vocabulary),
        examples={
            "prompt": words,
            "text": words,
            "max_new_tokens": 4,
            "temperature": 1,
            "top_p": 1,
            "num_tokens": 1,
        },
        max_batch_size=settings.max_batch_size,
        **publishing,
    )


class LanguageModelSignatures(Signatures):
    """The eight signatures of a language model."""

    def __init__(
        self,
        model: LanguageModel,
        tokenizer: Tokenizer,
        tables: VocabularyTables,
        settings: ServingSettings,
    ):
        super().__init__(model, tables, tokenizer)
        self._settings = settings
        self._graph = TextGraph(model, tokenizer, tables)

    @property
    def inputs(self) -> dict[str, tuple[tf.TensorSpec, ...]]:
        token_ids = tf.TensorSpec([None, None], tf.int32, "token_ids")
        return {
            "serving_default": GENERATE_INPUTS[:1],
            "generate": GENERATE_INPUTS,
            "beam_search": SEARCH_INPUTS,
            "score": SCORE_INPUTS,
            "next_token": GENERATE_INPUTS[:1],
            "encode": SCORE_INPUTS,
            "decode": (token_ids, tf.TensorSpec([None], tf.int32, "num_tokens")),
            "step": (
                tf.TensorSpec([None], tf.int32, "token_ids"),
                *state_specs(self._graph.model),
            ),
        }

    def serving_default(self, prompt: tf.Tensor) -> dict[str, tf.Tensor]:
        """Continue prompts with the settings fixed at export."""
        settings = self._settings
        sampler = SamplerSettings(
            settings.default_temperature,
            settings.default_top_k,
            settings.default_top_p,
            settings.default_seed,
        )
        read, _ = keep_last_bytes(prompt, settings.max_prompt_bytes)
        completion, *_ = self._graph.complete(
            read,
            generate_ids,
            tf.fill(tf.shape(prompt), settings.default_max_new_tokens),
            sampler.rows(tf.size(prompt)),
            # A loop with nothing that the settings do not ask for: the model loads faster.
            truncate=settings.default_top_k > 0 or settings.default_top_p < 1,
        )
        return {"text": self._graph.join(prompt, completion)}

    def generate(
        self,
        prompt: tf.Tensor,
        max_new_tokens: tf.Tensor,
        temperature: tf.Tensor,
        top_k: tf.Tensor,
        top_p: tf.Tensor,
        seed: tf.Tensor,
    ) -> dict[str, tf.Tensor]:
        """Continue prompts, each with its own settings and seed."""
        read, max_new_tokens, warnings = self._bound(prompt, max_new_tokens)
        temperature, hot = clamp(temperature, "temperature", 0, MAX_TEMPERATURE, 1)
        top_k, many = clamp(top_k, "top_k", 0, self._graph.model.vocabulary_size)
        top_p, improbable = clamp(top_p, "top_p", 0, 1, 1)
        settings = SamplerSettings(temperature, top_k, top_p, seed)
        completion, num_tokens, log_probability, *ended = self._graph.complete(
            read, generate_ids, max_new_tokens, settings
        )
        return {
            "text": self._graph.join(prompt, completion),
            "completion": completion,
            "warning": sentences([*warnings, hot, many, improbable]),
            "num_tokens": num_tokens,
            "log_probability": log_probability,
            **_if_any("ended", ended),
        }

    def beam_search(self, prompt: tf.Tensor, max_new_tokens: tf.Tensor) -> dict[str, tf.Tensor]:
        """The most probable continuations that a beam finds, the best first."""
        read, max_new_tokens, warnings = self._bound(prompt, max_new_tokens)
        completions, _, log_probabilities, *ended = self._graph.complete(
            read, beam_search, max_new_tokens, self._settings.beam_size
        )
        return {
            "texts": self._graph.join(prompt, completions),
            "log_probabilities": log_probabilities,
            "warning": sentences(warnings),
            **_if_any("ended", ended),
        }

    def score(self, text: tf.Tensor) -> dict[str, tf.Tensor]:
        """Score texts, each token given those before it."""
        limit = self._settings.max_score_bytes
        text, cut = keep_first_bytes(text, limit)
        warning = tf.where(cut, f"Of `text` the first {limit} bytes only were scored. ", "")
        of_end = []
        if self._graph.document_ids is None:
            score = self._graph.score(text)
        else:
            score, *of_end = self._graph.score_and_end(text)
        return {
            **score._asdict(),
            "warning": sentences([warning]),
            **_if_any("end_log_probability", of_end),
        }

    def next_token(self, prompt: tf.Tensor) -> dict[str, tf.Tensor]:
        """The most probable tokens after each prompt, `<unk>` left out, the best first."""
        read, _ = keep_last_bytes(prompt, self._settings.max_prompt_bytes)
        hidden, _ = self._graph.read(read)
        logits = tf.cast(self._graph.model.logits(hidden), tf.float32)
        num_symbols = self._graph.model.vocabulary_size
        constraints = Constraints.of_documents(self._graph.document_ids, UNCONSTRAINED)
        probabilities, ids = best_probabilities(
            logits + constraints.penalty(num_symbols),
            min(self._settings.num_next_tokens, num_symbols - 1 - len(constraints.forbidden)),
        )
        return {"tokens": self.tables.id_to_token(ids), "probabilities": probabilities}

    def encode(self, text: tf.Tensor) -> dict[str, tf.Tensor]:
        """The token ids of texts, padded with 0."""
        text, _ = keep_first_bytes(text, self._settings.max_score_bytes)
        token_ids, num_tokens = self._graph.encode(text)
        names = ("begin_id", "end_id") if self._graph.document_ids else ()
        return {
            "token_ids": token_ids,
            "num_tokens": num_tokens,
            **{
                name: tf.fill(tf.shape(text), number)
                for name, number in zip(names, self._graph.document_ids or (), strict=True)
            },
        }

    def decode(self, token_ids: tf.Tensor, num_tokens: tf.Tensor) -> dict[str, tf.Tensor]:
        """The text of each row's first `num_tokens` ids."""
        # Different numbers of rows are an invalid argument, here and not further on.
        token_ids += tf.zeros_like(num_tokens)[:, tf.newaxis]
        num_tokens = tf.clip_by_value(num_tokens, 0, tf.shape(token_ids)[1])
        return {"text": self._graph.decode(token_ids, num_tokens)}

    def step(self, token_ids: tf.Tensor, *states: tf.Tensor) -> dict[str, tf.Tensor]:
        """One token more: the logits of the next, and the states to send with it."""
        return one_step(self._graph.model, token_ids, states)

    def _bound(self, prompt: tf.Tensor, max_new_tokens: tf.Tensor) -> tuple:
        """The part of the prompts that is read, bounded `max_new_tokens`, warnings of both."""
        limit = self._settings.max_prompt_bytes
        read, cut = keep_last_bytes(prompt, limit)
        cut = tf.where(cut, f"Of `prompt` the model read the last {limit} bytes only. ", "")
        max_new_tokens, many = clamp(
            max_new_tokens, "max_new_tokens", 0, self._settings.max_new_tokens
        )
        return read, max_new_tokens, [cut, many]


def _if_any(name: str, values: Sequence[tf.Tensor]) -> dict[str, tf.Tensor]:
    """An output that only a model of documents has."""
    return {name: values[0]} if values else {}
