"""Models as SavedModels for TensorFlow Serving, and clients of them.

Names are loaded on first use: a client that speaks REST loads no TensorFlow.
"""

from typing import TYPE_CHECKING

from tfseq._lazy import attach

if TYPE_CHECKING:
    from tfseq.serving.client.async_client import AsyncClient as AsyncClient
    from tfseq.serving.client.client import Client as Client
    from tfseq.serving.client.transport import RequestError as RequestError
    from tfseq.serving.client.transport import ServingError as ServingError
    from tfseq.serving.client.transport import token_of_file as token_of_file
    from tfseq.serving.inspection.inspection import Inspection as Inspection
    from tfseq.serving.inspection.inspection import inspect_export as inspect_export
    from tfseq.serving.on_device.export import export_on_device as export_on_device
    from tfseq.serving.signatures.forecasting import export_forecaster as export_forecaster
    from tfseq.serving.signatures.language_model import (
        export_language_model as export_language_model,
    )
    from tfseq.serving.signatures.settings import ForecasterSettings as ForecasterSettings
    from tfseq.serving.signatures.settings import ServingSettings as ServingSettings
    from tfseq.serving.signatures.settings import TaggerSettings as TaggerSettings
    from tfseq.serving.signatures.settings import TextClassifierSettings as TextClassifierSettings
    from tfseq.serving.signatures.tagging import export_tagger as export_tagger
    from tfseq.serving.signatures.text_classification import (
        export_text_classifier as export_text_classifier,
    )
    from tfseq.serving.versions import next_version as next_version
else:
    __getattr__, __dir__, __all__ = attach(__name__)
