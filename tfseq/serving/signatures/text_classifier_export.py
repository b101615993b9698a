"""A trained text classifier written as a SavedModel for TensorFlow Serving."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from tfseq.models import TextClassifier
from tfseq.serving.export import export_module
from tfseq.serving.signatures.settings import check_integer
from tfseq.serving.signatures.text_classifier_signatures import TextClassifierSignatures
from tfseq.serving.warm_up import warm_up_requests
from tfseq.text import Tokenizer, Vocabulary


@dataclass(frozen=True)
class TextClassifierSettings:
    """Caps that bound the work of a request.

    Attributes:
        max_length: tokens of a text that are read, from its beginning.
        max_text_bytes: bytes of a text that are read before it is split into tokens.
        num_labels: labels in an answer, the most probable.
        max_batch_size: rows of the largest warm-up request.

    Raises:
        InputError: a value is out of its range.
    """

    max_length: int = 256
    max_text_bytes: int = 65536
    num_labels: int = 10
    max_batch_size: int = 32

    def __post_init__(self):
        check_integer("max_length", self.max_length, 1, 2**16)
        check_integer("max_text_bytes", self.max_text_bytes, 4, 2**24)
        check_integer("num_labels", self.num_labels, 1, 2**20)
        check_integer("max_batch_size", self.max_batch_size, 1, 1024)


def export_text_classifier(
    model: TextClassifier,
    tokenizer: Tokenizer,
    vocabulary: Vocabulary,
    labels: Sequence[str],
    directory: str | os.PathLike,
    *,
    version: int | None = None,
    settings: TextClassifierSettings | None = None,
    metadata: Mapping | None = None,
    keep_versions: int | None = None,
) -> Path:
    """Write `<directory>/<version>/`, a SavedModel that takes texts and returns labels.

    Its signature `serving_default` takes `text` string [B] and returns

    - `labels` string [B, L], the L most probable labels, the best first; L is the number of
      labels, at most `settings.num_labels`;
    - `scores` float [B, L], their probabilities;
    - `warning` string [B], which says where a text was too long to be read whole, else empty.

    A row's answer does not depend on the rows beside it. It is written, warmed up and published
    as `export_language_model` does it.

    Args:
        model: the classifier.
        tokenizer: the tokenizer of its texts.
        vocabulary: the vocabulary of its ids.
        labels: the labels, in the model's order.
        directory: `exported/<name>`, the base path that the server is given; made if missing.
        version, metadata, keep_versions: as for `export_language_model`.
        settings: caps; None takes the usual ones.

    Returns, raises: as `export_language_model`.

    Example:
        >>> import tempfile, tfseq
        >>> vocabulary = tfseq.Vocabulary(["good", "bad"])
        >>> model = TextClassifier(len(vocabulary), num_labels=2, units=4)
        >>> with tempfile.TemporaryDirectory() as directory:
        ...     path = export_text_classifier(
        ...         model, tfseq.WordTokenizer(), vocabulary, ["no", "yes"], directory
        ...     )
        ...     print(path.name, sorted(child.name for child in path.iterdir()))
        1 ['assets', 'assets.extra', 'fingerprint.pb', 'saved_model.pb', 'variables']
    """
    settings = settings or TextClassifierSettings()
    for name, given, needed in (
        ("vocabulary", len(vocabulary), model.vocabulary_size),
        ("labels", len(labels), model.num_labels),
    ):
        if given != needed:
            raise ValueError(
                f"`{name}` must have as many entries as the model has, {needed}. Received: {given}."
            )
    settings = _at_most(settings, len(labels))

    def build(staging: Path) -> TextClassifierSignatures:
        file = staging / "vocabulary.txt"
        vocabulary.save(file)
        return TextClassifierSignatures(model, tokenizer, vocabulary.tables(file), labels, settings)

    return export_module(
        build,
        directory,
        requests=lambda signatures: warm_up_requests(
            signatures, vocabulary.tokens[1:5], sorted({1, settings.max_batch_size})
        ),
        card={
            "settings": asdict(settings),
            "model": model.get_config(),
            "tokenizer": tokenizer.get_config(),
            "vocabulary": {"size": len(vocabulary), "sha256": vocabulary.fingerprint},
            "labels": list(labels),
        },
        version=version,
        metadata=metadata,
        keep_versions=keep_versions,
    )


def _at_most(settings: TextClassifierSettings, num_labels: int) -> TextClassifierSettings:
    values = asdict(settings)
    return TextClassifierSettings(**{**values, "num_labels": min(settings.num_labels, num_labels)})
