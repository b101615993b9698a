"""Exported forecasters, run by the C API alone: batch-safe, finite, and said where odd."""

import contextlib
import json

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import tfseq
from tfseq.models import Forecaster
from tfseq.serving import ForecasterSettings, export_forecaster, inspect_export
from tfseq.serving import export as export_module
from tfseq.serving.loader.loader_process import LoaderError
from tfseq.serving.warm_up import WARM_UP_FILE, read_records

from ..fake_server import client_of
from ..fuzz import check, requests

MEAN, SCALE = np.float32([20, -3000]), np.float32([2, 500])
LAGS, CAP = 8, 12
SEEDS = {"gru": 2, "lstm": 3}


@pytest.fixture(scope="module")
def served(loader, tmp_path_factory):
    """`served(cell)` -> the model, its version directory, and `run(signature, **inputs)`."""
    cache = {}

    def get(cell):
        if cell not in cache:
            model = Forecaster(2, LAGS, cell=cell, units=7, num_layers=2, steps_ahead=3)
            rng = np.random.default_rng(SEEDS[cell])
            for weight in model.trainable_weights:
                weight.assign(rng.normal(scale=0.4, size=weight.shape))
            model.mean.assign(MEAN)
            model.scale.assign(SCALE)
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(
                    export_module, "LoaderProcess", lambda: contextlib.nullcontext(loader)
                )
                path = export_forecaster(
                    model,
                    tmp_path_factory.mktemp("exported") / cell,
                    columns=["a", "b"],
                    settings=ForecasterSettings(max_horizon=CAP, max_batch_size=5),
                    metadata={"rmse": 0.5},
                )
            signatures = loader.load(path)
            cache[cell] = (
                model,
                path,
                signatures,
                lambda signature, **inputs: loader.run(path, signature, **inputs),
            )
        return cache[cell]

    return get


def rows(count, num_steps=LAGS, seed=0):
    rng = np.random.default_rng(seed)
    return MEAN + SCALE * rng.normal(size=(count, num_steps, 2)).astype("float32")


def ask(run, values, horizon, **more):
    signature = "forecast" if more else "serving_default"
    return run(signature, values=np.float32(values), horizon=np.int32(horizon), **more)


@pytest.mark.parametrize("protocol", ["grpc", "rest"])
def test_a_client_gets_what_the_export_answers(protocol, served):
    _, _, signatures, run = served("gru")
    values = rows(3)
    values[1, 2, 0] = np.nan
    for more in ({}, {"num_values": np.int32([8, 5, 0])}):
        expected = ask(run, values, [3, 1, 12], **more)
        name = "forecast" if more else "serving_default"
        with client_of(protocol, signatures, run) as client:
            told = client.predict(name, values=values.tolist(), horizon=[3, 1, 12], **more)
        for key, value in expected.items():
            if key == "warning":
                value = np.array([warning.decode() for warning in value], object)
            np.testing.assert_array_equal(told[key], value, strict=True)
    with client_of(protocol, signatures, run) as client:
        # Numbers of other types than the signature's, and one for all rows.
        told = client.predict("serving_default", values=values[:1].astype("float64"), horizon=3)
        expected = ask(run, values[:1], [3])["forecast"]
        np.testing.assert_array_equal(told["forecast"], expected, strict=True)
        with pytest.raises(tfseq.InputError, match=r"shape \[any, any, 2\]. Received: \[8, 2\]"):
            client.predict("serving_default", values=values[0], horizon=3)


@pytest.mark.parametrize("cell", SEEDS)
def test_forecasts_are_those_of_the_model_each_to_its_own_horizon(served, cell):
    model, _, _, run = served(cell)
    values, horizon = rows(5), [3, 1, 12, 7, 12]
    outputs = ask(run, values, horizon)
    assert outputs["forecast"].shape == (5, CAP, 2)
    assert outputs["num_steps"].tolist() == horizon
    assert outputs["warning"].tolist() == [b""] * 5
    expected = np.array(model.forecast(values, CAP))
    for row, count in enumerate(horizon):
        expected[row, count:] = 0
    np.testing.assert_allclose(outputs["forecast"] / SCALE, expected / SCALE, atol=1e-5)


