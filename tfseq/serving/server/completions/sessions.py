"""What completions need of a model, here or on another server: one version for a whole text."""

import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol
from weakref import WeakKeyDictionary

import numpy as np

from tfseq.serving.server.faults import FaultError, invalid
from tfseq.serving.server.models.served_model import ServedModel
from tfseq.serving.server.models.version import Version
from tfseq.serving.server.options import Limits
from tfseq.serving.wire.signature import Signature
from tfseq.serving.writing.token_texts import TokenTexts

_NEEDED = ("generate", "step", "encode", "decode")
# Those of an export that was made without settings.
_USUAL_CAPS = {"max_prompt_bytes": 16384, "max_score_bytes": 16384, "max_new_tokens": 1024}


@dataclass(eq=False)
class Knowledge:
    """What is known of a version, found out once.

    Attributes:
        caps: bounds set at export; see `ServingSettings`.
        texts: what its tokens stand for; None before it was found out of what kind they are.
    """

    caps: dict[str, int] = field(default_factory=lambda: dict(_USUAL_CAPS))
    texts: TokenTexts | None = None

    @property
    def max_prompt_bytes(self) -> int:
        """The longest prompt that is read whole, by `generate` and by `encode`."""
        return min(self.caps["max_prompt_bytes"], self.caps["max_score_bytes"])

    @property
    def max_new_tokens(self) -> int:
        """The most tokens of a completion."""
        return self.caps["max_new_tokens"]


class Session(Protocol):
    """One version of a language model, that stays while a text is written."""

    version: str
    signatures: Mapping[str, Signature]
    knowledge: Knowledge

    async def predict(self, signature: str, inputs: dict[str, np.ndarray]) -> dict:
        """Outputs by name."""


class Sessions(Protocol):
    """Where sessions come from."""

    name: str

    def open(self) -> contextlib.AbstractAsyncContextManager[Session]:
        """The newest version, until the end of a `with`."""


def check_language_model(name: str, signatures: Mapping[str, Any]) -> None:
    """Raises FaultError unless signatures are those of a language model."""
    if any(signature not in signatures for signature in _NEEDED):
        raise invalid(f"{name} is not a language model, so it completes no text.")


@dataclass
class _LocalSession:
    _version: Version
    knowledge: Knowledge
    _timeout: float

    @property
    def version(self) -> str:
        return str(self._version.number)

    @property
    def signatures(self) -> Mapping[str, Signature]:
        return self._version.signatures

    async def predict(self, signature: str, inputs: dict[str, np.ndarray]) -> dict:
        return await self._version.predict(signature, inputs, self._timeout, queued=False)


class LocalSessions:
    """Sessions with the versions that this server has loaded."""

    def __init__(self, model: ServedModel, limits: Limits):
        self.name = model.name
        self._model, self._limits = model, limits
        self._known: WeakKeyDictionary[Version, Knowledge] = WeakKeyDictionary()
        self._num_open = 0

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[Session]:
        """The newest version, which stays loaded until the end of the `with`."""
        version = self._model.find()
        check_language_model(self.name, version.signatures)
        if self._num_open >= self._limits.max_queue:
            raise FaultError(
                "RESOURCE_EXHAUSTED", f"{self._num_open} completions are being written already."
            )
        knowledge = self._known.get(version)
        if knowledge is None:
            knowledge = self._known[version] = knowledge_of(version.directory)
        self._num_open += 1
        try:
            with version.in_use():
                yield _LocalSession(version, knowledge, self._limits.timeout)
        finally:
            self._num_open -= 1


def knowledge_of(directory: Path) -> Knowledge:
    """What a model card says of the bounds."""
    try:
        card = json.loads(Path(directory, "assets.extra", "model_card.json").read_text("utf-8"))
        settings = card["settings"]
        caps = {name: int(settings.get(name, usual)) for name, usual in _USUAL_CAPS.items()}
        return Knowledge(caps)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return Knowledge()
