"""Train a text classifier: accuracy beside simpler models, and a SavedModel.

python pipelines/train_text_classifier.py --data mail.csv
"""

import tfseq
from tfseq.options.command_line import run

if __name__ == "__main__":
    run(tfseq.TextClassificationOptions, tfseq.train)
