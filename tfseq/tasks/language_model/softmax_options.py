"""Options of a language model's output layer."""

import dataclasses
from typing import Any

from tfseq.errors import InputError
from tfseq.options.model.softmax import OptionalCutoffs, Softmax
from tfseq.options.rules import PositiveInt


@dataclasses.dataclass(frozen=True)
class SoftmaxOptions:
    """How the probabilities of many symbols are learned."""

    softmax: Softmax = "full"
    """How the output layer is learned: full; sampled, on --num-sampled symbols in each step (arXiv
    1412.2007), whose training perplexity is an estimate; or adaptive, which gives rare symbols few
    columns (arXiv 1609.04309). With these two, rows of the embedding that a step does not read stay
    as they are. They are for tens of thousands of symbols."""
    num_sampled: PositiveInt = 2048
    """With --softmax sampled: symbols drawn for each step, frequent ones more often."""
    cutoffs: OptionalCutoffs = None
    """With --softmax adaptive: the ids at which the clusters of rare symbols begin; if omitted, a
    25th and a fifth of the vocabulary."""

    def check_softmax(self) -> None:
        """Raise where other options do not go with this output layer."""
        if self.cutoffs is not None and self.softmax != "adaptive":
            raise InputError(
                "`cutoffs` are those of `softmax` adaptive, and must be left out with another. "
                f"Received: `cutoffs` {self.cutoffs}, `softmax` {self.softmax}."
            )
        if self.tie_embeddings and self.freeze_embeddings:
            raise InputError(
                "`freeze_embeddings` needs `tie_embeddings` false: the embedding is the output "
                "layer too, which is to learn."
            )
        if self.softmax == "full":
            return
        if self.softmax == "adaptive" and self.tie_embeddings:
            raise InputError(
                "`tie_embeddings` must be false with `softmax` adaptive: rare symbols have fewer "
                "columns in its output layer than in an embedding. Leave it out, or use `softmax` "
                "sampled."
            )
        if self.label_smoothing:
            raise InputError(
                "`label_smoothing` needs `softmax` full: it is the mean over all symbols. "
                f"Received: `label_smoothing` {self.label_smoothing:g}, `softmax` {self.softmax}."
            )
        if self.accumulate > 1:
            raise InputError(
                "`accumulate` needs `softmax` full: rows that are not read stay as they are, and "
                "each batch reads others. Use a larger `batch_size`. "
                f"Received: `accumulate` {self.accumulate}, `softmax` {self.softmax}."
            )

    def check_softmax_of(self, vocabulary_size: int) -> None:
        """Raise where the vocabulary is too small for this output layer."""
        if self.softmax == "sampled" and self.num_sampled >= vocabulary_size:
            raise InputError(
                f"`num_sampled` must be less than the number of symbols, {vocabulary_size:,}. "
                f"Received: {self.num_sampled:,}. With so few symbols, use `softmax` full."
            )
        last = self.cutoffs[-1] if self.cutoffs else 2
        if self.softmax == "adaptive" and last >= vocabulary_size:
            raise InputError(
                f"`cutoffs` must be less than the number of symbols, {vocabulary_size:,}. "
                f"Received: {self.cutoffs}. With so few symbols, use `softmax` full."
            )

    def model_softmax(self) -> dict[str, Any]:
        """The arguments of `LanguageModel` among them."""
        return {"softmax": self.softmax, "cutoffs": self.cutoffs}
