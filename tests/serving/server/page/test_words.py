"""A text of words in the page: spaced as in print, and asked for a few words at a time."""

import pytest
from lively_weights import draw_weights

import tfseq
from tfseq.serving import export_language_model

from ...conftest import Exported
from .person import generate, write

SIGNS = [*'."-(),$/', "well", "known", "s", "the", "1", "000", "国"]


@pytest.fixture(scope="module")
def signs(chromium, loader, without_trial, tmp_path_factory):
    """Words and signs whose spaces depend on their neighbours."""
    tokenizer, vocabulary = tfseq.WordTokenizer(), tfseq.Vocabulary(SIGNS)
    model = tfseq.LanguageModel(len(vocabulary), units=8)
    draw_weights(model, 7)
    base = tmp_path_factory.mktemp("exported") / "signs"
    path = export_language_model(model, tokenizer, vocabulary, base)
    return Exported(path, loader.load(path), None, loader)


def test_no_token_asks_for_the_text_before(serve, visit, exported):
    server = serve(language=exported("gru", 1, "word"))
    write(visit(server.address), "the time", 50)
    *others, longest = sorted(
        length
        for signature, inputs in server.requests
        if signature == "decode"
        for length in inputs["num_tokens"]
    )
    # The whole is asked for once, at the end.
    assert longest == 50
    assert others[-1] < 20


@pytest.mark.slow
@pytest.mark.parametrize(
    "prompt",
    ['the "', 'the " ', "the ", "well-", "well -", "1,", "(", 'the "well', "国", ""],
)
def test_a_text_begins_as_print_has_it(serve, visit, signs, prompt):
    page = visit(serve(language=signs).address)
    assert write(page, prompt, 60) == generate(signs, prompt, 60)[0]
