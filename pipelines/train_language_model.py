"""Train a language model on a text: perplexity, samples, and a SavedModel for TensorFlow Serving.

python pipelines/train_language_model.py --help
"""

from tfseq.options.command_line import run
from tfseq.tasks.language_model.options import TrainingOptions, parse_training_options


def main(options: TrainingOptions) -> None:
    from tfseq.generation import TextGenerator
    from tfseq.serving import export_language_model
    from tfseq.tasks.language_model.run import Run

    job = Run(options)
    print(job.summary())
    generator = TextGenerator(job.model, job.tokenizer, job.vocabulary)

    def sample(max_new_tokens: int = 200) -> str:
        return generator.generate(
            job.options.sample_prompt,
            max_new_tokens,
            temperature=job.options.sample_temperature,
            seed=job.options.seed,
        ).text.strip("\n")

    metrics = job.fit(sample)
    text = sample(400)
    print(f"\n{job.result(metrics)}\n\n{text}\n")
    print(f"run       {job.directory.path}")
    if options.report:
        print(f"report    {job.write_report(metrics, text)}")
    job.export(
        lambda directory: export_language_model(
            job.model,
            job.tokenizer,
            job.vocabulary,
            directory,
            metadata=job.trained().metadata(),
        )
    )


if __name__ == "__main__":
    run(parse_training_options, main)
