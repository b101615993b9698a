"""A client of exported models on TensorFlow Serving."""

import os
import random
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar, Unpack

import numpy as np

from tfseq.serving.client.controls import CONTROLLED, TextControls, control_inputs
from tfseq.serving.client.grpc_transport import GrpcTransport
from tfseq.serving.client.rest_transport import RestTransport
from tfseq.serving.client.signature import find_signature, fitting_inputs
from tfseq.serving.client.streaming import stream_text
from tfseq.serving.client.transport import RequestError, ServingError, endpoint
from tfseq.serving.wire.signature import Signature

_TRANSPORTS = {"grpc": GrpcTransport, "rest": RestTransport}

Answer = TypeVar("Answer")
Texts = str | bytes | Sequence[str | bytes]


class Client:
    """Calls the signatures of one model on a server, by gRPC or REST.

    `predict` calls any signature of any model; the other methods are those of a language model.
    Texts may be one string or several; other settings are one number for all or one for each.
    Answers are arrays by name, the batch first, also for a single text; strings in them are `str`.

    Threads may share a client. Connections are kept open between requests, as many as there are
    requests at once. REST needs NumPy alone, gRPC grpcio and protobuf; neither loads TensorFlow.

    A request is tried again, after growing waits, while the server is UNAVAILABLE, and after no
    other error; requests are without effect on the server, so that twice is as good as once.

    Args:
        address: `HOST:PORT`; a server's usual ports are 8500 for gRPC and 8501 for REST. With
            `https://` before it, TLS is spoken, by either protocol; REST may have a path behind it.
        model_name: the model's name on the server.
        protocol: `"grpc"` (needs the extra `serving`) or `"rest"`.
        version: a version's number; None leaves the choice to the server.
        version_label: a label from the server's configuration, in place of a version.
        timeout: seconds for one try.
        max_retries: further tries while the server is UNAVAILABLE.
        retry_wait: seconds before the first of them; then twice as long, and so on.
        headers: sent with every request.
        token: sent as `Authorization: Bearer TOKEN`; a function is asked before every request.
        ca_file: a PEM file of the authorities to trust, in place of the system's; needs `https://`.
        client_certificate, client_key: PEM files, where the server wants to know its clients.

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
        headers: Mapping[str, str] | None = None,
        token: str | Callable[[], str] | None = None,
        ca_file: str | os.PathLike | None = None,
        client_certificate: str | os.PathLike | None = None,
        client_key: str | os.PathLike | None = None,
    ):
        if protocol not in _TRANSPORTS:
            raise ValueError(f"`protocol` must be 'grpc' or 'rest'. Received: {protocol!r}.")
        if version is not None and version_label is not None:
            raise ValueError("Give `version` or `version_label`, not both. Received: both.")
        if timeout <= 0 or retry_wait < 0 or max_retries < 0:
            raise ValueError(
                "`timeout` must be positive, `max_retries` and `retry_wait` not negative. "
                f"Received: {timeout}, {max_retries}, {retry_wait}."
            )
        server = endpoint(
            address,
            protocol,
            headers=headers,
            token=token,
            ca_file=ca_file,
            client_certificate=client_certificate,
            client_key=client_key,
        )
        self._transport = _TRANSPORTS[protocol](server, model_name, version, version_label)
        self._signatures: Mapping[str, Signature] = {}
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
        **controls: Unpack[TextControls],
    ) -> dict[str, np.ndarray]:
        """Continue prompts: `text`, `completion`, `warning`, `num_tokens`, `log_probability`.

        A model of documents also says in `ended` whether a text ended by itself. With `stop`,
        `min_p`, `repetition_penalty`, `repetition_window` or `frequency_penalty`, see
        `TextControls`, the answer also says in `stopped` whether a stop string ended a text.

        Raises:
            RequestError: for one of these, if the model has no signature `generate_controlled`.
        """
        inputs = {
            "prompt": _strings(prompts),
            "max_new_tokens": max_new_tokens,
            "temperature": temperature,
            "top_k": top_k,
            "top_p": top_p,
            "seed": seed,
        }
        signatures = self.signatures() if controls else ()
        if controls and CONTROLLED not in signatures:
            signatures = self._try(self._ask_signatures)
        more = control_inputs(controls, signatures, len(inputs["prompt"]))
        if more is None:
            return self._predict_rows("generate", **inputs)
        return self._predict_rows(CONTROLLED, **inputs, **more)

    def beam_search(
        self, prompts: Texts, max_new_tokens: int | Sequence[int]
    ) -> dict[str, np.ndarray]:
        """The most probable texts found: `texts` and `log_probabilities` [B, K], `warning`."""
        return self._predict_rows(
            "beam_search", prompt=_strings(prompts), max_new_tokens=max_new_tokens
        )

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
        self,
        token_ids: np.ndarray | Sequence[Sequence[int]],
        num_tokens: np.ndarray | Sequence[int] | None = None,
    ) -> dict[str, np.ndarray]:
        """Ids [B, T], or lists of any lengths, to `text` [B]; `num_tokens` left out takes all."""
        if num_tokens is None:
            num_tokens = [len(row) for row in token_ids]
            most = max(num_tokens, default=0)
            if num_tokens != [most] * len(num_tokens):
                token_ids = [[*row, *[0] * (most - len(row))] for row in token_ids]
        return self._predict_rows("decode", token_ids=token_ids, num_tokens=num_tokens)

    def step(
        self, token_ids: Sequence[int], states: Mapping[str, np.ndarray]
    ) -> dict[str, np.ndarray]:
        """One token on: `logits` [B, V] and the new states, by the names they were sent under.

        Args:
            token_ids: one id for each row.
            states: all states by name, as an answer or `initial_states` gave them.
        """
        return self._predict_rows("step", token_ids=token_ids, **states)

    def predict(self, signature: str, **inputs: Any) -> dict[str, np.ndarray]:
        """Call any signature of any model.

        Types and shapes are those that the model's own metadata name; they are asked for once for
        each version. A wrong request is refused here, before it is sent.

        Args:
            signature: its name.
            inputs: what it takes, by name, the batch first: arrays, or lists in lists, of numbers
                or texts. One text or number where a list is due stands for every row.

        Raises:
            RequestError: if the model has no such signature (the message lists those that there
                are), or takes other inputs.
            ServingError: if the server does not answer, or answers with an error.

        Example:
            >>> client = Client("localhost:8501", "orders_gru", protocol="rest", max_retries=0)
            >>> client.predict("serving_default", text=["dog bites man"])  # doctest: +SKIP
            {'labels': array([['dog bites', 'man bites']], dtype=object), 'scores': ...}
        """
        outputs = self._try(lambda: self._predict(signature, inputs))
        return {name: _decoded(value) for name, value in outputs.items()}

    def signatures(self) -> Mapping[str, Signature]:
        """What the model's signatures take and give: names, types and shapes, -1 for any size."""
        return self._try(lambda: self._signatures or self._ask_signatures())

    def initial_states(self, batch_size: int) -> dict[str, np.ndarray]:
        """The zeros with which `step` begins, by name; their shapes are in the metadata."""
        inputs = find_signature(self.signatures(), "step").inputs
        return {
            name: np.zeros([batch_size, *info.shape[1:]], info.dtype)
            for name, info in inputs.items()
            if name != "token_ids"
        }

    stream = stream_text

    def _predict_rows(self, signature: str, **inputs: Any) -> dict[str, np.ndarray]:
        """Call a signature whose inputs are rows: each is alone, or as many as the others."""
        rows = {
            name: len(value)
            for name, value in inputs.items()
            if isinstance(value, Sequence) or getattr(value, "ndim", 0)
        }
        if len(set(rows.values())) > 1:
            counted = ", ".join(f"`{name}` has {count}" for name, count in rows.items())
            raise RequestError(f"Inputs must have equally many rows. Received: {counted}.")
        return self.predict(signature, **inputs)

    def _predict(self, signature: str, given: Mapping[str, Any]) -> dict[str, np.ndarray]:
        """A request that does not fit may fit a version that is new: the metadata are asked for
        again before it is refused."""
        known = self._signatures
        if known:
            try:
                return self._send(known, signature, given)
            except ServingError as error:
                if error.code != "INVALID_ARGUMENT":
                    raise
                now = self._ask_signatures()
                if now == known:
                    raise
        return self._send(self._signatures or self._ask_signatures(), signature, given)

    def _send(
        self, known: Mapping[str, Signature], signature: str, given: Mapping[str, Any]
    ) -> dict[str, np.ndarray]:
        inputs = fitting_inputs(signature, find_signature(known, signature), given)
        outputs, self._signatures = self._transport.predict(signature, inputs, known, self._timeout)
        return outputs

    def _ask_signatures(self) -> Mapping[str, Signature]:
        self._signatures = signatures = self._transport.signatures(self._timeout)
        return signatures

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


def _strings(texts: Texts) -> list[str | bytes]:
    alone = isinstance(texts, str | bytes) or not isinstance(texts, Iterable)
    return [texts] if alone else list(texts)


def _decoded(array: np.ndarray) -> np.ndarray:
    if array.dtype != object or not array.size:
        return array
    return np.frompyfunc(lambda data: data.decode("utf-8", "replace"), 1, 1)(array)
