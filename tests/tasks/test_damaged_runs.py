"""What `tfseq.load` says of a run whose files do not fit, and of faults in a person's own code."""

import json

import h5py
import numpy as np
import pytest

import tfseq


def change_json(path, **changes):
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


@pytest.mark.parametrize("kind", ["tagging"])
@pytest.mark.parametrize(
    ("code", "error", "message"),
    [
        ("raise ValueError('a fault of mine')", ValueError, "a fault of mine"),
        ("def MyCell(units): return 3", Exception, "(?i)cell"),
        ("def OtherCell(units): return 3", tfseq.InputError, "has no MyCell"),
    ],
)
def test_a_fault_in_code_is_not_laid_to_the_data(
    copied, tmp_path, monkeypatch, code, error, message
):
    name = f"odd_cells_{len(code)}"
    (tmp_path / f"{name}.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    change_json(copied / "config.json", cell=f"{name}:MyCell")
    with pytest.raises(error, match=message) as caught:
        tfseq.load(copied)
    assert "damaged" not in str(caught.value)


@pytest.mark.parametrize("kind", ["tagging"])
def test_an_option_that_breaks_its_rule_is_named(copied):
    change_json(copied / "config.json", units=-1, epochs=0)
    with pytest.raises(tfseq.InputError, match=r"config\.json: `epochs` must(.|\n)*`units` must"):
        tfseq.load(copied)


@pytest.mark.parametrize("kind", ["text_classification"])
@pytest.mark.parametrize("content", ["5", "{}", '"ab"', "[1, 2, 3]", "null", "[[]]"])
def test_labels_of_the_wrong_kind(copied, content):
    (copied / "labels.json").write_text(content)
    with pytest.raises(tfseq.InputError, match=r"run is damaged: its labels\.json cannot be read"):
        tfseq.load(copied)


@pytest.mark.parametrize("kind", ["text_classification"])
def test_too_few_labels_for_the_weights(copied):
    (copied / "labels.json").write_text('["one"]')
    with pytest.raises(tfseq.InputError, match="weights are damaged, or do not fit its other file"):
        tfseq.load(copied)


@pytest.mark.parametrize("kind", ["forecasting"])
@pytest.mark.parametrize(
    "changes",
    [
        {"columns": 3},
        {"columns": []},
        {"columns": ["up", 3]},
        {"season": "8"},
        {"mase_scale": 1.0},
        {"mase_scale": [1.0]},
        {"mase_scale": ["a", "b"]},
    ],
)
def test_a_series_file_of_the_wrong_kind(copied, changes):
    change_json(copied / "series.json", **changes)
    with pytest.raises(tfseq.InputError, match=r"run is damaged: its series\.json cannot be read"):
        tfseq.load(copied)


@pytest.mark.parametrize("kind", ["forecasting"])
@pytest.mark.parametrize("content", ["[]", "3", "null", "{"])
def test_metrics_of_the_wrong_kind(copied, content):
    (copied / "metrics.json").write_text(content)
    with pytest.raises(tfseq.InputError, match=r"is damaged: its metrics\.json cannot be read"):
        _ = tfseq.load(copied).metrics


@pytest.mark.everyday(2)
def test_damage_anywhere_in_the_weights_is_noticed(copied):
    path = copied / "model.weights.h5"
    content = path.read_bytes()
    for place in range(0, len(content) - 60, len(content) // 20):
        damaged = bytearray(content)
        damaged[place : place + 300] = bytes(byte ^ 1 for byte in damaged[place : place + 300])
        path.write_bytes(damaged)
        with pytest.raises(tfseq.InputError, match="its weights are damaged, or do not fit"):
            tfseq.load(copied)
    path.write_bytes(content)
    tfseq.load(copied)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["forecasting"])
def test_weights_that_keras_has_written_need_no_digest(copied, trained):
    """Nor does the digest hinder HDF5: Keras reads the file, and other programs may change it."""
    model = trained(kind="forecasting").model
    expected = model.get_weights()
    fresh = tfseq.load(copied).model
    fresh.set_weights([0 * weight for weight in expected])
    fresh.load_weights(copied / "model.weights.h5")
    np.testing.assert_array_equal(fresh.get_weights()[2], expected[2])
    model.save_weights(copied / "model.weights.h5")
    np.testing.assert_array_equal(tfseq.load(copied).model.get_weights()[2], expected[2])
    with h5py.File(copied / "model.weights.h5", "r+") as file:
        file["vars/0"][...] = 7
    assert tfseq.load(copied).model.get_weights()[0].tolist() == [7, 7]
