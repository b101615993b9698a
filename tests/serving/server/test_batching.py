"""Requests put together and taken apart, with a model that is a function."""

import asyncio

import numpy as np
import pytest

from tfseq.serving.server.faults import FaultError
from tfseq.serving.server.models.batching import Batching
from tfseq.serving.server.options import Limits
from tfseq.serving.wire.signature import Signature, TensorInfo


def info(dtype, *shape):
    return TensorInfo(f"DT_{dtype}", shape)


SIGNATURES = {
    # Sums of what counts in each row, and the entries that count.
    "ragged": Signature(
        {"values": info("INT32", -1, -1), "num_values": info("INT32", -1)},
        {"sums": info("INT32", -1), "values": info("INT32", -1, -1)},
    ),
    # Says itself how many entries a row of its answer has.
    "count": Signature(
        {"number": info("INT32", -1)},
        {"num_tokens": info("INT32", -1), "ones": info("INT32", -1, -1)},
    ),
    # Of so many entries of a row, how many there are.
    "bounded": Signature(
        {"values": info("INT32", -1, -1), "num_values": info("INT32", -1)},
        {"used": info("INT32", -1)},
    ),
    # The first three entries of each row.
    "first": Signature(
        {"values": info("INT32", -1, -1), "num_tokens": info("INT32", -1)},
        {"values": info("INT32", -1, -1), "num_tokens": info("INT32", -1)},
    ),
    # Another length is another answer.
    "dense": Signature({"values": info("INT32", -1, -1)}, {"sizes": info("INT32", -1)}),
    "scalar": Signature({"x": info("INT32")}, {"y": info("INT32")}),
}


class Model:
    """Answers after a moment, and remembers the batches that it was given."""

    def __init__(self, seconds=0.0):
        self.seconds, self.batches = seconds, []

    async def run(self, name, inputs, timeout):
        rows = max((len(value) for value in inputs.values() if np.ndim(value)), default=0)
        self.batches.append((name, rows))
        await asyncio.sleep(self.seconds)
        return getattr(self, name)(**inputs)

    def ragged(self, values, num_values):
        if (values == 13).any():
            raise FaultError("INVALID_ARGUMENT", "13 brings bad luck")
        kept = np.arange(values.shape[1]) < num_values[:, None]
        kept = np.where(kept, values, 0)
        return {"sums": kept.sum(1), "values": kept}

    def count(self, number):
        ones = (np.arange(number.max(initial=0)) < number[:, None]).astype("int32")
        return {"num_tokens": number, "ones": ones}

    def bounded(self, values, num_values):
        return {"used": np.clip(num_values, 0, values.shape[1])}

    def first(self, values, num_tokens):
        return {"values": values[:, :3], "num_tokens": np.minimum(num_tokens, 3)}

    def dense(self, values):
        return {"sizes": np.full(len(values), values.shape[1])}

    def scalar(self, x):
        return {"y": x + 1}


def predict_all(model, requests, **limits):
    """The answers to requests that come at once: outputs, or the fault."""

    async def go():
        batching = Batching(model.run, SIGNATURES, Limits(**limits))
        calls = [batching.predict(name, inputs, 5.0) for name, inputs in requests]
        answers = await asyncio.gather(*calls, return_exceptions=True)
        assert batching.num_waiting == 0
        return answers

    return asyncio.run(go())


def ragged(*rows):
    longest = max(map(len, rows))
    values = [[*row, *[99] * (longest - len(row))] for row in rows]
    return "ragged", {
        "values": np.array(values, "int32").reshape(len(rows), longest),
        "num_values": np.array([len(row) for row in rows], "int32"),
    }


def test_rows_of_different_lengths_are_padded_and_cut_again():
    model = Model(seconds=0.01)
    requests = [ragged([1, 2], [3]), ragged([4, 5, 6, 7]), ragged([8]), ragged([], [9, 1])]
    answers = predict_all(model, requests, num_threads=1)
    assert [answer["sums"].tolist() for answer in answers] == [[3, 3], [22], [8], [0, 10]]
    assert [answer["values"].tolist() for answer in answers] == [
        [[1, 2], [3, 0]],
        [[4, 5, 6, 7]],
        [[8]],
        [[0, 0], [9, 1]],
    ]
    # The first goes at once, the others together.
    assert model.batches == [("ragged", 2), ("ragged", 4)]


def test_an_answer_is_as_long_as_it_is_alone():
    model = Model(seconds=0.01)
    requests = [("count", {"number": np.array(n, "int32")}) for n in ([1], [3, 2], [0], [5])]
    answers = predict_all(model, requests, num_threads=1)
    assert [answer["ones"].shape for answer in answers] == [(1, 1), (2, 3), (1, 0), (1, 5)]
    assert answers[1]["ones"].tolist() == [[1, 1, 1], [1, 1, 0]]
    assert len(model.batches) == 2


