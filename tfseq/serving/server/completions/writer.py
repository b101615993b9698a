"""Texts written token by token, by the signature `step`: one request a token."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any, TypeVar

import numpy as np

from tfseq.serving.server.completions.choice import Choice, Piece, ShownToken
from tfseq.serving.server.completions.completion_request import CompletionRequest
from tfseq.serving.server.completions.decoding import find, strings, token_texts
from tfseq.serving.server.completions.generating import generate
from tfseq.serving.server.completions.sessions import Session
from tfseq.serving.server.completions.token_places import token_places
from tfseq.serving.writing.drawing import log_probabilities
from tfseq.serving.writing.token_drawer import SpecialIds, TokenDrawer

# The likeliest tokens, of which those whose texts are unknown fill up a request.
_NUM_LIKELY = 256
# The most tokens that one character is.
_MOST_TOKENS_OF_CHARACTER = 4
# What is done with so many logits takes longer than others should wait.
_MANY_LOGITS = 2**17

Result = TypeVar("Result")


class Writer:
    """Continues one prompt, once for each seed.

    The text is that of `generate_controlled` for the same settings. All continuations take each
    step together.

    Args:
        session: the model.
        request: what is asked for.
        prompt: one of its prompts.
        first_index: of its choices in the answer.

    Attributes:
        num_prompt_tokens, num_tokens: what was read and written.
    """

    def __init__(self, session: Session, request: CompletionRequest, prompt: str, first_index: int):
        self._session, self._request, self._prompt = session, request, prompt
        self._first_index = first_index
        self.num_prompt_tokens = self.num_tokens = 0

    async def write(self) -> AsyncIterator[Piece]:
        """Pieces of the choices as they come about; the last of each says why it is the last."""
        request = self._request
        start = len(self._prompt) if request.echo else 0
        self._texts = await token_texts(self._session)
        choices = [
            Choice(self._first_index + number, self._session, self._texts, request.stop, start)
            for number in range(len(request.seeds))
        ]
        logits, states, shown = await self._read()
        if request.echo:
            for choice in choices:
                yield Piece(choice.index, self._prompt, list(shown))
        if request.max_tokens == 0:
            for choice in choices:
                yield await choice.finish("length")
            return
        rows = np.arange(len(choices))
        if logits is None:
            first = await self._first_tokens()
            self._drawer.wrote(rows, first)
        else:
            states = {name: np.repeat(s, len(rows), axis=0) for name, s in states.items()}
            logits = np.repeat(logits, len(rows), axis=0)
        for step in range(request.max_tokens):
            if logits is None:
                tokens, likely, shown = first, None, [None] * len(rows)
            else:
                tokens = await _aside(self._drawer.draw, logits, rows, step)
                likely, shown = await self._look(logits, tokens)
            going_on = []
            lead = await self._lead(choices, tokens) if step == 0 else [""] * len(rows)
            for place, row in enumerate(rows):
                choice, token = choices[row], int(tokens[place])
                if token == self._end:
                    piece = await choice.end()
                else:
                    near = () if likely is None else likely[place]
                    piece = await choice.add(token, near, shown[place], lead[place])
                self.num_tokens += 1
                if piece.finish_reason is None and step + 1 == request.max_tokens:
                    rest = await choice.finish("length")
                    rest.text = piece.text + rest.text
                    rest.tokens = piece.tokens + rest.tokens
                    piece = rest
                if piece.finish_reason is None:
                    going_on.append(place)
                if piece.text or piece.tokens or piece.finish_reason:
                    yield piece
            if not going_on:
                return
            rows, tokens = rows[going_on], tokens[going_on]
            if states is None:
                states = self._zeros(len(rows))
            else:
                states = {name: state[going_on] for name, state in states.items()}
            logits, states = await self._step(tokens, states)

    async def _read(self) -> tuple[np.ndarray | None, dict | None, list[ShownToken]]:
        """Logits and states after the prompt, None where there is nothing to read; its tokens."""
        outputs = await self._session.predict("encode", {"text": strings([self._prompt])})
        ids = outputs["token_ids"][0, : outputs["num_tokens"][0]].tolist()
        self.num_prompt_tokens = len(ids)
        begin, self._end, forbidden = SpecialIds.of(outputs)
        self._drawer = TokenDrawer(self._request.settings, self._request.seeds, forbidden, ids)
        texts = []
        if self._request.echo and self._request.logprobs is not None:
            texts = await self._texts_of(ids)
        places = token_places(self._prompt, texts)
        logits, states, shown = None, None, []
        if begin is not None:
            logits, states = await self._step([begin], self._zeros(1))
        for number, token in enumerate(ids):
            if texts:
                seen = ShownToken(texts[number], None, None, 0)
                if logits is not None:
                    _, (seen,) = await self._look(logits, [token])
                seen.offset = places[number]
                shown.append(seen)
            logits, states = await self._step([token], self._zeros(1) if states is None else states)
        return logits, states, shown

    def _zeros(self, num_rows: int) -> dict[str, np.ndarray]:
        """The states that a text begins with."""
        infos = self._session.signatures["step"].inputs
        return {
            name: np.zeros([num_rows, *info.shape[1:]], info.dtype)
            for name, info in infos.items()
            if name != "token_ids"
        }

    async def _step(self, tokens: Any, states: dict) -> tuple[np.ndarray, dict]:
        inputs = {"token_ids": np.asarray(tokens, np.int32), **states}
        outputs = await self._session.predict("step", inputs)
        return outputs["logits"], {name: outputs[name] for name in states}

    async def _texts_of(self, tokens: Any) -> list[str]:
        return await find(self._session, self._texts.of(tokens))

    async def _look(self, logits: np.ndarray, tokens: Any) -> tuple[np.ndarray, list]:
        """For each row the most probable tokens, best first, and its own as `logprobs` show it."""
        likely = await _aside(_likeliest, logits)
        num_top = self._request.logprobs
        if num_top is None:
            return likely, [None] * len(logits)
        scores, shown = await _aside(log_probabilities, logits), []
        for row, token in enumerate(tokens):
            best = likely[row, :num_top]
            texts = await self._texts_of([token, *best])
            top = {}
            for text, other in zip(texts[1:], best, strict=True):
                top.setdefault(text, float(scores[row, other]))
            # The token itself is always among them.
            top.setdefault(texts[0], float(scores[row, token]))
            shown.append(ShownToken(texts[0], float(scores[row, token]), top, 0))
        return likely, shown

    async def _first_tokens(self) -> np.ndarray:
        """The first tokens after nothing, which `step` cannot give: the whole graph does."""
        tokens = []
        for seed in self._request.seeds:
            # Of a character that is several tokens, it tells the first only with the others.
            for number in range(1, 1 + _MOST_TOKENS_OF_CHARACTER):
                outputs = await self._generate([seed], number)
                text = outputs["completion"][0].decode("utf-8", "replace")
                if not text.startswith("\ufffd"):
                    break
            outputs = await self._session.predict("encode", {"text": strings([text])})
            tokens.append(int(outputs["token_ids"][0, 0]))
        return np.array(tokens)

    async def _lead(self, choices: list[Choice], tokens: np.ndarray) -> list[str]:
        """What stands between the prompt and each completion: of words, a space may."""
        if not self._texts.of_words or not self._prompt:
            return [""] * len(choices)
        outputs = await self._generate(self._request.seeds, 1)
        return [
            text.decode("utf-8", "replace")
            .removeprefix(self._prompt)
            .removesuffix(completion.decode("utf-8", "replace"))
            for text, completion in zip(outputs["text"], outputs["completion"], strict=True)
        ]

    async def _generate(self, seeds: Any, max_new_tokens: int) -> dict[str, np.ndarray]:
        prompts = [self._prompt] * len(seeds)
        return await generate(self._session, self._request.settings, prompts, seeds, max_new_tokens)


async def _aside(work: Callable[..., Result], logits: np.ndarray, *others: Any) -> Result:
    """Does much work in a thread: meanwhile others are answered."""
    if logits.size < _MANY_LOGITS:
        return work(logits, *others)
    return await asyncio.to_thread(work, logits, *others)


def _likeliest(logits: np.ndarray) -> np.ndarray:
    """A few of the ids of each row, best first."""
    number = min(_NUM_LIKELY, logits.shape[1])
    likely = np.argpartition(-logits, number - 1, axis=-1)[:, :number]
    order = np.argsort(-np.take_along_axis(logits, likely, -1), axis=-1, kind="stable")
    return np.take_along_axis(likely, order, -1)
