"""Records classification_figures.json, beside this file: run it as a script.

scikit-learn 1.9.1 and seqeval 1.2.2 gave the figures in the repository. The examples are drawn at
random, odd ones among them: labels that never occur, spans that begin with I-, empty sentences.
"""

import json
import random
import warnings
from pathlib import Path

TAGS = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC", "B-A-B", "I-A-B", "E-LOC", "S-LOC", "E-PER"]


def classification(chance: random.Random, metrics) -> dict:
    num_labels = chance.randrange(2, 7)
    count = chance.randrange(1, 40)
    labels = [chance.randrange(chance.randrange(1, num_labels + 1)) for _ in range(count)]
    guesses = [y if chance.random() < 0.5 else chance.randrange(num_labels) for y in labels]
    names = list(range(num_labels))
    return {
        "labels": labels,
        "guesses": guesses,
        "num_labels": num_labels,
        "confusion": metrics.confusion_matrix(labels, guesses, labels=names).tolist(),
        "accuracy": metrics.accuracy_score(labels, guesses),
        "f1": metrics.f1_score(
            labels, guesses, labels=names, average=None, zero_division=0
        ).tolist(),
        "macro_f1": metrics.f1_score(labels, guesses, average="macro", zero_division=0),
    }


def tagging(chance: random.Random, seqeval) -> dict:
    weights = [chance.random() + 0.05 for _ in TAGS]
    lengths = [chance.randrange(0, 9) for _ in range(chance.randrange(1, 6))]
    tags = [chance.choices(TAGS, weights, k=n) for n in lengths]
    guesses = [[t if chance.random() < 0.7 else chance.choice(TAGS) for t in s] for s in tags]
    return {
        "tags": tags,
        "guesses": guesses,
        "spans": [seqeval.sequence_labeling.get_entities(sentence) for sentence in tags],
        "precision": seqeval.precision_score(tags, guesses, zero_division=0),
        "recall": seqeval.recall_score(tags, guesses, zero_division=0),
        "f1": seqeval.f1_score(tags, guesses, zero_division=0),
    }


def main() -> None:
    # Imported here, so that test collection can import this file without them.
    import seqeval.metrics
    import seqeval.metrics.sequence_labeling
    import sklearn.metrics

    warnings.simplefilter("ignore")
    chance = random.Random(5)
    figures = {
        "classification": [classification(chance, sklearn.metrics) for _ in range(40)],
        "tagging": [tagging(chance, seqeval.metrics) for _ in range(60)],
    }
    text = json.dumps(figures, default=float, separators=(",", ":"))
    path = Path(__file__).with_name("classification_figures.json")
    path.write_text(text.replace('},{"', '},\n{"') + "\n")


if __name__ == "__main__":
    main()