def test_lengths_that_change_the_answer_stay_apart():
    model = Model(seconds=0.01)
    requests = [("dense", {"values": np.zeros([2, n], "int32")}) for n in (3, 4, 3, 3)]
    answers = predict_all(model, requests, num_threads=1)
    assert [answer["sizes"].tolist() for answer in answers] == [[3] * 2, [4] * 2, [3] * 2, [3] * 2]
    assert sorted(model.batches) == [("dense", 2), ("dense", 2), ("dense", 4)]


def test_what_reads_beyond_its_end_reads_no_padding():
    model = Model(seconds=0.01)
    asked = [(2, 2), (5, 5), (2, 4), (3, 1), (2, 3), (3, -1)]
    requests = [
        ("bounded", {"values": np.zeros([1, length], "int32"), "num_values": np.array([count])})
        for length, count in asked
    ]
    answers = predict_all(model, requests, num_threads=1)
    assert [answer["used"].tolist() for answer in answers] == [[2], [5], [2], [1], [2], [0]]
    assert sorted(rows for _, rows in model.batches) == [1, 1, 2, 2]


def test_an_answer_that_is_cut_is_no_longer_for_its_company():
    requests = [
        ("first", {"values": np.full([1, length], 7), "num_tokens": np.array([length])})
        for length in (1, 2, 9, 3)
    ]
    answers = predict_all(Model(seconds=0.01), requests, num_threads=1)
    assert [answer["values"].tolist() for answer in answers] == [
        [[7]],
        [[7, 7]],
        [[7, 7, 7]],
        [[7, 7, 7]],
    ]


def test_what_is_no_batch_is_run_alone():
    model = Model()
    answers = predict_all(model, [("scalar", {"x": np.array(n, "int32")}) for n in range(3)])
    assert [int(answer["y"]) for answer in answers] == [1, 2, 3]
    assert len(model.batches) == 3


def test_a_bad_row_fails_its_own_request_alone():
    model = Model(seconds=0.01)
    answers = predict_all(model, [ragged([1]), ragged([2]), ragged([13]), ragged([4])])
    assert str(answers.pop(2)) == "13 brings bad luck"
    assert [answer["sums"].tolist() for answer in answers] == [[1], [2], [4]]


def test_a_long_request_is_split():
    model = Model()
    (answer,) = predict_all(model, [ragged(*[[n] * (n % 3) for n in range(10)])], max_batch_size=4)
    assert answer["sums"].tolist() == [n * (n % 3) for n in range(10)]
    assert answer["values"].shape == (10, 2)
    assert [rows for _, rows in model.batches] == [4, 4, 2]


def test_batches_are_no_larger_than_they_may_be():
    model = Model(seconds=0.01)
    predict_all(model, [ragged([n]) for n in range(11)], max_batch_size=4, num_threads=1)
    assert [rows for _, rows in model.batches] == [1, 4, 4, 2]


def test_the_queue_is_bounded():
    model = Model(seconds=0.01)
    answers = predict_all(model, [ragged([n]) for n in range(6)], max_queue=3, num_threads=1)
    refused = [answer.code for answer in answers if isinstance(answer, FaultError)]
    # One is running, three wait.
    assert refused == ["RESOURCE_EXHAUSTED"] * 2
    assert [answer["sums"].tolist() for answer in answers[:4]] == [[0], [1], [2], [3]]


def test_a_request_has_its_time():
    async def go():
        batching = Batching(Model(seconds=0.2).run, SIGNATURES, Limits(num_threads=1))
        calls = [batching.predict(*ragged([n]), 0.05) for n in range(2)]
        answers = await asyncio.gather(*calls, return_exceptions=True)
        assert batching.num_waiting == 0
        return [answer.code for answer in answers]

    assert asyncio.run(go()) == ["DEADLINE_EXCEEDED"] * 2


def test_what_nobody_waits_for_is_not_run():
    async def go():
        model = Model(seconds=0.01)
        batching = Batching(model.run, SIGNATURES, Limits(num_threads=1))
        tasks = [asyncio.create_task(batching.predict(*ragged([n]), 5)) for n in range(3)]
        await asyncio.sleep(0)
        tasks[1].cancel()
        answers = await asyncio.gather(*tasks, return_exceptions=True)
        assert [answers[n]["sums"].tolist() for n in (0, 2)] == [[0], [2]]
        return model.batches

    assert asyncio.run(go()) == [("ragged", 1), ("ragged", 1)]


@pytest.mark.parametrize("seconds", [0.0, 0.05])
def test_a_request_waits_for_company_only_where_others_run(seconds):
    """Alone it goes at once, whatever `batch_ms` says."""

    async def go():
        batching = Batching(Model().run, SIGNATURES, Limits(batch_ms=60_000.0))
        for number in range(3):
            await asyncio.wait_for(batching.predict(*ragged([number]), 5), 2)
            await asyncio.sleep(seconds)

    asyncio.run(go())
