"""The next token of rows that are written side by side, as the graph of an export chooses it."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from tfseq.serving.writing.drawing import draw, gumbel_noise

_UNKNOWN = 0


class DrawSettings(NamedTuple):
    """How tokens are chosen, by the names and with the meanings of `generate_controlled`."""

    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    min_p: float = 0.0
    repetition_penalty: float = 1.0
    repetition_window: int = 64
    frequency_penalty: float = 0.0

    @property
    def penalizes(self) -> bool:
        """Whether what was written counts."""
        off = self.repetition_penalty == 1 and self.frequency_penalty == 0
        return self.repetition_window > 0 and not off


class SpecialIds(NamedTuple):
    """Ids that an export treats in a way of their own, as its signature `encode` tells.

    Attributes:
        begin, end: of the tokens that a document begins and ends with; None where the model is not
            one of documents.
        forbidden: of the tokens that are never written, beside `<unk>`.
    """

    begin: int | None
    end: int | None
    forbidden: list[int]

    @classmethod
    def of(cls, encoded: Mapping[str, np.ndarray]) -> "SpecialIds":
        """Those of an export, whose `encode` gave these outputs for any texts.

        >>> SpecialIds.of({"token_ids": np.array([[5]]), "banned_ids": np.array([[3, 4]])})
        SpecialIds(begin=None, end=None, forbidden=[3, 4])
        """
        begin, end = (
            int(encoded[name][0]) if name in encoded else None for name in ("begin_id", "end_id")
        )
        banned = encoded["banned_ids"][0].tolist() if "banned_ids" in encoded else []
        return cls(begin, end, banned if begin is None else [begin, *banned])


class TokenDrawer:
    """Draws tokens for rows that continue one prompt, each with its seed.

    c_v = how many of the last N tokens, the prompt's included, are v;
    z_v ← z_v / r if z_v > 0, else z_v · r, where c_v > 0;  z_v ← z_v − c_v f.

    Then come top-k, top-p and min-p; see `draw`. With r the repetition penalty, f the frequency
    penalty and N their window.

    Args:
        settings: of all rows.
        seeds: one for each row.
        forbidden: ids that are not written, beside `<unk>`.
        prompt_ids: what was read.

    Example:
        >>> drawer = TokenDrawer(DrawSettings(0, frequency_penalty=2.0), [0], (), [1, 1])
        >>> logits = np.array([[9.0, 3.0, 1.5, 1.0]], "float32")
        >>> [int(drawer.draw(logits, np.array([0]), step)[0]) for step in range(3)]
        [2, 3, 2]
    """

    def __init__(
        self,
        settings: DrawSettings,
        seeds: Sequence[int],
        forbidden: Sequence[int],
        prompt_ids: Sequence[int],
    ):
        self._settings, self._forbidden = settings, [_UNKNOWN, *forbidden]
        self._seeds = np.array([s % 2**64 for s in seeds], np.uint64).astype(np.int64)
        self._ids = [list(map(int, prompt_ids)) for _ in seeds]
        self._counts: np.ndarray | None = None

    def draw(self, logits: np.ndarray, rows: np.ndarray, step: int) -> np.ndarray:
        """The tokens that follow in some of the rows, whose logits, float32 [B, V], these are."""
        settings, allowed = self._settings, logits.astype(np.float32)
        allowed[:, self._forbidden] = -np.inf
        if settings.penalizes:
            allowed = self._penalized(allowed, rows)
        noise = np.zeros([], np.float32)
        if settings.temperature > 0:
            noise = gumbel_noise(self._seeds[rows], step, logits.shape[1])
        tokens = draw(allowed, noise, *settings[:4])
        self.wrote(rows, tokens)
        return tokens

    def wrote(self, rows: np.ndarray, tokens: Sequence[int]) -> None:
        """Count tokens that rows go on with; those that were drawn here are counted."""
        if not self._settings.penalizes:
            return
        window = self._settings.repetition_window
        for row, token in zip(rows, tokens, strict=True):
            ids = self._ids[row]
            ids.append(int(token))
            if self._counts is not None:
                self._counts[row, ids[-1]] += 1
                if len(ids) > window:
                    self._counts[row, ids[-1 - window]] -= 1

    def _penalized(self, logits: np.ndarray, rows: np.ndarray) -> np.ndarray:
        if self._counts is None:
            self._counts = np.zeros([len(self._ids), logits.shape[1]], np.float32)
            for counts, ids in zip(self._counts, self._ids, strict=True):
                np.add.at(counts, ids[-self._settings.repetition_window :], 1)
        counts = self._counts[rows]
        repetition = np.float32(self._settings.repetition_penalty)
        factor = np.where(counts > 0, repetition, np.float32(1))
        logits = np.where(logits > 0, logits / factor, logits * factor)
        return logits - counts * np.float32(self._settings.frequency_penalty)
