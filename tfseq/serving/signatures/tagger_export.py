"""A trained tagger written as a SavedModel for TensorFlow Serving."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from tfseq.models import Tagger
from tfseq.serving.export import export_module
from tfseq.serving.signatures.settings import check_integer
from tfseq.serving.signatures.tagger_signatures import TaggerSignatures
from tfseq.serving.warm_up import warm_up_requests
from tfseq.text import Vocabulary


@dataclass(frozen=True)
class TaggerSettings:
    """Caps that bound the work of a request.

    Attributes:
        max_length: tokens of a row that are tagged, from its beginning.
        max_text_bytes: bytes of a text that are read before it is split into tokens.
        max_batch_size: rows of the largest warm-up request.

    Raises:
        InputError: a value is out of its range.
    """

    max_length: int = 256
    max_text_bytes: int = 65536
    max_batch_size: int = 32

    def __post_init__(self):
        check_integer("max_length", self.max_length, 1, 2**16)
        check_integer("max_text_bytes", self.max_text_bytes, 4, 2**24)
        check_integer("max_batch_size", self.max_batch_size, 1, 1024)


def export_tagger(
    model: Tagger,
    vocabulary: Vocabulary,
    tags: Sequence[str],
    directory: str | os.PathLike,
    *,
    version: int | None = None,
    settings: TaggerSettings | None = None,
    metadata: Mapping | None = None,
    keep_versions: int | None = None,
) -> Path:
    """Write `<directory>/<version>/`, a SavedModel that takes tokens and returns tags.

    `serving_default` takes `text` string [B], tokens parted by white space; `tag_tokens` takes
    `tokens` string [B, T], padded on the right, and `num_tokens` int32 [B]. Both return

    - `tokens` string [B, T'], what was read, padded with empty strings;
    - `tags` string [B, T'], the most probable tag of each, padded in the same way;
    - `scores` float [B, T'], their probabilities, padded with 0;
    - `num_tokens` int32 [B];
    - `warning` string [B], empty where there is nothing to say.

    A row's answer does not depend on the rows beside it. It is written, warmed up and published
    as `export_language_model` does it.

    Args:
        model: the tagger.
        vocabulary: the vocabulary of its tokens.
        tags: the tags, in the model's order.
        directory: `exported/<name>`, the base path that the server is given; made if missing.
        version, metadata, keep_versions: as for `export_language_model`.
        settings: caps; None takes the usual ones.

    Returns, raises: as `export_language_model`.

    Example:
        >>> import tempfile, tfseq
        >>> vocabulary = tfseq.Vocabulary(["time", "flies"])
        >>> model = Tagger(len(vocabulary), num_tags=2, units=4)
        >>> with tempfile.TemporaryDirectory() as directory:
        ...     path = export_tagger(model, vocabulary, ["NOUN", "VERB"], directory)
        ...     print(path.name, sorted(child.name for child in path.iterdir()))
        1 ['assets', 'assets.extra', 'fingerprint.pb', 'saved_model.pb', 'variables']
    """
    settings = settings or TaggerSettings()
    for name, given, needed in (
        ("vocabulary", len(vocabulary), model.vocabulary_size),
        ("tags", len(tags), model.num_tags),
    ):
        if given != needed:
            raise ValueError(
                f"`{name}` must have as many entries as the model has, {needed}. Received: {given}."
            )

    def build(staging: Path) -> TaggerSignatures:
        file = staging / "vocabulary.txt"
        vocabulary.save(file)
        return TaggerSignatures(model, vocabulary.tables(file), tags, settings)

    return export_module(
        build,
        directory,
        requests=lambda signatures: warm_up_requests(
            signatures, vocabulary.tokens[1:5], sorted({1, settings.max_batch_size})
        ),
        card={
            "settings": asdict(settings),
            "model": model.get_config(),
            "vocabulary": {"size": len(vocabulary), "sha256": vocabulary.fingerprint},
            "tags": list(tags),
        },
        version=version,
        metadata=metadata,
        keep_versions=keep_versions,
    )
