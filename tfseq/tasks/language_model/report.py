"""The report of a language model's training."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tfseq.analysis.gradient_norms import gradient_norms_through_time
from tfseq.cells.table import kind_of
from tfseq.data import EncodedCorpus, sequential_windows
from tfseq.options.model.layer_sizes import layer_sizes
from tfseq.report import Report
from tfseq.report.format import shown
from tfseq.report.report_gradient_norms import add_gradient_norms
from tfseq.tasks.language_model.evaluation.surprisal import token_surprisal
from tfseq.tasks.language_model.model_building import describe_model
from tfseq.tasks.language_model.task import LanguageModelTask
from tfseq.tasks.report_parts import add_configuration, best_epoch, history_lines

_SPLITS = ("train", "validation")
# Tokens of the passage that is shown, and of what is read before it.
PASSAGE = {"character": 1200}
WORDS = 300
CONTEXT = 512
MOST_SURPRISING = 10
# Rows of a long history that are shown.
HISTORY_ROWS = 25
# Gradients are followed back over at most so many steps, in so many rows; Jacobians are formed
# for states of at most so many units.
BACK_STEPS, BACK_ROWS, JACOBIAN_UNITS = 100, 4, 512


def language_model_report(
    task: LanguageModelTask,
    corpus: EncodedCorpus,
    history: Sequence[Mapping[str, Any]],
    samples: Sequence[Mapping[str, Any]],
    metrics: Mapping[str, Any],
) -> Report:
    """Result, baselines, curves, gradients, surprisal over a passage, samples, configuration.

    Args:
        task: the run, its model with the best weights.
        corpus: the text of the run.
        history: a row an epoch, as the trainer has it.
        samples: texts the model wrote, each with `text` and a `caption` or the `epoch`.
        metrics: the figures of the run, with those of the n-gram baseline where it was measured.
    """
    options = task.options
    unit = task.unit
    report = Report(
        task.run.name,
        f"{describe_model(options)}: {metrics['num_parameters']:,} parameters, "
        f"{metrics['train_tokens']:,} {unit}s to train on",
    )
    _add_result(report, metrics, unit)
    _add_curves(report, history, metrics, unit)
    _add_surprisal(report, task, corpus, unit)
    if samples:
        report.section("Samples")
        report.prose(
            f"Text that the model wrote at temperature {shown(options.sample_temperature)}."
        )
        for sample in samples:
            report.text(sample["text"], sample.get("caption") or f"after epoch {sample['epoch']}")
    _add_lengths(report, metrics, unit)
    _add_gradients(report, task, corpus, history)
    _add_history(report, history, metrics, unit)
    return add_configuration(report, options, metrics)


def _add_result(report: Report, metrics: Mapping[str, Any], unit: str) -> None:
    validation = metrics["validation_perplexity"]
    baseline = metrics.get("baseline_perplexity")
    counts = f"{metrics.get('baseline_order')}-gram counts"
    figures = {
        f"validation perplexity per {unit}": validation,
        f"validation bits per {unit}": metrics["validation_bits_per_token"],
        "validation bits per character": metrics.get("validation_bits_per_character"),
        "validation bits per byte": metrics.get("validation_bits_per_byte"),
        f"test perplexity per {unit}": metrics.get("test_perplexity"),
        f"perplexity of {counts}": baseline,
        f"training perplexity per {unit}": metrics["train_perplexity"],
        "best epoch": f"{metrics['best_epoch']} of {metrics['epochs']}" if validation else None,
        "training time": _duration(metrics["training_seconds"]),
    }
    report.section("Result").highlights({n: v for n, v in figures.items() if v is not None})
    part = "validation split" if metrics["validation_tokens"] else "training split"
    rows = [("uniform prediction", metrics["vocabulary_size"])]
    if baseline is not None:
        name = f"{counts}, Kneser-Ney smoothing" + _counted(metrics, unit)
        rows.append((name, baseline))
    rows.append(("this model", validation or metrics["train_perplexity"]))
    report.table(
        ["model", "perplexity", "bits"],
        [[name, value, math.log2(value) if value else None] for name, value in rows],
        caption=f"Beside simpler models, per {unit}, on the {part} of the text",
    )


def _add_lengths(report: Report, metrics: Mapping[str, Any], unit: str) -> None:
    """Documents that were read beside those that the model writes; nothing of one long text."""
    if "read_length_quartiles" not in metrics:
        return
    rows = [["read", metrics["train_documents"], *metrics["read_length_quartiles"]]]
    if "written_length_quartiles" in metrics:
        number, ended = metrics["written_documents"], metrics["written_ended"]
        rows.append(["written", number, *metrics["written_length_quartiles"]])
    report.section("Documents").table(
        ["documents", "number", "a quarter", "half", "three quarters"],
        rows,
        caption=f"Lengths, in {unit}s, that so many of the documents do not exceed",
    )
    if "written_length_quartiles" in metrics:
        report.prose(
            f"The model wrote {number} documents from the begin token on; {ended} of them ended "
            f"within {metrics['written_max_tokens']:,} {unit}s."
        )


def _counted(metrics: Mapping[str, Any], unit: str) -> str:
    """What the n-gram counts have seen, where it is not all of the text."""
    if all(metrics[f"baseline_{p}_tokens"] == metrics[f"{p}_tokens"] for p in _SPLITS):
        return ""
    seen, read = (metrics[f"baseline_{split}_tokens"] for split in _SPLITS)
    return f" ({seen:,} {unit}s counted, {read:,} predicted)"


def _add_curves(report, history, metrics, unit) -> None:
    report.section("Curves")
    keys = {"training": "train_perplexity", "validation": "validation_perplexity"}
    report.chart(
        history_lines(history, keys),
        "epoch",
        f"perplexity per {unit}",
        log_y=True,
        marks=best_epoch(metrics),
    )
    if metrics["validation_tokens"]:
        report.prose(
            "Training perplexity is the mean over an epoch, with dropout, while the weights still "
            "change; validation follows at its end, without dropout. So training may be the "
            "higher one at first."
        )
    report.chart(
        history_lines(history, {"learning rate": "learning_rate"}),
        "epoch",
        "learning rate at the end of the epoch",
    )


def _add_surprisal(report, task, corpus, unit) -> None:
    tokens = task.vocabulary.tokens
    size = PASSAGE.get(unit, WORDS)
    if len(corpus.validation) >= 2:
        part, ids, context = "validation", corpus.validation, corpus.before("validation", CONTEXT)
    else:
        start = max(1, len(corpus.train) - size)
        part, ids, context = "training", corpus.train[start:], corpus.train[:start][-CONTEXT:]
    ids, context = np.asarray(ids[:size]), np.asarray(context)
    surprisal = token_surprisal(task.model, ids, context)
    texts = [tokens[i] for i in ids]
    expected = [
        " · ".join(f"{_named(tokens[i])} {_percent(p)}" for i, p in zip(*row, strict=True))
        for row in zip(surprisal.expected, surprisal.probabilities, strict=True)
    ]
    blind = math.log2(len(tokens))
    report.section("Surprisal").prose(
        f"The first {len(ids):,} {unit}s of the {part} split, each shaded by its surprisal: −log₂ "
        f"of the probability that the model gave it after the {unit}s before it. The full colour "
        f"is {blind:.3f} bits, the surprisal of a uniform prediction over {len(tokens):,} symbols. "
        f"The mean is {surprisal.bits.mean():.3f} bits. The tooltip of a {unit} gives its bits and "
        "what the model expected there."
    )
    if part == "training":
        report.prose("There is no validation split: the model has learned from this text.")
    words = unit not in ("character", "subword")
    notes = [f"expected {told}" for told in expected]
    report.heat_map(texts, list(surprisal.bits), "bits", notes, limit=blind, words=words)
    worst = np.argsort(-surprisal.bits, kind="stable")[:MOST_SURPRISING]
    between, before = " " if words else "", 24 if task.options.tokenizer == "char" else 5
    report.table(
        ["after", "came", "bits", "expected"],
        [
            [
                "…" + _flat(between.join(texts[max(0, n - before) : n])),
                _named(texts[n]),
                float(surprisal.bits[n]),
                expected[n],
            ]
            for n in worst
        ],
        caption=f"The {len(worst)} most surprising {unit}s of the passage",
    )


def _add_gradients(report, task, corpus, history) -> None:
    options, model = task.options, task.model
    report.section("Gradients")
    add_gradient_norms(report, history, options.clip_norm)
    steps = min(options.num_steps, BACK_STEPS, len(corpus.ids) // BACK_ROWS - 1)
    if steps < 1:
        report.prose("The text is too short to follow gradients back through it.")
        return
    batch = next(iter(sequential_windows(corpus.ids, BACK_ROWS, steps, offset=0)))
    jacobians = max(layer_sizes(model.units)) <= JACOBIAN_UNITS
    try:
        norms = gradient_norms_through_time(model, batch, norm="spectral" if jacobians else None)
    except ValueError as error:  # A cell of one's own may be of another kind.
        report.prose(f"Gradients through time are not measured: {error}")
        return
    kind = kind_of(model.stack.rnns[0].cell)
    state = "s" if kind and len(kind.states) > 1 else "h"
    named = f"s = {kind.state}" if state == "s" else "h"
    charts = [("L", "loss", norms.loss, "")]
    if jacobians:
        charts.append((state, f"state {state}", norms.states, ", spectral norm"))
    for of, what, layers, kind in charts:
        report.chart(
            {
                f"layer {n}": [(steps - 1 - t, float(v)) for t, v in enumerate(layer)][::-1]
                for n, layer in enumerate(layers, start=1)
            },
            "steps back, T − t",
            f"‖∂{of}_T / ∂{state}_t‖{kind}",
            log_y=True,
            caption=f"Through time: how the {what} of the last step depends on the state {named} "
            f"some steps earlier; mean over {BACK_ROWS} passages of the text",
        )


def _add_history(report, history, metrics, unit) -> None:
    stride = max(1, math.ceil(len(history) / HISTORY_ROWS))
    rows = [row for n, row in enumerate(history) if n % stride == 0 or n == len(history) - 1]
    names = {
        "epoch": "epoch",
        "training": "train_perplexity",
        "validation": "validation_perplexity",
        "gradient norm": "gradient_norm",
        "seconds": "seconds",
    }
    names = {n: key for n, key in names.items() if any(key in row for row in rows)}
    report.section("Timing")
    report.values(
        {
            "training time": _duration(metrics["training_seconds"]),
            "steps": metrics["steps"],
            f"{unit}s a second": metrics["tokens_per_second"],
            "stopped early": metrics["stopped_early"],
        }
    )
    report.table(
        [*names, f"{unit}s a second"],
        [
            [row.get(key) for key in names.values()]
            + [round(row["tokens"] / row["seconds"]) if row["seconds"] else None]
            for row in rows
        ],
        caption="By epoch" + (f", every {stride}th" if stride > 1 else ""),
    )


def _duration(seconds: float) -> str:
    """Seconds as minutes or hours.

    >>> _duration(12.34), _duration(132), _duration(4000)
    ('12.3 s', '2 min 12 s', '1 h 6 min')
    """
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def _percent(probability: float) -> str:
    return f"{100 * probability:.0f} %" if probability >= 0.005 else "<1 %"


def _named(token: str) -> str:
    return {" ": "space", "\n": "↵", "\t": "⇥"}.get(token, token)


def _flat(text: str) -> str:
    return text.replace("\n", "↵").replace("\t", "⇥")
