"""A small run of each task, on data of one's own."""

import csv
import random
from pathlib import Path

import numpy as np

import tfseq

KINDS = ("language_model", "text_classification", "tagging", "forecasting")
COMMON = {"epochs": 2, "units": 6, "batch_size": 8, "learning_rate": 0.03, "verbose": "quiet"}
WORDS = {"good": "egg tea sun", "bad": "rain mud cold", "odd": "猫 naïve 1️⃣"}
TAGS = ("B-X", "I-X", "O")


def write_text(path: Path, seed: int = 0, size: int = 300) -> Path:
    """A text of few words."""
    chance = random.Random(seed)
    path.write_text(" ".join(chance.choices("the time machine in a light year".split(), k=size)))
    return path


def write_texts(path: Path, seed: int = 0, labels=tuple(WORDS)) -> Path:
    """Texts whose words mostly tell the label."""
    chance = random.Random(seed)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label"])
        for _ in range(60):
            label = chance.choice(labels)
            words = [*WORDS.get(label, WORDS["odd"]).split(), "and", "a"]
            writer.writerow([" ".join(chance.choices(words, k=chance.randrange(1, 6))), label])
    return path


def write_sentences(path: Path, seed: int = 0, tags=TAGS) -> Path:
    """Sentences whose tokens mostly tell their tags."""
    chance, lines = random.Random(seed), []
    for _ in range(50):
        for _ in range(chance.randrange(1, 6)):
            tag = chance.choice(tags)
            lines.append(f"{tag.lower()}{chance.randrange(4)} {tag}")
        lines.append("")
    path.write_text("\n".join(lines))
    return path


def write_series(path: Path, seed: int = 0, size: int = 160) -> Path:
    """A sine and its opposite at another level, with noise."""
    noise = 0.1 * np.random.default_rng(seed).normal(size=(size, 2))
    sine = np.sin(2 * np.pi * np.arange(size) / 8)
    rows = ((np.stack([sine, -sine], axis=1) + noise) * [1, 20] + [0, 300]).tolist()
    path.write_text("\n".join(["up,down", *(f"{a},{b}" for a, b in rows)]) + "\n")
    return path


WRITERS = {
    "language_model": (write_text, "data.txt"),
    "text_classification": (write_texts, "data.csv"),
    "tagging": (write_sentences, "data.conll"),
    "forecasting": (write_series, "data.csv"),
}


def write_data(kind: str, place: Path, name: str = "", **more) -> Path:
    """The data of a task."""
    write, usual = WRITERS[kind]
    return write(place / f"{name}{usual}", **more)


def options_of(kind: str, place: Path, **changes):
    """Options of a run in `place`, on data that are written there."""
    data = str(write_data(kind, place))
    usual = {**COMMON, "run_dir": str(place / kind), "export": False, **changes}
    if kind == "language_model":
        recipe = {"cell": "gru", "schedule": "constant", "averaging": "none"}
        usual = {"corpus": data, "num_steps": 16, "embedding_size": 4, **recipe, **usual}
        usual.setdefault("sample_epochs", 0)
        return tfseq.LanguageModelOptions(**usual)
    if kind == "forecasting":
        usual = {
            "data": data,
            "lookback": 6,
            "horizon": 4,
            "feedback_steps": 2,
            "season": 8,
            **usual,
        }
        return tfseq.ForecastingOptions(**usual)
    usual = {"data": data, "embedding_size": 4, "test_fraction": 0.3, **usual}
    if kind == "tagging":
        return tfseq.TaggingOptions(**usual)
    return tfseq.TextClassificationOptions(**usual)
