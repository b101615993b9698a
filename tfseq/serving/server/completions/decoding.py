"""Tokens and texts of a session's model."""

from collections.abc import Sequence

import numpy as np

from tfseq.serving.server.completions.sessions import Session
from tfseq.serving.writing.token_texts import (
    Answer,
    Asking,
    TokenTexts,
    answered_later,
    find_token_texts,
)


async def token_texts(session: Session) -> TokenTexts:
    """What is known of the tokens of a version, by all who use it."""
    knowledge = session.knowledge
    if knowledge.texts is None:
        outputs = await session.predict("encode", {"text": strings(["a b", "a  b"])})
        rows = zip(outputs["token_ids"], outputs["num_tokens"], strict=True)
        finding = find_token_texts(*(row[:length].tolist() for row, length in rows))
        knowledge.texts = await find(session, finding)
    return knowledge.texts


async def find(session: Session, asking: Asking[Answer]) -> Answer:
    """The answer of some work that asks for texts."""

    async def decode(rows: Sequence[Sequence[int]]) -> list[str]:
        lengths = np.array([len(row) for row in rows], np.int32)
        token_ids = np.zeros([len(rows), lengths.max(initial=0)], np.int32)
        for padded, row in zip(token_ids, rows, strict=True):
            padded[: len(row)] = row
        outputs = await session.predict("decode", {"token_ids": token_ids, "num_tokens": lengths})
        return [text.decode("utf-8", "replace") for text in outputs["text"].tolist()]

    return await answered_later(asking, decode)


def strings(texts: Sequence[str]) -> np.ndarray:
    """Texts as a tensor of strings [B]."""
    array = np.empty(len(texts), object)
    array[:] = [text.encode() for text in texts]
    return array
