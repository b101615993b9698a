"""A classifier that reads subwords."""

import pytest
from small_tasks import options_of

import tfseq

pytest.importorskip("sentencepiece")


@pytest.mark.slow
def test_a_classifier_keeps_the_subwords_of_its_training_texts(tmp_path):
    changes = {"tokenizer": "subword", "vocabulary_size": 290}
    task = tfseq.train(
        options_of("text_classification", tmp_path, **changes), log=lambda line: None
    )
    again = tfseq.load(task.directory)
    assert len(again.vocabulary) == 290
    assert again.tokenizer.model == task.tokenizer.model
    assert again.predict("egg ▁tea") == task.predict("egg ▁tea")
    assert again.evaluate()["accuracy"] == pytest.approx(task.metrics["test_accuracy"])
