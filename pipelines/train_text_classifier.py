"""Train a text classifier: accuracy beside simpler models, and a SavedModel for TensorFlow Serving.

python pipelines/train_text_classifier.py --data mail.csv
"""

from tfseq.options.command_line import run
from tfseq.options.run_options import parse_run_options
from tfseq.tasks.text_classification.options import TextClassifierOptions


def main(options: TextClassifierOptions) -> None:
    from tfseq.serving import TextClassifierSettings, export_text_classifier
    from tfseq.tasks.text_classification.run import TextClassifierRun

    job = TextClassifierRun(options)
    print(job.summary())
    metrics = job.fit()
    print(f"\n{job.result(metrics)}\n")
    print(f"run       {job.directory.path}")
    if options.report:
        print(f"report    {job.write_report(metrics)}")
    job.export(
        lambda directory: export_text_classifier(
            job.model,
            job.tokenizer,
            job.vocabulary,
            job.labels,
            directory,
            settings=TextClassifierSettings(max_length=job.options.max_length),
            metadata=job.metadata(metrics),
        )
    )


if __name__ == "__main__":
    run(lambda: parse_run_options(TextClassifierOptions), main)
