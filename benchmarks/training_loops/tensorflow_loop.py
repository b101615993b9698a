"""The contenders of `training.py` that run in TensorFlow: tfseq's trainer, and a model of Keras."""

import itertools
from collections.abc import Iterator

from training_loops.child import CLIP_NORM, DROPOUT, LEARNING_RATE, Loop, serve, text, windows


def build(loop: Loop, whose: str, **settings) -> Iterator[float]:
    return {"tfseq": build_tfseq, "keras": build_keras}[whose](loop, **settings)


def build_tfseq(
    loop: Loop,
    root: str,
    dropout: float = DROPOUT,
    options: dict | None = None,
    save: str | None = None,
) -> Iterator[float]:
    """The losses of a `Trainer` on the objective of `train_language_model.py`.

    Args:
        loop: what to train.
        root: the checkout that `tfseq` is to come from.
        dropout: the rate.
        options: more options of the run, by name.
        save: where initial weights, and the text that is read first, are written to.
    """
    import tfseq

    if not tfseq.__file__.startswith(root):
        raise RuntimeError(f"tfseq is not from {root} but {tfseq.__file__}")
    tfseq.keep_freed_memory()
    import keras
    import numpy as np

    from tfseq.runs.trainer import Trainer
    from tfseq.tasks.language_model.model_building import build_model
    from tfseq.tasks.language_model.options import LanguageModelOptions
    from tfseq.tasks.language_model.training import language_model_objective, schedule_steps

    keras.utils.set_random_seed(0)
    ids = text(loop)
    values = {
        "cell": "training_loops.own_cell:own_cell" if loop.cell == "own" else loop.cell,
        "batch_size": loop.batch,
        "num_steps": loop.steps,
        "units": loop.units,
        "embedding_size": loop.embedding,
        "dropout": dropout,
        "learning_rate": LEARNING_RATE,
        "epochs": 10**6,
        "patience": 0,
        **(options or {}),
    }
    # What a preset would add, the other libraries do not do. A checkout of before has no presets.
    complete = getattr(LanguageModelOptions, "completed", dict)
    options = LanguageModelOptions(**complete(values)).with_defaults_filled()
    model = build_model(options, loop.vocabulary)
    objective = language_model_objective(model, options, ids, ids[:0])
    trainer = Trainer(objective, options, schedule_steps(options, len(ids)))
    if save:
        batches = list(itertools.islice(objective.batches(0, 0), 3))
        rows = np.concatenate([inputs for inputs, _ in batches] + [batches[-1][1][:, -1:]], axis=1)
        cell = model.stack.rnns[0].cell
        np.savez(
            save,
            rows=rows,
            embedding=model.embedding.embeddings,
            kernel=cell.kernel,
            recurrent_kernel=cell.recurrent_kernel,
            bias=cell.bias,
            output_kernel=model.output_kernel,
            output_bias=model.output_bias,
        )

    def losses():
        while True:
            for metrics in trainer.train_epoch():
                yield metrics["loss"]

    return losses()


def build_keras(
    loop: Loop, tuned: bool = False, dropout: float = DROPOUT, load: str | None = None
) -> Iterator[float]:
    """A model of `keras.layers` in a step of one's own, which XLA compiles as a whole if `tuned`.

    Args:
        loop: what to train.
        tuned: compile.
        dropout: the rate.
        load: a file of initial weights and text, as `build_tfseq` has saved it.
    """
    import keras
    import numpy as np
    import tensorflow as tf

    keras.utils.set_random_seed(0)
    layer_types = {
        "rnn": keras.layers.SimpleRNN,
        "gru": keras.layers.GRU,
        "lstm": keras.layers.LSTM,
    }
    layer = layer_types[loop.cell](loop.units, return_sequences=True, return_state=True)
    ids = keras.Input((loop.steps,), loop.batch, dtype="int32")
    before = [keras.Input((loop.units,), loop.batch) for _ in range(1 + (loop.cell == "lstm"))]
    scale = keras.initializers.RandomNormal(stddev=1.0)
    x = keras.layers.Embedding(loop.vocabulary, loop.embedding, scale)(ids)
    x = keras.layers.Dropout(dropout)(x)
    x, *after = layer(x, initial_state=before)
    x = keras.layers.Dropout(dropout)(x)
    logits = keras.layers.Dense(loop.vocabulary)(x)
    model = keras.Model([ids, *before], [logits, *after])
    rows = None
    if load:
        saved = np.load(load)
        rows = saved["rows"]
        names = ("embedding", "kernel", "recurrent_kernel", "bias", "output_kernel", "output_bias")
        model.set_weights([saved[name] for name in names])
    optimizer = keras.optimizers.Adam(LEARNING_RATE)
    optimizer.build(model.trainable_variables)

    @tf.function(jit_compile=tuned, autograph=False)
    def step(inputs, targets, states):
        with tf.GradientTape() as tape:
            logits, *after = model([inputs, *states], training=True)
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(targets, logits)
            loss = tf.reduce_mean(losses)
        gradients = tape.gradient(loss, model.trainable_variables)
        gradients, norm = tf.clip_by_global_norm(gradients, CLIP_NORM)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
        return loss, norm, after

    def losses():
        zeros = [tf.zeros([loop.batch, loop.units]) for _ in before]
        for begins, inputs, targets in windows(loop, rows):
            states = zeros if begins else states  # noqa: F821
            loss, norm, states = step(tf.constant(inputs), tf.constant(targets), states)
            float(norm)
            yield float(loss)

    return losses()


if __name__ == "__main__":
    serve(build)
