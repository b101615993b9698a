"""What workers tell the process that started them."""

from typing import Any, NamedTuple

# So often training may begin after the same step before it is given up.
_BEGINNINGS = 4


class Ending(NamedTuple):
    """Why training ends early.

    Attributes:
        kind: of error: "input" or "divergence".
        message: what is wrong.
    """

    kind: str
    message: str


class Relay:
    """An actor of Ray: lines on their way to the terminal, and what has become of the workers."""

    def __init__(self):
        self._lines: list[str] = []
        self._ending: Ending | None = None
        self._places: dict[int, str] = {}
        self._begun: list[int] = []

    def say(self, line: str) -> None:
        """Pass a line on."""
        self._lines.append(line)

    def take(self) -> tuple[list[str], Ending | None]:
        """The lines since the last call, and why training ends, if it does."""
        lines, self._lines = self._lines, []
        return lines, self._ending

    def here(self, rank: int, place: str) -> None:
        """Note where a worker runs."""
        self._places[rank] = place

    def places(self) -> dict[int, str]:
        """Where each worker runs, or ran last."""
        return self._places

    def begin(self, step: int) -> Ending | None:
        """Note that the workers begin after this step; whether they are to."""
        self._begun.append(step)
        times = len(self._begun)
        if times > 1:
            self._lines.append(f"a worker failed; all go on from step {step}")
        if times >= _BEGINNINGS and len(set(self._begun[-_BEGINNINGS:])) == 1:
            places = "; ".join(f"worker {k} {place}" for k, place in sorted(self._places.items()))
            self.end(
                "input",
                f"workers have failed {_BEGINNINGS - 1} times in a row after step {step}: {places}",
            )
        return self._ending

    def end(self, kind: str, message: str) -> None:
        """Note why training ends. What was noted first stays."""
        self._ending = self._ending or Ending(kind, message)

    def ending(self) -> Ending | None:
        """Why training ends, if it does."""
        return self._ending


def raised(ending: Any) -> Exception:
    """The error of an ending."""
    from tfseq.errors import InputError
    from tfseq.runs.trainer import DivergenceError

    return {"input": InputError, "divergence": DivergenceError}[ending.kind](ending.message)
