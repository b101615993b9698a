"""Train a tagger: span F1 beside a simpler model, and a SavedModel for TensorFlow Serving.

python pipelines/train_tagger.py --data train.conll
"""

import tfseq
from tfseq.options.command_line import run


def command() -> None:
    run(tfseq.TaggingOptions, tfseq.train)


if __name__ == "__main__":
    command()
