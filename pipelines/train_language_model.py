"""Train a language model on a text: perplexity, samples, and a SavedModel for TensorFlow Serving.

python pipelines/train_language_model.py --help
"""

from tfseq.command_line import run
from tfseq.training import TrainingOptions, parse_training_options


def main(options: TrainingOptions) -> None:
    from tfseq.training import Run

    job = Run(options)
    metrics = job.fit()
    print(metrics)


if __name__ == "__main__":
    run(parse_training_options, main)
