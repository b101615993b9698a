"""Tasks over pieces of a text, whose errors name the line of the file."""

import dataclasses

from tfseq.cluster.tasks import LostError, TaskRunner
from tfseq.errors import InputError
from tfseq.text import Corpus


@dataclasses.dataclass(frozen=True)
class NamingLines:
    """A `TaskRunner` whose errors about the text are those of one process.

    A task knows its piece alone, and so not the number of the line where it fails. When one fails,
    this process reads the text from its start and raises what it finds there.

    Args:
        runner: what does the tasks.
        corpus: the text.
    """

    runner: TaskRunner
    corpus: Corpus

    def map(self, function, items, done=lambda number, result: None):
        try:
            return self.runner.map(function, items, done)
        except LostError:
            raise
        except InputError:
            for _ in self.corpus.text():
                pass
            raise
