"""The page's views of a classifier, a tagger and a forecaster, beside the numbers of the API."""

from types import SimpleNamespace

import numpy as np
import pytest
from lively_weights import draw_weights

import tfseq
from tfseq.models import Forecaster, Tagger, TextClassifier
from tfseq.serving import (
    ForecasterSettings,
    export_forecaster,
    export_tagger,
    export_text_classifier,
)

from ...conftest import Exported
from .person import number_in, press, set_number, shown, texts

VOCABULARY = tfseq.Vocabulary([*"abcdefg想", "time", "flies"])
LABELS = ["no", "yes", "猫"]
TAGS = ["B-X", "I-X", "O", "VERB"]
HORIZON = 6


@pytest.fixture(scope="module")
def make(chromium, loader, without_trial, tmp_path_factory):
    """`make(export, model, *parts, **options)` -> an `Exported`."""

    def made(export, model, *parts, **options):
        draw_weights(model, 3)
        path = export(model, *parts, tmp_path_factory.mktemp("exported"), **options)
        return Exported(path, loader.load(path), None, loader)

    return made


@pytest.fixture(scope="module")
def classifier(make):
    model = TextClassifier(len(VOCABULARY), num_labels=3, units=5)
    return make(export_text_classifier, model, tfseq.CharTokenizer(), VOCABULARY, LABELS)


@pytest.fixture(scope="module")
def tagger(make):
    return make(export_tagger, Tagger(len(VOCABULARY), num_tags=4, units=5), VOCABULARY, TAGS)


@pytest.fixture(scope="module")
def forecaster(make):
    model = Forecaster(2, 4, units=5, steps_ahead=2)
    model.mean.assign(np.float32([20, 3000]))
    model.scale.assign(np.float32([4, 500]))
    settings = ForecasterSettings(max_horizon=HORIZON)
    return make(export_forecaster, model, columns=["a", "b"], settings=settings)


def test_labels_have_bars(serve, visit, classifier):
    page = visit(serve(labels=classifier).address)
    shown(page, "textarea").fill("abc 想\nggg")
    page.get_by_label("Treat each line").check()
    cards = shown(page, ".labels")
    cards.nth(1).wait_for()
    answer = classifier.run("serving_default", text=texts("abc 想", "ggg"))
    for card, names, scores in zip(cards.all(), answer["labels"], answer["scores"], strict=True):
        lines = card.locator(".line").all()
        assert [line.locator(".word").text_content() for line in lines] == [
            name.decode() for name in names
        ]
        for line, score in zip(lines, scores, strict=True):
            style = line.locator("i").get_attribute("style")
            assert float(style.split(":")[1].strip(" ;")) == pytest.approx(score, abs=1e-5)
            share = number_in(line.locator(".share").text_content(), "") / 100
            assert share == pytest.approx(score, abs=0.006)


def test_tags_are_spans_of_the_text(serve, visit, tagger):
    page = visit(serve(tags=tagger).address)
    text = "  time flies a\nb 想 c time d e f flies  g"
    shown(page, "textarea").fill(text)
    shown(page, ".tagged").wait_for()
    answer = tagger.run("serving_default", text=texts(text))
    count = answer["num_tokens"][0]
    tags = [tag.decode() for tag in answer["tags"][0][:count]]
    assert len(set(tags)) > 1, "the model is to be lively"

    # B-X and what is I-X after it are one; nothing of the text is lost.
    spans = []
    for token, tag in zip(text.split(), tags, strict=True):
        kind = tag.split("-")[-1]
        if tag == "I-X" and spans and spans[-1][0] == "X":
            spans[-1][1].append(token)
        else:
            spans.append((kind, [token]))
    expected = [(kind, tokens) for kind, tokens in spans if kind != "O"]
    marks = shown(page, ".tagged mark").all()
    found = []
    for mark in marks:
        kind = mark.locator("small").text_content()
        found.append((kind, mark.text_content().removesuffix(kind).split()))
    assert found == expected
    whole = shown(page, ".tagged").text_content()
    for kind, _ in expected:
        whole = whole.replace(kind, "", 1)
    assert whole == text
    page.get_by_text("Every token").click()
    rows = shown(page, "tbody tr").all()
    assert [row.locator("td").nth(1).text_content() for row in rows] == tags


