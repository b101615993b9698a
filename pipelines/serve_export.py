"""Serve an export on this machine: TensorFlow Serving's REST API and OpenAI's completions.

python pipelines/serve_export.py exported/python_docs_gru
"""

from tfseq.errors import InputError
from tfseq.options.command_line import run
from tfseq.serving.server.options import ServerOptions


def main(options: ServerOptions) -> None:
    try:
        import starlette  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError:
        raise InputError(
            'A server needs starlette and uvicorn: `pip install "tfseq[server]"`.'
        ) from None
    from tfseq.serving.server.run import run_server

    run_server(options)


def command() -> None:
    run(ServerOptions, main, with_tensorflow=False)


if __name__ == "__main__":
    command()
