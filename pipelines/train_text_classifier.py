"""Train a text classifier: accuracy beside simpler models, and a SavedModel.

python pipelines/train_text_classifier.py --data mail.csv
"""

import tfseq
from tfseq.options.command_line import run


def command() -> None:
    run(tfseq.TextClassificationOptions, tfseq.train)


if __name__ == "__main__":
    command()
