"""The tasks of the text stage, whose progress is told."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from tfseq.cluster.tasks import TaskRunner
from tfseq.cluster.text.stage_progress import StageProgress
from tfseq.data.pieces.piece_encoding import Piece

Numbered = TypeVar("Numbered")


@dataclasses.dataclass(frozen=True)
class StageTasks:
    """What does the tasks of one stage after the other, and tells how far they are.

    Args:
        runner: what does the tasks.
        progress: is told of them.
    """

    runner: TaskRunner
    progress: StageProgress

    def map(
        self,
        stage: str,
        function: Callable,
        items: Sequence[Any],
        done: Callable[[int, Any], bool | None] = lambda number, result: None,
    ) -> list[Any]:
        """What a function gives of each item; `done` as `TaskRunner.map` has it."""

        def told(number: int, result: Any) -> bool | None:
            self.progress.done()
            return done(number, result)

        self.progress.begin(stage, len(items))
        results = self.runner.map(function, items, told)
        self.progress.end()
        return results

    def tokenize(
        self,
        number: Callable[[Piece], Numbered | None],
        pieces: Sequence[Piece],
        num_bytes: int,
        tokens_of: Callable[[Numbered], int],
        max_tokens: int | None,
    ) -> tuple[list[Piece], list[Numbered]] | None:
        """Pieces that have been tokenized, all or the first ones that have `max_tokens`, and what
        is known of each; None where the text cannot be cut.

        Args:
            number: tokenizes a piece; gives None where the text cannot be cut.
            pieces: the pieces of the text.
            num_bytes: of its files.
            tokens_of: how many tokens a piece has, by what `number` gives.
            max_tokens: how many are needed; None: all.
        """
        found: dict[int, Numbered | None] = {}
        first = first_tokens = 0  # The pieces before this one are done, all of them.

        def done(place: int, result: Numbered | None) -> bool:
            nonlocal first, first_tokens
            found[place] = result
            self.progress.done(num_bytes // len(pieces), 0 if result is None else tokens_of(result))
            if result is None:
                return True
            while found.get(first) is not None:
                first_tokens += tokens_of(found[first])
                first += 1
            return max_tokens is not None and first_tokens >= max_tokens

        self.progress.begin("tokenize", len(pieces), num_bytes)
        self.runner.map(number, pieces, done)
        self.progress.end()
        if any(result is None for result in found.values()):
            return None
        return [*pieces[:first]], [found[place] for place in range(first)]
