"""Values of every kind against a signature, and what JSON makes of them."""

import json
import math

import numpy as np
import pytest

from tfseq.serving import RequestError
from tfseq.serving.client.answers import read_outputs, sent_input
from tfseq.serving.client.signature import fitting_inputs
from tfseq.serving.wire.signature import Signature, TensorInfo

ROWS = (-1,)


def fitted(kind, value, shape=ROWS, **others):
    infos = {"x": TensorInfo(kind, shape)} | {
        name: TensorInfo("DT_FLOAT", np.shape(value)) for name, value in others.items()
    }
    given = {"x": value, **others}
    return fitting_inputs("s", Signature(infos, {}), given)["x"]


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("DT_INT64", [2**53 + 1, -(2**63)], np.array([2**53 + 1, -(2**63)])),
        ("DT_INT64", 7, np.array([7])),
        ("DT_INT32", [3.0, -1.0], np.array([3, -1], "int32")),
        ("DT_INT32", np.array([1], ">i8"), np.array([1], "int32")),
        ("DT_UINT8", [255, 0], np.array([255, 0], "uint8")),
        ("DT_UINT64", [2**64 - 1], np.array([2**64 - 1], "uint64")),
        ("DT_FLOAT", [1, 2**24 + 2], np.array([1, 2**24 + 2], "float32")),
        ("DT_FLOAT", (0.1, math.nan, math.inf), np.array([0.1, math.nan, math.inf], "float32")),
        ("DT_HALF", np.float64([0.5]), np.array([0.5], "float16")),
        ("DT_DOUBLE", range(3), np.array([0, 1, 2], "float64")),
        ("DT_BOOL", [True, False], np.array([True, False])),
        ("DT_INT32", [], np.array([], "int32")),
        ("DT_STRING", [], np.array([], object)),
        ("DT_STRING", "one", np.array([b"one"], object)),
        ("DT_STRING", ["a\0", b"\xff", "\udcff"], np.array([b"a\0", b"\xff", b"\xff"], object)),
        ("DT_STRING", np.array(["é", "bc"]), np.array(["é".encode(), b"bc"], object)),
    ],
)
def test_values_that_fit(kind, value, expected):
    np.testing.assert_array_equal(fitted(kind, value), expected, strict=True)


@pytest.mark.parametrize(
    ("kind", "value", "told"),
    [
        ("DT_INT32", [2**31], "Numbers must fit in int32: `x`"),
        ("DT_INT32", [1.5], "Numbers must fit in int32: `x`"),
        ("DT_INT32", [math.nan], "Numbers must fit in int32: `x`"),
        ("DT_INT64", [2**63], "Numbers must fit in int64: `x`"),
        ("DT_INT64", [2.0**63], "Numbers must fit in int64: `x`"),
        ("DT_INT64", 10**30, "Numbers must fit in int64: `x`"),
        ("DT_UINT8", [-1], "Numbers must fit in uint8: `x`"),
        ("DT_FLOAT", [1e300], "Numbers must fit in float32: `x`"),
        ("DT_FLOAT", [1j], "`x` must be numbers, in lists of equal lengths"),
        ("DT_FLOAT", [True], "`x` must be numbers"),
        ("DT_FLOAT", ["1"], "`x` must be numbers"),
        ("DT_FLOAT", [None], "`x` must be numbers"),
        ("DT_FLOAT", [[1], [2, 3]], "`x` must be numbers, in lists of equal lengths"),
        ("DT_BOOL", [1], "`x` must be true or false"),
        ("DT_STRING", [1], "`x` must be texts, in lists of equal lengths"),
        ("DT_STRING", [["a"], ["b", "c"]], "`x` must be texts, in lists of equal lengths"),
        ("DT_STRING", {"b64": "YQ=="}, "`x` must be texts"),
        ("DT_STRING", ["a" * 9999], None),
        (
            "DT_STRING",
            [["a"]],
            r"`x` of signature 's' must have the shape \[any\]. Received: \[1, ",
        ),
        ("DT_RESOURCE", [1], "NumPy has no type for DT_RESOURCE"),
    ],
)
def test_values_that_do_not(kind, value, told):
    if told is None:
        assert fitted(kind, value).shape == (1,)
        return
    with pytest.raises(RequestError, match=told) as error:
        fitted(kind, value)
    assert error.value.code == "INVALID_ARGUMENT"
    assert len(str(error.value)) < 400


