"""The signatures of an exported language model: strings in, strings and numbers out."""

from collections.abc import Callable

import tensorflow as tf

from tfseq.generation.text_graph import COMPLETE_INPUTS, SCORE_INPUTS, TextGraph
from tfseq.models import LanguageModel
from tfseq.serving.bounds import clamp, keep_first_bytes, keep_last_bytes
from tfseq.serving.settings import MAX_TEMPERATURE, ServingSettings
from tfseq.text import Tokenizer, VocabularyTables


class LanguageModelSignatures(tf.Module):
    """What is saved: the weights, the lookup tables and one function for each signature.

    A method `name` together with its entry in `signatures()` is a signature. It takes and returns
    tensors whose first dimension is the batch. Nothing in it may fail for what one row holds: a
    server answers a whole batch of different people's requests with one status.

    Args:
        model: the language model.
        tokenizer: the tokenizer of its text.
        tables: the lookup tables of its vocabulary, over an asset file.
        settings: caps and defaults, fixed in the graph.
    """

    def __init__(
        self,
        model: LanguageModel,
        tokenizer: Tokenizer,
        tables: VocabularyTables,
        settings: ServingSettings,
    ):
        super().__init__(name="language_model")
        self._settings = settings
        self._num_symbols = model.vocabulary_size
        self._graph = TextGraph(model, tokenizer, tables)
        # TensorFlow Serving's loader finds only what is tracked here, and plain variables only.
        self.weights = [weight.value for weight in model.weights]
        self.tables = tables
        # One traced function, so that the loop is in the file once and not once a signature.
        self._complete = tf.function(
            self._graph.complete, input_signature=COMPLETE_INPUTS, autograph=False
        ).get_concrete_function()

    def signatures(self) -> dict[str, Callable]:
        """Signature name -> function from its named inputs to a dict of outputs."""
        inputs = {
            "serving_default": COMPLETE_INPUTS[:1],
            "generate": COMPLETE_INPUTS,
            "score": SCORE_INPUTS,
        }
        return {
            name: tf.function(getattr(self, name), input_signature=specs, autograph=False)
            for name, specs in inputs.items()
        }

    def serving_default(self, prompt: tf.Tensor) -> dict[str, tf.Tensor]:
        """Continue prompts with the settings fixed at export."""
        settings = self._settings

        def column(value, dtype):
            return tf.fill(tf.shape(prompt), tf.constant(value, dtype))

        read, _ = keep_last_bytes(prompt, settings.max_prompt_bytes)
        completion, _ = self._complete(
            read,
            column(settings.default_max_new_tokens, tf.int32),
            column(settings.default_temperature, tf.float32),
            column(settings.default_top_k, tf.int32),
            column(settings.default_top_p, tf.float32),
            column(settings.default_seed, tf.int64),
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
        limit = self._settings.max_prompt_bytes
        read, cut = keep_last_bytes(prompt, limit)
        warnings = [tf.where(cut, f"Of `prompt` the model read the last {limit} bytes only. ", "")]
        max_new_tokens, warning = clamp(
            max_new_tokens, "max_new_tokens", 0, self._settings.max_new_tokens
        )
        warnings.append(warning)
        temperature, warning = clamp(temperature, "temperature", 0, MAX_TEMPERATURE, 1)
        warnings.append(warning)
        top_k, warning = clamp(top_k, "top_k", 0, self._num_symbols)
        warnings.append(warning)
        top_p, warning = clamp(top_p, "top_p", 0, 1, 1)
        warnings.append(warning)
        completion, log_probability = self._complete(
            read, max_new_tokens, temperature, top_k, top_p, seed
        )
        return {
            "text": self._graph.join(prompt, completion),
            "completion": completion,
            "warning": _sentences(warnings),
            "num_tokens": max_new_tokens,
            "log_probability": log_probability,
        }

    def score(self, text: tf.Tensor) -> dict[str, tf.Tensor]:
        """Score texts, each token given those before it."""
        limit = self._settings.max_score_bytes
        text, cut = keep_first_bytes(text, limit)
        warning = tf.where(cut, f"Of `text` the first {limit} bytes only were scored. ", "")
        return {**self._graph.score(text)._asdict(), "warning": _sentences([warning])}


def _sentences(warnings: list[tf.Tensor]) -> tf.Tensor:
    return tf.strings.strip(tf.strings.join(warnings))
