"""Text from a server piece by piece: the client holds the state, and draws the tokens."""

from collections.abc import Iterator, Sequence
from typing import Any, Unpack

import numpy as np

from tfseq.serving.client.controls import TextControls, check_controls
from tfseq.serving.writing.stopped_text import StoppedText
from tfseq.serving.writing.token_drawer import DrawSettings, SpecialIds, TokenDrawer
from tfseq.serving.writing.token_texts import answered, find_token_texts

# Bytes of UTF-8.
_MOST_TOKENS_OF_CHARACTER = 4
# The likeliest tokens, of which those whose texts are unknown fill up a request.
_LIKELY = 256


def stream_text(
    client: Any,
    prompt: str | bytes,
    max_new_tokens: int,
    temperature: float = 1.0,
    top_k: int = 0,
    top_p: float = 1.0,
    seed: int = 0,
    **controls: Unpack[TextControls],
) -> Iterator[str]:
    """Continue one prompt by calls of `step`, and give the text as it comes about.

    The pieces together are what `Client.generate` gives as `completion` for the same settings,
    unless they are out of range there: the numbers are drawn here as they are in the graph, and
    only a tie to the last bit may fall otherwise. (An empty prompt of a model of subwords is the
    exception: its first token is taken from a text.)

    It takes one request for each token, of the prompt too. Texts of tokens are asked for many at a
    time, and only once; see `GrowingText`, which is linear in the text. Characters are whole.

    Words need their neighbours to be put together: text after a straight double quote waits for
    the quote that ends it, and a hyphen or a single letter for the token after it. What may begin
    a stop string waits too.

    Args:
        client: a `Client`, or what else has its methods.
        prompt: below the caps of the export in length.
        max_new_tokens, temperature, top_k, top_p, seed: as `Client.generate` takes them.
        **controls: `stop`, `min_p` and so on; see `TextControls`.

    Raises:
        RequestError: at the first piece, if a control breaks its rule.
    """
    settings, stops = check_controls(controls, temperature=temperature, top_k=top_k, top_p=top_p)
    text = None
    for token, logits in _draw_tokens(client, prompt, max_new_tokens, settings, seed):
        if text is None:
            text = _text(client, stops)
        piece = answered(text.add(token, _likeliest(logits)), _decode(client))
        if piece:
            yield piece
        if text.stopped:
            return
    rest = answered(text.end(), _decode(client)) if text is not None else ""
    if rest:
        yield rest


def _draw_tokens(
    client, prompt, max_new_tokens, settings, seed
) -> Iterator[tuple[int, np.ndarray | None]]:
    """Tokens, and the logits that they were drawn from."""
    if max_new_tokens < 1:
        return
    encoded = client.encode(prompt)
    ids = encoded["token_ids"][0, : encoded["num_tokens"][0]]
    states = client.initial_states(1)
    special, row = SpecialIds.of(encoded), np.array([0])
    drawer = TokenDrawer(settings, [seed], special.forbidden, ids)
    if special.begin is not None:
        ids = [special.begin, *ids]
    drawn = 0
    if not len(ids):
        # Nothing to step on: the first token comes from the server.
        ids = [_first_token(client, prompt, settings, seed)]
        drawer.wrote(row, ids)
        yield ids[0], None
        drawn = 1
    for step in range(drawn, max_new_tokens):
        for token in ids:
            outputs = client.step([token], states)
            states = {name: outputs[name] for name in states}
        logits = np.array(outputs["logits"][:1], "float32")
        ids = drawer.draw(logits, row, step).tolist()
        if ids[0] == special.end:
            return
        yield ids[0], logits[0]


def _first_token(client, prompt, settings: DrawSettings, seed: int) -> int:
    more = {"min_p": settings.min_p} if settings.min_p > 0 else {}
    # Of a character that is several tokens, the server tells the first only with the others.
    for number in range(1, 1 + _MOST_TOKENS_OF_CHARACTER):
        first = client.generate(prompt, number, *settings[:3], seed, **more)["completion"]
        if not first[0].startswith("\ufffd"):
            break
    return int(client.encode(first)["token_ids"][0, 0])


def _likeliest(logits: np.ndarray | None) -> np.ndarray:
    """The ids of the likeliest tokens; a few do."""
    if logits is None:
        return np.array([], int)
    some = np.argpartition(-logits, min(_LIKELY, len(logits)) - 1)[:_LIKELY]
    some = some[np.isfinite(logits[some])]
    return some[np.argsort(-logits[some])]


def _text(client, stops: Sequence[str]) -> StoppedText:
    encoded = client.encode(["a b", "a  b"])
    ids = [row[:n] for row, n in zip(encoded["token_ids"], encoded["num_tokens"], strict=True)]
    return StoppedText(answered(find_token_texts(*ids), _decode(client)), stops)


def _decode(client):
    return lambda rows: client.decode(rows)["text"]
