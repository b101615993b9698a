"""A session of completions with a loaded export, without a server."""

import asyncio

from tfseq.serving.server.completions.sessions import knowledge_of
from tfseq.serving.server.completions.writer import Writer
from tfseq.serving.server.models.signatures import read_signatures


class DirectSession:
    """A session whose requests are kept."""

    version = "1"

    def __init__(self, exported):
        self.run = exported.run
        self.signatures, self.knowledge = (
            read_signatures(exported.path),
            knowledge_of(exported.path),
        )
        self.calls = []

    async def predict(self, signature, inputs):
        self.calls.append((signature, inputs))
        return self.run(signature, **inputs)


def written(session, request):
    """The texts of the choices of the first prompt, and how many pieces each came in."""

    async def go():
        texts = [""] * len(request.seeds)
        pieces = [0] * len(texts)
        async for piece in Writer(session, request, request.prompts[0], 0).write():
            texts[piece.index] += piece.text
            pieces[piece.index] += bool(piece.text)
        return texts, pieces

    return asyncio.run(go())
