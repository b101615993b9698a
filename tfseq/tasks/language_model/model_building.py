"""The model that a run's options describe."""

from tfseq.models import LanguageModel
from tfseq.options.model.layer_sizes import shape_in_words
from tfseq.tasks.language_model.options import LanguageModelOptions
from tfseq.tasks.task import cell_words


def build_model(
    options: LanguageModelOptions,
    vocabulary_size: int,
    document_ids: tuple[int, int] | None = None,
) -> LanguageModel:
    """The model that the options describe, with fresh weights."""
    return LanguageModel(
        vocabulary_size,
        document_ids=document_ids,
        cell=options.cell,
        units=options.units,
        num_layers=options.num_layers,
        dropout=options.dropout,
        embedding_size=options.embedding_size or None,
        tie_embeddings=options.tie_embeddings,
        dtype=options.precision,
        recompute_steps=options.recompute_steps,
        skip_connections=options.skip_connections,
        residual=options.residual,
        feed_forward=options.feed_forward,
        **options.model_regularization(),
        **options.model_softmax(),
    )


def describe_model(options: LanguageModelOptions) -> str:
    """The cell and its size.

    >>> options = LanguageModelOptions(cell="lstm", units=256, num_layers=2)
    >>> describe_model(options.with_defaults_filled())
    'LSTM, 256 units, 2 layers'
    """
    return f"{cell_words(options.cell)}, {shape_in_words(options)}"
