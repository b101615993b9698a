"""What a language model's export computes: a method for each signature."""

from collections.abc import Sequence

import tensorflow as tf

from tfseq.generation.beam_search import beam_search
from tfseq.generation.constraints import UNCONSTRAINED, Constraints
from tfseq.generation.controls.controls import Controls
from tfseq.generation.decoding import generate_ids
from tfseq.generation.ranking import best_probabilities
from tfseq.generation.sampling import SamplerSettings
from tfseq.generation.text_graph import (
    CONTROL_INPUTS,
    GENERATE_INPUTS,
    SCORE_INPUTS,
    SEARCH_INPUTS,
    TextGraph,
)
from tfseq.models import LanguageModel
from tfseq.serving.signatures.bounded_controls import bounded_controls
from tfseq.serving.signatures.clamping import clamp, keep_first_bytes, keep_last_bytes, sentences
from tfseq.serving.signatures.settings import MAX_TEMPERATURE, ServingSettings
from tfseq.serving.signatures.signatures import Signatures
from tfseq.serving.signatures.state_specs import one_step, state_specs
from tfseq.text import Tokenizer, VocabularyTables


class LanguageModelSignatures(Signatures):
    """The nine signatures of a language model."""

    def __init__(
        self,
        model: LanguageModel,
        tokenizer: Tokenizer,
        tables: VocabularyTables,
        settings: ServingSettings,
        constraints: Constraints = UNCONSTRAINED,
    ):
        super().__init__(model, tables, tokenizer)
        self._settings = settings
        self._constraints = constraints
        self._graph = TextGraph(model, tokenizer, tables)

    @property
    def inputs(self) -> dict[str, tuple[tf.TensorSpec, ...]]:
        token_ids = tf.TensorSpec([None, None], tf.int32, "token_ids")
        return {
            "serving_default": GENERATE_INPUTS[:1],
            "generate": GENERATE_INPUTS,
            "generate_controlled": (*GENERATE_INPUTS, *CONTROL_INPUTS),
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
            constraints=self._constraints,
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
        read, max_new_tokens, settings, warnings = self._bound_all(
            prompt, max_new_tokens, temperature, top_k, top_p, seed
        )
        completion, num_tokens, log_probability, *ended = self._graph.complete(
            read, generate_ids, max_new_tokens, settings, constraints=self._constraints
        )
        return {
            "text": self._graph.join(prompt, completion),
            "completion": completion,
            "warning": sentences(warnings),
            "num_tokens": num_tokens,
            "log_probability": log_probability,
            **_if_any("ended", ended),
        }

    def generate_controlled(
        self,
        prompt: tf.Tensor,
        max_new_tokens: tf.Tensor,
        temperature: tf.Tensor,
        top_k: tf.Tensor,
        top_p: tf.Tensor,
        seed: tf.Tensor,
        *controls: tf.Tensor,
    ) -> dict[str, tf.Tensor]:
        """The same with what else a row may ask for; a signature of its own, since REST sends all
        inputs of a signature, and earlier clients send those of `generate`."""
        read, max_new_tokens, settings, warnings = self._bound_all(
            prompt, max_new_tokens, temperature, top_k, top_p, seed
        )
        controls, more_warnings = bounded_controls(
            Controls(*controls), self._settings.max_prompt_bytes + self._settings.max_new_tokens
        )
        completion, num_tokens, log_probability, stopped, *ended = self._graph.complete_controlled(
            read, max_new_tokens, settings, controls, self._constraints
        )
        return {
            "text": self._graph.join(prompt, completion),
            "completion": completion,
            "warning": sentences([*warnings, *more_warnings]),
            "num_tokens": num_tokens,
            "log_probability": log_probability,
            "stopped": stopped,
            **_if_any("ended", ended),
        }

    def beam_search(self, prompt: tf.Tensor, max_new_tokens: tf.Tensor) -> dict[str, tf.Tensor]:
        """The most probable continuations that a beam finds, the best first."""
        read, max_new_tokens, warnings = self._bound(prompt, max_new_tokens)
        completions, _, log_probabilities, *ended = self._graph.complete(
            read,
            beam_search,
            max_new_tokens,
            self._settings.beam_size,
            constraints=self._constraints,
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
        constraints = Constraints.of_documents(self._graph.document_ids, self._constraints)
        probabilities, ids = best_probabilities(
            logits + constraints.penalty(num_symbols),
            min(self._settings.num_next_tokens, num_symbols - len({0, *constraints.forbidden})),
        )
        return {"tokens": self.tables.id_to_token(ids), "probabilities": probabilities}

    def encode(self, text: tf.Tensor) -> dict[str, tf.Tensor]:
        """The token ids of texts, padded with 0; also the ids that begin and end a document, and
        the banned ones, where the model or the export has any."""
        text, _ = keep_first_bytes(text, self._settings.max_score_bytes)
        token_ids, num_tokens = self._graph.encode(text)
        outputs = {"token_ids": token_ids, "num_tokens": num_tokens}
        if self._graph.document_ids:
            begin, end = self._graph.document_ids
            outputs["begin_id"] = tf.fill(tf.shape(text), begin)
            outputs["end_id"] = tf.fill(tf.shape(text), end)
        if self._constraints.forbidden:
            banned = tf.constant([self._constraints.forbidden], tf.int32)
            outputs["banned_ids"] = tf.tile(banned, [tf.size(text), 1])
        return outputs

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

    def _bound_all(self, prompt, max_new_tokens, temperature, top_k, top_p, seed) -> tuple:
        """The same, and the settings of the sampler between them and the warnings of all."""
        read, max_new_tokens, warnings = self._bound(prompt, max_new_tokens)
        temperature, hot = clamp(temperature, "temperature", 0, MAX_TEMPERATURE, 1)
        top_k, many = clamp(top_k, "top_k", 0, self._graph.model.vocabulary_size)
        top_p, improbable = clamp(top_p, "top_p", 0, 1, 1)
        settings = SamplerSettings(temperature, top_k, top_p, seed)
        return read, max_new_tokens, settings, [*warnings, hot, many, improbable]


def _if_any(name: str, values: Sequence[tf.Tensor]) -> dict[str, tf.Tensor]:
    """An output that only a model of documents has."""
    return {name: values[0]} if values else {}
