"""Train a language model on a text: perplexity, samples, and a SavedModel for TensorFlow Serving.

python pipelines/train_language_model.py --help
"""

import tfseq
from tfseq.options.command_line import run


def command() -> None:
    run(tfseq.LanguageModelOptions, tfseq.train)


if __name__ == "__main__":
    command()
