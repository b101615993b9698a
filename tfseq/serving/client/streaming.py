"""Text from a server piece by piece: the client holds the state, and draws the tokens."""

import re
from collections.abc import Iterator
from typing import Any

import numpy as np

# The end of a text of words whose space goes where more follows: `well -` of `well-known`, and
# `u. s` of `u.s.`
_MAY_CLOSE_UP = re.compile(r" (?:[-/]|[^\W\d_])\Z")
# Bytes of UTF-8.
_MOST_TOKENS_OF_CHARACTER = 4
_DOCUMENT_IDS = ("begin_id", "end_id")


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
    unless they are out of range there: the numbers are drawn here as they are in the graph. (An
    empty prompt of a model of subwords is the exception: its first token is taken from a text.) It
    takes one request for each token of the prompt, and two for each new one.

    Words need their neighbours to be put together: text after a straight double quote waits for
    the quote that ends it, and a hyphen or a single letter for the token after it.

    Args:
        client: a `Client`, or what else has its methods.
        prompt: below the caps of the export in length.
        max_new_tokens, temperature, top_k, top_p, seed: as `Client.generate` takes them.
    """
    tokens = _draw_tokens(client, prompt, max_new_tokens, temperature, top_k, top_p, seed)
    given = ""
    for stable in _texts(client, tokens):
        if len(stable) > len(given):
            yield stable[len(given) :]
            given = stable


def _draw_tokens(client, prompt, max_new_tokens, temperature, top_k, top_p, seed) -> Iterator[int]:
    # TensorFlow is needed for its random numbers alone.
    import tensorflow as tf

    from tfseq.generation.random_numbers import gumbel_noise
    from tfseq.generation.sampling import SamplerSettings, sample

    if max_new_tokens < 1:
        return
    settings = SamplerSettings(temperature, top_k, top_p, seed)
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
        yield int(ids[0])
        drawn = 1
    for step in range(drawn, max_new_tokens):
        for token in ids:
            outputs = client.step([token], states)
            states = {name: outputs[name] for name in states}
        logits = outputs["logits"].copy()
        logits[:, [0] if begin is None else [0, begin]] = -np.inf
        noise = gumbel_noise(tf.constant([seed], tf.int64), step, 1, logits.shape[1])[:, 0]
        ids = [int(sample(logits, noise, settings)[0])]
        if ids[0] == end:
            return
        yield ids[0]


def _texts(client, tokens: Iterator[int]) -> Iterator[str]:
    """The beginning of the text that later tokens will not change, after every token."""
    words = _are_put_together(client)
    ids, text = [], ""
    for token in tokens:
        ids.append(token)
        text = client.decode([ids])["text"][0]
        if words and text.count('"') % 2:
            yield text[: text.rindex('"')].rstrip()
        elif words:
            yield _MAY_CLOSE_UP.sub("", text)
        else:
            # The bytes of a character may be several tokens: until the last, they are U+FFFD.
            yield text.rstrip("\ufffd")
    yield text


def _are_put_together(client) -> bool:
    """Whether tokens are words, which get their spaces when they are put together."""
    if client.encode("a b")["num_tokens"][0] != 2:
        return False
    encoded = client.encode("a  b")
    ids = encoded["token_ids"][0][: encoded["num_tokens"][0]]
    # Subwords keep their spaces.
    return client.decode([list(map(int, ids))])["text"][0] != "a  b"
