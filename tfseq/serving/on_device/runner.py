"""Write text with the model beside this file: python run.py "The " --temperature 0.8

Needs NumPy; ai-edge-litert for a .tflite file, onnxruntime for .onnx; sentencepiece for subwords.
"""

import argparse
import json
import re
import unicodedata
from pathlib import Path

import numpy as np


class Text:
    """Text to ids and back, by `tokenizer.json`."""

    def __init__(self, directory):
        self.how = json.loads(Path(directory, "tokenizer.json").read_text(encoding="utf-8"))
        if self.how["kind"] is None:
            raise SystemExit("This model's tokenizer is Python of its own: give ids to `step`.")
        self.ids = {token: i for i, token in enumerate(self.how["tokens"])}
        for special in ("begin", "end"):  # No text can spell these two.
            self.ids = {t: i for t, i in self.ids.items() if i != self.how[special]}
        if self.how["subwords"]:
            from sentencepiece import SentencePieceProcessor

            self.pieces = SentencePieceProcessor(str(Path(directory, self.how["subwords"])))

    def encode(self, text):
        for pattern, new in self.how["dropped"]:
            text = re.sub(pattern, new, text, flags=re.ASCII)
        for form in self.how["forms"]:
            text = text.casefold() if form == "casefold" else unicodedata.normalize(form, text)
        for pattern, new in self.how["before"]:
            text = re.sub(pattern, new, text, flags=re.ASCII)
        if self.how["lower"]:
            text = text.lower()
        if self.how["subwords"]:  # SentencePiece writes a space as U+2581: the two are swapped.
            pieces = self.pieces.encode(text.translate({0x20: "▁", 0x2581: " "}), out_type=str)
            tokens = ["▁" if p == "<0x20>" else p.replace("▁", " ") for p in pieces]
        else:
            tokens = re.findall(self.how["token"], text)
        return [self.ids.get(token, 0) for token in tokens]

    def decode(self, ids):
        special = (self.how["begin"], self.how["end"])
        tokens = [self.how["tokens"][i] for i in ids if i not in special]
        if self.how["subwords"]:
            byte = re.compile("<0x([0-9A-F]{2})>").fullmatch
            parts = [bytes.fromhex(m[1]) if (m := byte(t)) else t.encode() for t in tokens]
            return b"".join(parts).decode(errors="replace")
        text = self.how["joiner"].join(self.how["written"].get(token, token) for token in tokens)
        for pattern, new in self.how["after"]:
            text = re.sub(pattern, new, text, flags=re.ASCII)
        return text


class Model:
    """One step at a time; a text begins with states of zeros."""

    def __init__(self, path):
        if str(path).endswith(".onnx"):
            from onnxruntime import InferenceSession

            session = InferenceSession(path)
            shapes = {node.name: node.shape for node in session.get_inputs()}
            names = [node.name for node in session.get_outputs()]
            self.step = lambda **inputs: dict(zip(names, session.run(None, inputs), strict=True))
        else:
            from ai_edge_litert.interpreter import Interpreter

            self.step = Interpreter(str(path), num_threads=1).get_signature_runner("step")
            shapes = {n: d["shape"] for n, d in self.step.get_input_details().items()}
        del shapes["token_ids"]
        self.states = self.zeros = {n: np.zeros(s, "float32") for n, s in shapes.items()}

    def __call__(self, token_id):
        token_ids = np.array([token_id], "int32")
        outputs = self.step(token_ids=token_ids, **self.states)
        logits = outputs.pop("logits")[0]
        self.states = {name.removeprefix("new_"): state for name, state in outputs.items()}
        return logits


def generate(model, text, prompt, number, temperature=1.0, seed=None):
    """Up to `number` tokens after a prompt; what the model has read and written, as text."""
    random, ids, begin = np.random.default_rng(seed), text.encode(prompt), text.how["begin"]
    read = ids if begin is None else [begin, *ids]
    for token_id in read or [0]:
        logits = model(token_id)
    for _ in range(number):
        logits[[0, *([] if begin is None else [begin])]] = -np.inf  # <unk> is never written.
        noise = random.gumbel(size=len(logits)) if temperature else 0
        ids.append(int(np.argmax(logits / (temperature or 1) + noise)))
        if ids[-1] == text.how["end"]:
            break
        logits = model(ids[-1])
    return text.decode(ids)


if __name__ == "__main__":
    here, parser = Path(__file__).parent, argparse.ArgumentParser(description=__doc__)
    parser.add_argument("prompt", help="the text to continue")
    smallest = min(here.glob("model_*"), key=lambda file: file.stat().st_size)
    parser.add_argument("--model", default=smallest.name, help="file (default: the smallest)")
    parser.add_argument("--number", type=int, default=200, help="tokens to write (default: 200)")
    parser.add_argument(
        "--temperature", type=float, default=1.0, help="0 takes the most likely token (default: 1)"
    )
    parser.add_argument("--seed", type=int, help="the same seed writes the same text")
    given = vars(parser.parse_args())
    try:
        print(generate(Model(here / given.pop("model")), Text(here), **given))
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0].replace("_", "-")
        raise SystemExit(f"error: run.py needs {package}: pip install {package}") from None
