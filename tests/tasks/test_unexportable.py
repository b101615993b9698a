"""A tokenizer that no export could use is refused before a run that would end with one."""

import pytest
import tensorflow as tf
from small_tasks import options_of

import tfseq
from tfseq.options.command_line import with_option_names


class PlainPython:
    """Words, split by Python."""

    def tokenize(self, strings):
        return [text.decode().split() for text in strings.numpy()]

    def detokenize(self, tokens):
        return [b" ".join(row) for row in tokens.numpy()]


class JoinedByPython:
    """In-graph, but for its `join`."""

    def tokenize(self, strings):
        return tf.strings.split(strings)

    def detokenize(self, tokens):
        return tf.strings.reduce_join(tokens, axis=-1, separator=" ")

    def join(self, prompt, completion):
        return [a + b" " + b for a, b in zip(prompt.numpy(), completion.numpy(), strict=True)]


@pytest.mark.parametrize(
    ("kind", "tokenizer", "method"),
    [
        ("language_model", PlainPython, "tokenize"),
        ("language_model", JoinedByPython, "join"),
        ("text_classification", PlainPython, "tokenize"),
    ],
)
def test_it_is_refused_before_training(kind, tokenizer, method, tmp_path):
    options = options_of(kind, tmp_path, tokenizer=tokenizer, export=True)
    with pytest.raises(tfseq.InputError) as caught:
        tfseq.train(options, log=lambda line: None)
    message = str(caught.value)
    assert message.startswith(
        "`tokenizer` must be in-graph to be exported, for a server has no Python: "
        f"{tokenizer.__name__}.{method} cannot be traced: AttributeError: "
    )
    assert message.endswith(". Add `export=False` to train without an export.")
    assert not (tmp_path / kind).exists()
    told = with_option_names(message, type(options))
    assert told.startswith("`--tokenizer` must")
    assert told.endswith("Add `--no-export` to train without an export.")