@pytest.mark.everyday(2)
@pytest.mark.parametrize(
    ("pasted", "values"),
    [
        ("21.5\t3100\n20\t2900\n19.25\t2800", [[21.5, 3100], [20, 2900], [19.25, 2800]]),
        (
            "day;warm;load\n1.1.;21,5;3.100\n2.1.;;2.900\n3.1.;19,25;2.800\n",
            [[21.5, 3100], [None, 2900], [19.25, 2800]],
        ),
        ('warm,"load, all"\n21.5,"3,100"\n20,n/a\n', [[21.5, 3100], [20, None]]),
        ("€ 21,5\t1 234 567\n-20%\t−2", [[21.5, 1234567], [-20, -2]]),
        (" 21.5  3100\n-20 2.9e3 \n", [[21.5, 3100], [-20, 2900]]),
        ("a\tb\r\n16777217\t−1\r\n", [[16777217, -1]]),
        ('"21,5","3.100"\n"20,0","2.900"\n', [[21.5, 3100], [20, 2900]]),
        ("21,5 3,25\n-20 4\n", [[21.5, 3.25], [-20, 4]]),
        ("1,2\n3,4\n", [[1, 2], [3, 4]]),
        ("year;warm;load\n;°C;MW\n2001;2,5;9\n2002;4;7\n2003;3;8", [[2.5, 9], [4, 7], [3, 8]]),
        ("(5)\t#DIV/0!\n1\u00a0234,5\t2\n", [[-5, None], [1234.5, 2]]),
    ],
    ids="tabs semicolons commas signs spaces large quoted spaced whole counted broken".split(),
)
def test_values_come_from_a_spreadsheet(serve, visit, forecaster, pasted, values):
    server = serve(series=forecaster)
    page = visit(server.address)
    shown(page, "textarea").fill(pasted)
    press(page)
    shown(page, ".chart").first.wait_for()
    ((_, inputs),) = server.requests
    sent = np.asarray(inputs["values"], float)
    assert np.array_equal(sent, [np.asarray(values, float)], equal_nan=True)
    # A server takes a number without a point for a whole one, which may be too large for a float.
    assert all(isinstance(value, float) for row in inputs["values"][0] for value in row)


def test_a_forecast_is_drawn(serve, visit, forecaster):
    page = visit(serve(series=forecaster).address, viewport={"width": 390, "height": 844})
    values = np.float32([[20, 3000], [22, 3100], [18, 2900], [21, 3300], [19, 2700]])
    lines = "\n".join(f"{a}\t{b}" for a, b in values)
    shown(page, "textarea").fill("only words")
    assert shown(page, "button.primary").is_disabled()
    page.get_by_text("takes 2 columns").wait_for()
    shown(page, "textarea").fill(f"warm\tload\n{lines}")
    set_number(page, "Steps ahead", 5)
    press(page)
    chart = shown(page, ".chart")
    chart.first.wait_for()
    assert chart.count() == 2
    answer = forecaster.run("serving_default", values=values[None], horizon=np.int32([5]))
    rows = [row.locator("td").all() for row in shown(page, "tbody tr").all()]
    cells = [[cell.text_content().replace(",", "") for cell in row[1:]] for row in rows]
    table = [[number_in(cell, "") for cell in row] for row in cells]
    forecast = answer["forecast"][0, :5]
    spoken = page.locator("#said").text_content().removesuffix(".").split("The first: ")[1]
    for number, value in zip(spoken.split(", "), forecast[0], strict=True):
        assert number_in(number, "") == pytest.approx(value, abs=6e-3)
        # Their own decimals, not those of their place.
        assert len(number.partition(".")[2]) <= 2 < abs(value)
    assert np.asarray(table) == pytest.approx(forecast, rel=5e-3, abs=6e-3)

    # The line rises where the numbers rise: y falls.
    path = chart.first.locator("path.next").get_attribute("d")
    heights = [float(point.split()[1]) for point in path[1:].split("L")]
    known = np.concatenate([values[-1:, 0], forecast[:, 0]])
    assert np.corrcoef(heights, known)[0, 1] == pytest.approx(-1, abs=1e-3)
    chart.first.locator("svg").focus()
    page.keyboard.press("ArrowRight")
    assert number_in(chart.first.locator("output").text_content(), "forecast:") == pytest.approx(
        forecast[1, 0], rel=5e-3, abs=6e-3
    )


@pytest.mark.slow
def test_fewer_texts_than_a_beam_has(serve, visit, exported):
    """Servers give the others minus infinity, for which JSON has no word."""
    language = exported("gru", 2, "char")

    def run(signature, **inputs):
        answer = language.run(signature, **inputs)
        if signature == "beam_search":
            answer["log_probabilities"] = np.float32([[-1.5, -np.inf, -np.inf]])
            answer["texts"][0, 1:] = b'the others say "NaN"'
        return answer

    few = SimpleNamespace(signatures=language.signatures, run=run)
    page = visit(serve(language=few).address)
    page.get_by_role("tab", name="Beam").click()
    press(page)
    page.locator("#said", has_text="1 continuation").wait_for(state="attached")
    assert shown(page, ".found li").count() == 1
    assert "log probability −1.5 · 100.0 %" in shown(page, ".found li").text_content()


@pytest.mark.slow
def test_every_control_has_a_name_and_a_phone_is_wide_enough(
    serve, visit, classifier, tagger, forecaster, exported
):
    language = exported("gru", 1, "word")
    server = serve(language=language, labels=classifier, tags=tagger, series=forecaster)
    for theme, name in zip(["light", "dark"] * 2, server.backends, strict=True):
        page = visit(
            f"{server.address}?model={name}",
            viewport={"width": 390, "height": 844},
            color_scheme=theme,
        )
        shown(page, "textarea").first.wait_for()
        tabs = page.get_by_role("tab").all() or [None]
        for tab in tabs:
            if tab:
                tab.click()
            controls = shown(page, "button, input, textarea, select, summary").all()
            assert len(controls) > 2
            for control in controls:
                label = control.get_attribute("aria-label") or control.text_content()
                number = control.get_attribute("id")
                around = control.locator("xpath=ancestor::label").count()
                assert label or around or page.locator(f"label[for={number}]").count()
                box = control.bounding_box()
                assert box["x"] >= 0
                assert box["x"] + box["width"] <= 390
        page.context.close()