@pytest.mark.parametrize("cell", SEEDS)
def test_a_row_alone_and_in_any_batch_has_one_answer(served, cell):
    _, _, _, run = served(cell)
    values, horizon = rows(6, LAGS + 3), np.int32([3, 99, 12, 7, -4, 12])
    # Neighbours as bad as they come.
    values[1], values[3, 4:], values[5, 2, 0] = np.nan, np.inf, -3e38
    lengths = np.int32([11, 4, 9, 11, 2, 8])
    together = ask(run, values, horizon, num_values=lengths)
    for row in range(6):
        alone = ask(run, values[[row]], horizon[[row]], num_values=lengths[[row]])
        for name, value in alone.items():
            if value.dtype == object:
                assert value[0] == together[name][row]
            else:
                np.testing.assert_allclose(
                    value[0] / SCALE[0], together[name][row] / SCALE[0], atol=1e-5
                )
        # The same without its padding.
        short = values[[row], : lengths[row]]
        np.testing.assert_allclose(
            ask(run, short, horizon[[row]])["forecast"] / SCALE,
            alone["forecast"] / SCALE,
            atol=1e-5,
        )


MISSING = "`values` has missing or infinite numbers: {}; used: the model's own forecasts of them."
ODD = {
    "nan": (np.nan, MISSING),
    "infinite": (-np.inf, MISSING),
    "huge": (3e38, "`values` has numbers more than 100 standard deviations from the training"),
    "negative and huge": (-3e38, "used: the values at that distance."),
}


@pytest.mark.parametrize("odd", ODD)
def test_odd_numbers_are_answered_with_finite_ones_and_a_warning(served, odd):
    _, _, _, run = served("gru")
    value, words = ODD[odd]
    values = rows(3)
    values[1, 3, 1] = values[1, -1, 0] = value
    outputs = ask(run, values, [CAP] * 3)
    assert np.isfinite(outputs["forecast"]).all()
    assert (np.abs((outputs["forecast"] - MEAN) / SCALE) <= 100.001).all()
    assert words.format(2) in outputs["warning"][1].decode()
    assert outputs["warning"].tolist()[::2] == [b"", b""]


def test_rows_that_are_empty_short_or_all_missing(served):
    model, _, _, run = served("lstm")
    nothing = b"`values` has no finite number; the forecast goes on from the training mean."
    mean = np.array(model.forecast(MEAN[None, None], CAP))
    for values in (np.zeros([1, 0, 2]), np.full([1, 3, 2], np.nan), np.full([1, 20, 2], np.inf)):
        outputs = ask(run, values, [CAP])
        np.testing.assert_allclose(outputs["forecast"] / SCALE, mean / SCALE, atol=1e-5)
        assert outputs["warning"][0] == nothing
    outputs = ask(run, rows(1, 3), [2])
    assert outputs["warning"][0] == (
        b"`values` should have 8 steps. Received: 3; a forecast from fewer is less exact."
    )
    padded = np.concatenate([np.full([1, 9, 2], np.nan), rows(1, 3)], axis=1)
    again = ask(run, padded, [2])
    assert again["warning"][0] == outputs["warning"][0]
    np.testing.assert_allclose(again["forecast"], outputs["forecast"], rtol=1e-5)
    none = ask(run, np.zeros([0, 5, 2]), np.zeros([0]))
    assert none["forecast"].shape == (0, CAP, 2)


@pytest.mark.parametrize("horizon", [0, -1, CAP + 1, 2**31 - 1, -(2**31)])
def test_a_horizon_out_of_range_is_clamped_and_said(served, horizon):
    _, _, _, run = served("gru")
    outputs = ask(run, rows(2), [horizon, 2])
    used = 1 if horizon < 1 else CAP
    assert outputs["num_steps"].tolist() == [used, 2]
    assert outputs["warning"][0].decode() == (
        f"`horizon` must be from 1 to {CAP}. Received: {horizon}; used: {used}."
    )
    assert outputs["warning"][1] == b""
    np.testing.assert_allclose(
        outputs["forecast"][0], ask(run, rows(2)[:1], [used])["forecast"][0], rtol=1e-5
    )


