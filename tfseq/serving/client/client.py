"""A client of exported models on TensorFlow Serving."""

import random
import re
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import numpy as np

from tfseq.errors import InputError
from tfseq.files.text_bytes import text_bytes
from tfseq.serving.client.grpc_transport import GrpcTransport
from tfseq.serving.client.rest_transport import RestTransport
from tfseq.serving.client.streaming import stream_text
from tfseq.serving.client.transport import ServingError

_TRANSPORTS = {"grpc": GrpcTransport, "rest": RestTransport}
_ADDRESS = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^\s:/\[\]]+):([0-9]{1,5})")

Answer = TypeVar("Answer")
Texts = str | bytes | Sequence[str | bytes]


class Client:
    """Calls the signatures of one model on a server, by gRPC or REST.

    The methods are the signatures of a language model; `predict` calls those of any model. Texts
    may be one string or several; other settings are one number for all or one for each. Answers
    are arrays by name, the batch first, also for a single text; strings in them are `str`.

    A request is tried again, after growing waits, while the server is UNAVAILABLE, and after no
    other error; requests are without effect on the server, so that twice is as good as once.

    Args:
        address: `HOST:PORT`; a server's usual ports are 8500 for gRPC and 8501 for REST.
        model_name: the model's name on the server.
        protocol: `"grpc"` (needs the extra `serving`) or `"rest"`.
        version: a version's number; None leaves the choice to the server.
        version_label: a label from the server's configuration, in place of a version.
        timeout: seconds for one try.
        max_retries: further tries while the server is UNAVAILABLE.
        retry_wait: seconds before the first of them; then twice as long, and so on.

    Raises:
        InputError: if `address` is none, or what gRPC needs is not installed.
        ValueError: if another argument breaks its rule.

    Example:
        >>> client = Client("localhost:8501", "python_docs_gru", protocol="rest", max_retries=0)
        >>> client.generate("The ", 80, temperature=0.7)["text"][0]  # doctest: +SKIP
        'The value of the argument is ...'
    """

    def __init__(
        self,
        address: str,
        model_name: str,
        *,
        protocol: str = "grpc",
        version: int | None = None,
        version_label: str | None = None,
        timeout: float = 30.0,
        max_retries: int = 5,
        retry_wait: float = 0.2,
    ):
        match = _ADDRESS.fullmatch(address)
        if not match or not 0 < int(match[2]) < 2**16:
            raise InputError(f"`address` must be HOST:PORT. Received: {address!r}.")
        if protocol not in _TRANSPORTS:
            raise ValueError(f"`protocol` must be 'grpc' or 'rest'. Received: {protocol!r}.")
        if version is not None and version_label is not None:
            raise ValueError("Give `version` or `version_label`, not both. Received: both.")
        if timeout <= 0 or retry_wait < 0 or max_retries < 0:
            raise ValueError(
                "`timeout` must be positive, `max_retries` and `retry_wait` not negative. "
                f"Received: {timeout}, {max_retries}, {retry_wait}."
            )
        self._transport = _TRANSPORTS[protocol](address, model_name, version, version_label)
        self._timeout = timeout
        self._max_retries = max_retries
        self._retry_wait = retry_wait

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *exception) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._transport.close()

    def serving_default(self, prompts: Texts) -> dict[str, np.ndarray]:
        """Continue prompts with the settings fixed at export: `text` [B]."""
        return self.predict("serving_default", prompt=_strings(prompts))

    def generate(
        self,
        prompts: Texts,
        max_new_tokens: int | Sequence[int],
        temperature: float | Sequence[float] = 1.0,
        top_k: int | Sequence[int] = 0,
        top_p: float | Sequence[float] = 1.0,
        seed: int | Sequence[int] = 0,
    ) -> dict[str, np.ndarray]:
        """Continue prompts: `text`, `completion`, `warning`, `num_tokens`, `log_probability`.

        A model of documents also says in `ended` whether a text ended by itself.
        """
        settings = max_new_tokens, temperature, top_k, top_p, seed
        return self.predict("generate", **_columns(prompts, *settings))

    def beam_search(
        self, prompts: Texts, max_new_tokens: int | Sequence[int]
    ) -> dict[str, np.ndarray]:
        """The most probable texts found: `texts` and `log_probabilities` [B, K], `warning`."""
        return self.predict("beam_search", **_columns(prompts, max_new_tokens))

    def score(self, texts: Texts) -> dict[str, np.ndarray]:
        """Score texts: `log_probability`, `num_tokens`, `perplexity`, `warning`, and by token.

        A model of documents also gives `end_log_probability`, that of a text's end.
        """
        return self.predict("score", text=_strings(texts))

    def next_token(self, prompts: Texts) -> dict[str, np.ndarray]:
        """The most probable next tokens: `tokens` and `probabilities`, both [B, K]."""
        return self.predict("next_token", prompt=_strings(prompts))

    def encode(self, texts: Texts) -> dict[str, np.ndarray]:
        """Texts to ids: `token_ids` [B, T], padded with 0, and `num_tokens` [B]."""
        return self.predict("encode", text=_strings(texts))

    def decode(
        self, token_ids: np.ndarray, num_tokens: np.ndarray | None = None
    ) -> dict[str, np.ndarray]:
        """Ids [B, T] to `text` [B]; `num_tokens` left out takes all of every row."""
        token_ids = np.asarray(token_ids, "int32")
        if num_tokens is None:
            num_tokens = np.full(len(token_ids), token_ids.shape[1])
        return self.predict(
            "decode", token_ids=token_ids, num_tokens=np.asarray(num_tokens, "int32")
        )

    def step(
        self, token_ids: Sequence[int], states: Mapping[str, np.ndarray]
    ) -> dict[str, np.ndarray]:
        """One token on: `logits` [B, V] and the new states, by the names they were sent under.

        Args:
            token_ids: one id for each row.
            states: all states by name, as an answer or `initial_states` gave them.
        """
        states = {name: np.asarray(state, "float32") for name, state in states.items()}
        return self.predict("step", token_ids=np.asarray(token_ids, "int32"), **states)

    def predict(self, signature: str, **inputs: np.ndarray | Sequence) -> dict[str, np.ndarray]:
        """Call any signature.

        Args:
            signature: its name.
            inputs: what it takes, by name, the batch first: arrays, or lists in lists, of numbers
                or texts. A list of numbers is sent as int32 or float32.

        Raises:
            ServingError: if the server does not answer, or answers with an error.
            InputError: if lists are not of equal lengths.

        Example:
            >>> client = Client("localhost:8501", "orders_gru", protocol="rest", max_retries=0)
            >>> client.predict("serving_default", text=["dog bites man"])  # doctest: +SKIP
            {'labels': array([['dog bites', 'man bites']], dtype=object), 'scores': ...}
        """
        inputs = {name: _array(name, value) for name, value in inputs.items()}
        outputs = self._try(lambda: self._transport.predict(signature, inputs, self._timeout))
        return {name: _decoded(value) for name, value in outputs.items()}

    def initial_states(self, batch_size: int) -> dict[str, np.ndarray]:
        """The zeros with which `step` begins, by name; the server is asked for their shapes."""
        shapes = self._try(lambda: self._transport.input_shapes("step", self._timeout))
        return {
            name: np.zeros([batch_size, *shape[1:]], "float32")
            for name, shape in shapes.items()
            if name != "token_ids"
        }

    stream = stream_text

    def _try(self, call: Callable[[], Answer]) -> Answer:
        """Each wait is drawn between half its length and the whole, so that clients which failed
        together do not come back together."""
        for attempt in range(self._max_retries):
            try:
                return call()
            except ServingError as error:
                if error.code != "UNAVAILABLE":
                    raise
            time.sleep(self._retry_wait * 2**attempt * random.uniform(0.5, 1))
        return call()


