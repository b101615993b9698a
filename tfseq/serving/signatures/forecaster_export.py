"""A trained forecaster written as a SavedModel for TensorFlow Serving."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from tfseq.errors import InputError
from tfseq.models.forecaster import Forecaster
from tfseq.serving.export import export_module
from tfseq.serving.signatures.forecaster_signatures import ForecasterSignatures


@dataclass(frozen=True)
class ForecasterSettings:
    """Caps that bound the work of a request.

    Attributes:
        max_horizon: the most steps ahead that a request may ask for.
        max_batch_size: rows of the largest warm-up request.

    Raises:
        InputError: a value is out of its range.
    """

    max_horizon: int = 40
    max_batch_size: int = 32

    def __post_init__(self):
        for name, most in (("max_horizon", 65536), ("max_batch_size", 1024)):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= most:
                raise InputError(
                    f"`{name}` must be an integer from 1 to {most}. Received: {value!r}."
                )


def export_forecaster(
    model: Forecaster,
    directory: str | os.PathLike,
    *,
    columns: Sequence[str] | None = None,
    version: int | None = None,
    settings: ForecasterSettings | None = None,
    metadata: Mapping | None = None,
    keep_versions: int | None = None,
) -> Path:
    """Write `<directory>/<version>/`, a SavedModel that takes values and returns forecasts.

    `serving_default` takes `values` float [B, T, C], the newest last, and `horizon` int32 [B];
    `forecast` takes `num_values` int32 [B] too, the steps of each row that count. Both return

    - `forecast` float [B, max_horizon, C], in the series' own units, zeros from `num_steps` on;
    - `num_steps` int32 [B], `horizon` kept within 1 and `max_horizon`;
    - `warning` string [B], empty where there is nothing to say.

    The model reads the last τ steps of a row; τ is `lags` in the model card. NaN stands for a
    missing value, and on the left of a row for nothing at all. With a server that batches
    requests and pads them to one length, rows for `serving_default` are to be of one length (τ
    does), and those for `forecast` may have any. It is written, warmed up and published as
    `export_language_model` does it.

    Args:
        model: a `tfseq.models.Forecaster`.
        directory: `exported/<name>`, the base path that the server is given; made if missing.
        columns: names of the C columns, for the model card.
        version, metadata, keep_versions: as for `export_language_model`.
        settings: caps; None takes the usual ones.

    Returns, raises: as `export_language_model`.

    Example:
        >>> import tempfile
        >>> model = Forecaster(num_columns=1, lookback=3, units=4)
        >>> with tempfile.TemporaryDirectory() as directory:
        ...     path = export_forecaster(model, directory)
        ...     print(path.name, sorted(child.name for child in path.iterdir()))
        1 ['assets', 'assets.extra', 'fingerprint.pb', 'saved_model.pb', 'variables']
    """
    settings = settings or ForecasterSettings()
    names = [f"column {c}" for c in range(model.num_columns)] if columns is None else list(columns)
    if len(names) != model.num_columns:
        raise ValueError(
            f"`columns` must be {model.num_columns} names, as many as the model has columns. "
            f"Received: {names!r}."
        )

    def requests(signatures: Mapping[str, dict]) -> list[tuple[str, dict[str, np.ndarray]]]:
        """The dearest request of each signature at each batch size."""
        made = []
        for name, signature in signatures.items():
            for size in sorted({1, settings.max_batch_size}):
                inputs = {
                    "values": np.broadcast_to(
                        np.asarray(model.mean, "float32"), [size, model.lookback, model.num_columns]
                    ),
                    "num_values": np.full([size], model.lookback, "int32"),
                    "horizon": np.full([size], settings.max_horizon, "int32"),
                }
                made.append((name, {key: inputs[key] for key in signature["inputs"]}))
        return made

    return export_module(
        lambda assets: ForecasterSignatures(model, settings.max_horizon),
        directory,
        requests=requests,
        card={
            "settings": asdict(settings),
            "model": model.get_config(),
            "columns": names,
            "mean": np.asarray(model.mean).tolist(),
            "scale": np.asarray(model.scale).tolist(),
        },
        version=version,
        metadata=metadata,
        keep_versions=keep_versions,
    )
