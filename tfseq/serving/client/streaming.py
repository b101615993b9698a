"""Text from a server piece by piece: the client holds the state, and draws the tokens."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from tfseq.serving.client.growing_text import GrowingText
from tfseq.serving.drawing import draw, gumbel_noise

# Bytes of UTF-8.
_MOST_TOKENS_OF_CHARACTER = 4
_DOCUMENT_IDS = ("begin_id", "end_id")
_LIKELY = 64


def stream_text(
    client: Any,
    prompt: str | bytes,
    max_new_tokens: int,
    temperature: float = 1.0,
    top_k: int = 0,
    top_p: float = 1.0,
    seed: int = 0,
) -> Iterator[str]:
    """Continue one prompt by calls of `step`, and give the text as it comes about.

    The pieces together are what `Client.generate` gives as `completion` for the same settings,
    unless they are out of range there: the numbers are drawn here as they are in the graph, and
    only a tie to the last bit may fall otherwise. (An empty prompt of a model of subwords is the
    exception: its first token is taken from a text.)

    It takes one request for each token, of the prompt too. Texts of tokens are asked for many at a
    time, and only once; see `GrowingText`, which is linear in the text. Characters are whole.

    Words need their neighbours to be put together: text after a straight double quote waits for
    the quote that ends it, and a hyphen or a single letter for the token after it.

    Args:
        client: a `Client`, or what else has its methods.
        prompt: below the caps of the export in length.
        max_new_tokens, temperature, top_k, top_p, seed: as `Client.generate` takes them.
    """
    text = None
    for token, logits in _draw_tokens(
        client, prompt, max_new_tokens, temperature, top_k, top_p, seed
    ):
        if text is None:
            text = GrowingText(
                lambda rows: client.decode(rows)["text"], of_words=_are_put_together(client)
            )
        piece = text.add(token, _likeliest(logits))
        if piece:
            yield piece
    rest = text.end() if text is not None else ""
    if rest:
        yield rest


def _draw_tokens(
    client, prompt, max_new_tokens, temperature, top_k, top_p, seed
) -> Iterator[tuple[int, np.ndarray | None]]:
    """Tokens, and the logits that they were drawn from."""
    if max_new_tokens < 1:
        return
    encoded = client.encode(prompt)
    ids = encoded["token_ids"][0, : encoded["num_tokens"][0]]
    states = client.initial_states(1)
    # What a model of documents says of itself.
    begin, end = (int(encoded[name][0]) if name in encoded else None for name in _DOCUMENT_IDS)
    if begin is not None:
        ids = [begin, *ids]
    drawn = 0
    if not len(ids):
        # Nothing to step on: the first token comes from the server.
        # Of a character that is several tokens, it tells the first only with the others.
        for number in range(1, 1 + min(max_new_tokens, _MOST_TOKENS_OF_CHARACTER)):
            first = client.generate(prompt, number, temperature, top_k, top_p, seed)["completion"]
            if not first[0].startswith("\ufffd"):
                break
        ids = client.encode(first)["token_ids"][0, :1]
        yield int(ids[0]), None
        drawn = 1
    for step in range(drawn, max_new_tokens):
        for token in ids:
            outputs = client.step([token], states)
            states = {name: outputs[name] for name in states}
        logits = np.array(outputs["logits"][0], "float32")
        logits[[0] if begin is None else [0, begin]] = -np.inf
        noise = gumbel_noise(np.array([seed % 2**64], np.uint64), step, len(logits))
        ids = draw(logits[np.newaxis], noise, temperature, top_k, top_p).tolist()
        if ids[0] == end:
            return
        yield ids[0], logits


def _likeliest(logits: np.ndarray | None) -> np.ndarray:
    """The ids of the likeliest tokens; a few do."""
    if logits is None:
        return np.array([], int)
    some = np.argpartition(-logits, min(_LIKELY, len(logits)) - 1)[:_LIKELY]
    some = some[np.isfinite(logits[some])]
    return some[np.argsort(-logits[some])]


def _are_put_together(client) -> bool:
    """Whether tokens are words, which get their spaces when they are put together."""
    if client.encode("a b")["num_tokens"][0] != 2:
        return False
    encoded = client.encode("a  b")
    ids = encoded["token_ids"][0][: encoded["num_tokens"][0]]
    # Subwords keep their spaces.
    return client.decode([list(map(int, ids))])["text"][0] != "a  b"