def test_one_value_stands_for_every_row_and_for_nothing_else():
    assert fitted("DT_INT32", 7, others=np.zeros([3, 2])).tolist() == [7, 7, 7]
    assert fitted("DT_INT32", 7, others=np.zeros([0, 2])).tolist() == []
    assert fitted("DT_INT32", 7, shape=()).shape == ()
    assert fitted("DT_INT32", [[1]], shape=None).tolist() == [[1]]
    with pytest.raises(RequestError, match=r"the shape \[any, 2\]. Received: \[\]"):
        fitted("DT_FLOAT", 7, shape=(-1, 2))
    with pytest.raises(RequestError, match=r"the shape \[any, 2\]. Received: \[1, 3\]"):
        fitted("DT_FLOAT", [[1, 2, 3]], shape=(-1, 2))


def test_names_that_are_wrong():
    infos = {"prompt": TensorInfo("DT_STRING", ROWS), "seed": TensorInfo("DT_INT64", ROWS)}
    told = r"Signature 's' takes the inputs prompt, seed. Received: promt, seed. Did you mean 'pro"
    with pytest.raises(RequestError, match=told):
        fitting_inputs("s", Signature(infos, {}), {"promt": "a", "seed": 1})
    with pytest.raises(RequestError, match="Received: none"):
        fitting_inputs("s", Signature(infos, {}), {})


def test_json_of_inputs():
    """Whole floats keep their point: a server takes no integer above 2^24 for a float."""
    written = json.dumps(sent_input("x", np.float32([2**25, 0.1, math.nan, math.inf, -math.inf])))
    assert written == "[33554432.0, 0.10000000149011612, NaN, Infinity, -Infinity]"
    assert json.loads(json.dumps(sent_input("x", np.array([2**63 - 1])))) == [2**63 - 1]
    texts = np.array([[b'a\0"\\', "é👩".encode()], [b"\xff", b""]], object)
    assert json.loads(json.dumps(sent_input("x", texts))) == [
        ['a\0"\\', "é👩"],
        [{"b64": "/w=="}, ""],
    ]
    assert sent_input("x", np.zeros([2, 0])) == [[], []]
    assert sent_input("x", np.zeros([0])) == []
    with pytest.raises(RequestError, match="`x` must have a row"):
        sent_input("x", np.zeros([0, 2]))


def test_json_of_answers():
    known = {
        "half": TensorInfo("DT_HALF", ROWS),
        "big": TensorInfo("DT_INT64", ROWS),
        "raw_bytes": TensorInfo("DT_STRING", ROWS),
        "none": TensorInfo("DT_FLOAT", (-1, -1, 4)),
        "single": TensorInfo("DT_FLOAT", ()),
    }
    text = (
        '{"half": [0.5, NaN, -Infinity], "big": [9007199254740993], "single": 1.0,'
        ' "raw_bytes": [{"b64": "/w=="}, {"b64": ""}, "\udcff"], "none": [[]]}'
    )
    found = read_outputs(json.loads(text), known, as_written=True)
    np.testing.assert_array_equal(found["half"], np.array([0.5, math.nan, -math.inf], "float16"))
    assert found["big"].tolist() == [2**53 + 1]
    assert found["raw_bytes"].tolist() == [b"\xff", b"", b"\xff"]
    assert found["none"].shape == (1, 0, 4)
    assert found["single"] == np.float32(1)
    for wrong in ({"half": [[1.0], [1.0, 2.0]]}, {"big": [1.5]}, {"big": [2**63]}, {"half": ["1"]}):
        name = next(iter(wrong))
        with pytest.raises(ValueError, match=name):
            read_outputs(wrong[name], {name: known[name]}, as_written=False)
