"""What could do harm is found wherever it hides in a graph."""

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.python.framework import op_def_registry

from tfseq.serving import inspect_export
from tfseq.serving.inspection.allowed_operations import ALLOWED_OPERATIONS


def test_the_allowlist_names_operations_and_none_that_leaves_the_process():
    for name in ALLOWED_OPERATIONS:
        assert op_def_registry.get(name) is not None, name
    known_effects = {
        *"ReadFile WriteFile MatchingFiles SaveV2 RestoreV2 MergeV2Checkpoints PyFunc".split(),
        *"EagerPyFunc PyFuncStateless XlaLaunch XlaCallModule Print PrintV2 Assert".split(),
        *"DebugIdentity DebugIdentityV2 TextLineDataset TFRecordDataset WholeFileReaderV2".split(),
        *"InitializeTableFromTextFileV2 LoadLibrary SendTPUEmbeddingGradients".split(),
    }
    assert not known_effects & ALLOWED_OPERATIONS


def save(function, path, **tracked):
    module = tf.Module()
    vars(module).update(tracked)
    for name, value in tracked.items():
        setattr(module, name, value)
    module.function = tf.function(function, input_signature=[tf.TensorSpec([None], name="x")])
    tf.saved_model.save(module, str(path), signatures={"serving_default": module.function})
    return path


def read_file(x):
    text = tf.io.read_file("/etc/hostname")
    return x + tf.cast(tf.strings.length(text), tf.float32)


def write_file(x):
    tf.io.write_file("/tmp/written", "by a model")
    return x


def match_files(x):
    return x + tf.cast(tf.size(tf.io.matching_files("/etc/*")), tf.float32)


def python(x):
    return tf.ensure_shape(tf.numpy_function(lambda v: v, [x], tf.float32), [None])


def restore(x):
    return (
        x
        + tf.raw_ops.RestoreV2(
            prefix="/secret", tensor_names=["a"], shape_and_slices=[""], dtypes=[tf.float32]
        )[0]
    )


def write_checkpoint(x):
    tf.raw_ops.SaveV2(prefix="/out", tensor_names=["a"], shape_and_slices=[""], tensors=[x])
    return x


def table_of_any_file(x):
    table = tf.raw_ops.HashTableV2(key_dtype=tf.int64, value_dtype=tf.string)
    tf.raw_ops.InitializeTableFromTextFileV2(
        table_handle=table, filename="/etc/passwd", key_index=-1, value_index=-2
    )
    found = tf.raw_ops.LookupTableFindV2(
        table_handle=table, keys=tf.cast(x, tf.int64), default_value=""
    )
    return tf.cast(tf.strings.length(found), tf.float32)


def other_file_readers(x):
    dataset = tf.data.TextLineDataset("/etc/passwd")
    return x + tf.cast(dataset.reduce(np.int64(0), lambda n, _: n + 1), tf.float32)


def debugger(x):
    return tf.raw_ops.DebugIdentityV2(input=x, debug_urls=["grpc://elsewhere:1"])


def printing(x):
    tf.print(x)
    return x


NOT_ALLOWED = "it is not among the allowed operations"
HARMFUL = {
    "ReadFile": (read_file, NOT_ALLOWED),
    "WriteFile": (write_file, NOT_ALLOWED),
    "MatchingFiles": (match_files, NOT_ALLOWED),
    "PyFunc": (python, NOT_ALLOWED),
    "RestoreV2": (restore, "it reads a file outside the saver"),
    "SaveV2": (write_checkpoint, "it writes a file outside the saver"),
    "InitializeTableFromTextFileV2": (table_of_any_file, "it reads a file that is no asset"),
    "TextLineDataset": (other_file_readers, NOT_ALLOWED),
    "DebugIdentityV2": (debugger, NOT_ALLOWED),
    "PrintV2": (printing, NOT_ALLOWED),
}


@pytest.mark.parametrize("operation", HARMFUL)
@pytest.mark.parametrize("hidden", [False, True], ids=["plain", "in a branch of a loop"])
def test_a_harmful_operation_is_found_wherever_it_is(operation, hidden, tmp_path):
    function, reason = HARMFUL[operation]

    def branch(x):
        return tf.cond(tf.reduce_any(x > 1e9), lambda: function(x), lambda: x)

    def loop(x):
        return tf.while_loop(
            lambda x: tf.reduce_any(x < 0),
            lambda x: [tf.ensure_shape(branch(x), [None])],
            [x],
            shape_invariants=[tf.TensorShape([None])],
        )[0]

    save(lambda x: {"y": loop(x) if hidden else function(x)}, tmp_path)
    problems = [p for p in inspect_export(tmp_path).problems if operation in p]
    assert problems
    assert all(problem.endswith(f": {reason}.") for problem in problems)


def test_a_graph_that_demands_xla(tmp_path):
    compiled = tf.function(lambda x: x * 2, jit_compile=True)
    save(lambda x: {"y": compiled(x)}, tmp_path)
    assert any("must be compiled by XLA" in p for p in inspect_export(tmp_path).problems)