def test_a_number_of_values_out_of_range_is_clamped_and_said(served):
    _, _, _, run = served("gru")
    values = rows(2)
    outputs = ask(run, values, [2, 2], num_values=np.int32([-5, 99]))
    assert (
        outputs["warning"][0]
        .decode()
        .startswith(
            "`num_values` must be from 0 to 8. Received: -5; used: 0. `values` has no finite number"
        )
    )
    assert outputs["warning"][1] == b"`num_values` must be from 0 to 8. Received: 99; used: 8."
    np.testing.assert_allclose(
        outputs["forecast"][1], ask(run, values[1:], [2])["forecast"][0], rtol=1e-5
    )


@pytest.mark.parametrize(
    ("shape", "count"), [([2, 8], 2), ([8, 2], 1), ([2, 8, 3], 2), ([2, 8, 2], 1), ([2, 8, 2], 3)]
)
def test_a_wrong_shape_is_an_invalid_argument(served, shape, count):
    _, _, _, run = served("gru")
    with pytest.raises(LoaderError) as error:
        ask(run, np.zeros(shape), [1] * count)
    assert error.value.code == 3


def test_any_request_ends_in_an_answer_or_is_an_invalid_argument(served):
    _, _, signatures, run = served("gru")

    @settings(max_examples=80, suppress_health_check=list(HealthCheck))
    @given(st.data())
    def fuzz(data):
        check(run, data.draw(requests(signatures)))

    fuzz()


def test_the_directory_passes_inspection_and_its_card_tells_all(served):
    model, path, signatures, run = served("lstm")
    inspection = inspect_export(path)
    assert inspection.problems == ()
    assert path.name == "1"
    tensors = {
        name: {side: {k: (v["dtype"], v["shape"]) for k, v in s[side].items()} for side in s}
        for name, s in inspection.signatures.items()
    }
    outputs = {
        "forecast": ("float32", [None, CAP, 2]),
        "num_steps": ("int32", [None]),
        "warning": ("string", [None]),
    }
    plain = {"values": ("float32", [None, None, 2]), "horizon": ("int32", [None])}
    assert tensors == {
        "serving_default": {"inputs": plain, "outputs": outputs},
        "forecast": {"inputs": {**plain, "num_values": ("int32", [None])}, "outputs": outputs},
    }
    card = json.loads((path / "assets.extra" / "model_card.json").read_text())
    assert card["metadata"] == {"rmse": 0.5}
    assert card["columns"] == ["a", "b"]
    assert (card["mean"], card["scale"]) == (MEAN.tolist(), SCALE.tolist())
    assert card["settings"] == {"max_horizon": CAP, "max_batch_size": 5}
    assert Forecaster.from_config(card["model"]).count_params() == model.count_params()
    records = list(read_records(path / WARM_UP_FILE))
    sizes = [(name, len(inputs["horizon"])) for name, inputs in records]
    assert sorted(sizes) == [(n, s) for n in ("forecast", "serving_default") for s in (1, 5)]
    for name, inputs in records:
        assert set(inputs) == set(signatures[name]["inputs"])
        assert not any(run(name, **inputs)["warning"])


def test_refused_before_anything_is_written(tmp_path):
    model = Forecaster(2, lookback=3, units=2)
    with pytest.raises(ValueError, match="`columns` must be 2 names"):
        export_forecaster(model, tmp_path / "a", columns=["a"])
    with pytest.raises(tfseq.InputError, match="`max_horizon` must be an integer from 1 to"):
        ForecasterSettings(max_horizon=0)
    with pytest.raises(ValueError, match="`version` must be a positive integer"):
        export_forecaster(model, tmp_path / "a", version=0)
    with pytest.raises(ValueError, match="`keep_versions` must be a positive integer"):
        export_forecaster(model, tmp_path / "a", keep_versions=0)
    assert not (tmp_path / "a").exists()
