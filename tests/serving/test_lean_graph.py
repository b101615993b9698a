"""A graph made lean answers as it did, and has less in it."""

import numpy as np
import pytest
import tensorflow as tf

from tfseq.serving.lean_graph import make_lean
from tfseq.serving.loader.loader_process import LoaderProcess
from tfseq.serving.saved_model_file import read_saved_model

VALUES = np.array([[1.5, -2.0], [0.25, 3.0], [8.0, -0.5]], np.float32)


class Small(tf.Module):
    """A loop, a choice, a variable, a table's worth of repetition, and random numbers."""

    def __init__(self):
        super().__init__()
        self.weight = tf.Variable([[1.0, 2.0], [3.0, 4.0]])

    @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.float32, "values")], autograph=False)
    def computed(self, values):
        tf.exp(values)  # Nothing needs it.
        sums = [tf.reduce_sum(values * 2.0, axis=1) for _ in range(5)]
        weight = self.weight.read_value()
        looped = tf.while_loop(
            lambda i, _: i < 3, lambda i, x: (i + 1, x @ weight + x @ weight), (0, values)
        )[1]
        chosen = tf.cond(tf.reduce_sum(values) > 0, lambda: looped + 1.0, lambda: looped - 1.0)
        return {"sums": tf.add_n(sums), "chosen": chosen}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.int32, "count")], autograph=False)
    def drawn(self, count):
        size = tf.size(count)
        return {"first": tf.random.uniform([size]), "second": tf.random.uniform([size])}


@pytest.fixture(scope="module")
def directories(tmp_path_factory):
    """The same module as TensorFlow saves it, and made lean."""
    paths = [str(tmp_path_factory.mktemp(name)) for name in ("plain", "lean")]
    for path in paths:
        module = Small()
        signatures = {"computed": module.computed, "drawn": module.drawn}
        tf.saved_model.save(module, path, signatures=signatures)
    make_lean(paths[1])
    return paths


def functions(directory):
    (meta_graph,) = read_saved_model(directory).meta_graphs
    return {function.signature.name: function for function in meta_graph.graph_def.library.function}


def operations(directory):
    return [node.op for function in functions(directory).values() for node in function.node_def]


def test_the_answers_are_the_same_bits(directories):
    weight = Small().weight.numpy()
    looped = VALUES
    for _ in range(3):
        looped = 2 * looped @ weight
    with LoaderProcess() as loader:
        for directory in directories:
            loader.load(directory)
        plain, lean = (loader.run(path, "computed", values=VALUES) for path in directories)
        negative = [loader.run(path, "computed", values=-VALUES) for path in directories]
    for name in ("sums", "chosen"):
        np.testing.assert_array_equal(lean[name], plain[name])
        np.testing.assert_array_equal(negative[0][name], negative[1][name])
    np.testing.assert_allclose(lean["sums"], 10 * VALUES.sum(axis=1), rtol=1e-6)
    np.testing.assert_allclose(lean["chosen"], looped + 1, rtol=1e-5)
    np.testing.assert_allclose(negative[1]["chosen"], -looped - 1, rtol=1e-5)


def test_python_loads_it_too(directories):
    computed = tf.saved_model.load(directories[1]).signatures["computed"]
    sums = computed(values=tf.constant(VALUES))["sums"]
    np.testing.assert_allclose(sums, 10 * VALUES.sum(axis=1), rtol=1e-6)


def test_random_numbers_that_look_alike_stay_two(directories):
    with LoaderProcess() as loader:
        loader.load(directories[1])
        drawn = loader.run(directories[1], "drawn", count=np.arange(8, dtype=np.int32))
    assert not np.array_equal(drawn["first"], drawn["second"])


def test_what_nothing_needs_and_what_repeats_is_gone(directories):
    plain, lean = map(operations, directories)
    assert plain.count("Exp") == 1
    assert lean.count("Exp") == 0
    assert (plain.count("Sum"), lean.count("Sum")) == (6, 2)
    assert (plain.count("MatMul"), lean.count("MatMul")) == (2, 1)
    assert lean.count("RandomUniform") == plain.count("RandomUniform") == 2
    assert len(lean) < 0.8 * len(plain)


def test_nothing_is_left_to_rewrite(directories):
    """A server neither rewrites functions nor copies a signature's into the main graph."""
    (meta_graph,) = read_saved_model(directories[1]).meta_graphs
    nodes = {node.name: node for node in meta_graph.graph_def.node}
    for signature in meta_graph.signature_def.values():
        for output in signature.outputs.values():
            call = nodes[output.name.partition(":")[0]]
            if call.op == "NoOp":  # A signature of TensorFlow's own, which does nothing.
                continue
            assert functions(directories[1])[call.attr["f"].func.name].attr["_noinline"].b
            config = tf.compat.v1.ConfigProto.FromString(call.attr["config_proto"].s)
            assert config.graph_options.rewrite_options.disable_meta_optimizer
    for function in functions(directories[1]).values():
        assert function.attr["_tf_data_function"].b
        assert not any("_output_shapes" in node.attr for node in function.node_def)


def test_the_fingerprint_is_of_the_new_file(directories):
    before, after = map(tf.saved_model.experimental.read_fingerprint, directories)
    assert before.saved_model_checksum != after.saved_model_checksum
    assert before.signature_def_hash == after.signature_def_hash


def test_again_changes_nothing(directories):
    before = read_saved_model(directories[1]).SerializeToString(deterministic=True)
    make_lean(directories[1])
    assert read_saved_model(directories[1]).SerializeToString(deterministic=True) == before