# What `generate` takes beside prompts.
_SETTINGS = {
    "max_new_tokens": "int32",
    "temperature": "float32",
    "top_k": "int32",
    "top_p": "float32",
    "seed": "int64",
}


def _columns(prompts: Texts, *settings) -> dict[str, np.ndarray | Sequence]:
    """Prompts and the first of the settings, one number for all or one for each."""
    prompts = _strings(prompts)
    columns = zip(_SETTINGS.items(), settings, strict=False)
    return {
        "prompt": prompts,
        **{name: _numbers(value, dtype, prompts) for (name, dtype), value in columns},
    }


def _strings(texts: Texts) -> list[str | bytes]:
    return [texts] if isinstance(texts, str | bytes) else list(texts)


def _array(name: str, value: np.ndarray | Sequence) -> np.ndarray:
    """An input as an array that either transport sends: numbers, or `bytes`."""
    if isinstance(value, np.ndarray) and value.dtype.kind not in "USO":
        return value
    # Entry by entry: NumPy's own strings lose a NUL at their end.
    entries = np.asarray(value, object)
    if all(isinstance(entry, str | bytes) for entry in entries.flat):
        return np.vectorize(text_bytes, [object])(entries) if entries.size else entries
    try:
        array = np.asarray(value)
    except ValueError:
        array = entries
    if array.dtype.kind not in "biuf":
        raise InputError(
            f"`{name}` must be numbers, or texts, in lists of equal lengths. Received: {value!r}."
        )
    return _numbers(value, {"f": "float32", "b": "bool"}.get(array.dtype.kind, "int32"), array)


def _numbers(value, dtype: str, rows: Sequence) -> np.ndarray:
    try:
        values = np.asarray(value, dtype)
    except OverflowError as error:
        raise InputError(f"Numbers must fit in {dtype}. Received: {value!r}.") from error
    return np.full(len(rows), values) if values.ndim == 0 else values


def _decoded(array: np.ndarray) -> np.ndarray:
    if array.dtype != object or not array.size:
        return array
    return np.frompyfunc(lambda data: data.decode("utf-8", "replace"), 1, 1)(array)
