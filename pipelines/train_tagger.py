"""Train a tagger: span F1 beside a simpler model, and a SavedModel for TensorFlow Serving.

python pipelines/train_tagger.py --data train.conll
"""

from tfseq.options.command_line import run
from tfseq.options.run_options import parse_run_options
from tfseq.tasks.tagging.options import TaggerOptions


def main(options: TaggerOptions) -> None:
    from tfseq.serving import TaggerSettings, export_tagger
    from tfseq.tasks.tagging.run import TaggerRun

    job = TaggerRun(options)
    print(job.summary())
    metrics = job.fit()
    print(f"\n{job.result(metrics)}\n")
    print(f"run       {job.directory.path}")
    if options.report:
        print(f"report    {job.write_report(metrics)}")
    job.export(
        lambda directory: export_tagger(
            job.model,
            job.vocabulary,
            job.tags,
            directory,
            settings=TaggerSettings(max_length=job.options.max_length),
            metadata=job.metadata(metrics),
        )
    )


if __name__ == "__main__":
    run(lambda: parse_run_options(TaggerOptions), main)
