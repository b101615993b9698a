"""A cell run through `keras.layers.RNN` and through `tfseq.RNN`, and what differs.

Each layer has a cell of its own, made from the same seeds, so that nothing that the one leaves on
its cell is met by the other. What is compared: the outputs, the final states, the gradients of one
loss for the inputs, the initial states and every weight, the variables afterwards, and the outputs
of a second, eager call, which meets whatever the first call has left behind.
"""

import contextlib

import keras
import numpy as np
import tensorflow as tf
from cell_settings import Setting
from comparison import Comparison, differences, in_one_line
from published_cells.case import Case

from tfseq.layers import RNN, portable_loops

SEED = 20


def compare(case: Case, setting: Setting, layer_type=RNN) -> Comparison:
    """Runs the cell of `case` through `keras.layers.RNN` and `layer_type` in `setting`."""
    comparison = Comparison(case, setting)
    found = {}
    for who, runs in (("keras", keras.layers.RNN), ("tfseq", layer_type)):
        runner = _Runner(case, setting, runs)
        try:
            found[who] = runner.run()
        except Exception as error:
            comparison.refusals[who] = in_one_line(error)
        comparison.loop = runner.loop
    if not comparison.refusals:
        comparison.differences = differences(found["tfseq"], found["keras"])
        error = found["tfseq"].get(("afterwards", ""))
        if error is not None and ("afterwards", "") not in found["keras"]:
            comparison.refusals["tfseq, called again,"] = in_one_line(error)
    return comparison


class _Runner:
    """One layer with a cell of its own, run in one setting."""

    def __init__(self, case, setting, layer_type):
        self.case, self.setting = case, setting
        self.random = np.random.default_rng(SEED)
        keras.utils.set_random_seed(SEED)
        shape = (setting.batch, setting.steps, *case.features)
        draw = case.inputs or (lambda random, shape: random.normal(size=shape).astype("float32"))
        self.x = tf.constant(draw(self.random, shape))
        self.mask = self._mask()
        self.layer = self.loop = None
        self.layer_type = layer_type

    def run(self) -> dict:
        s = self.setting
        self.layer = self.layer_type(
            self.case.make(),
            return_sequences=s.return_sequences,
            return_state=s.loop != "fit",
            go_backwards=s.go_backwards,
            zero_output_for_mask=s.zero_output_for_mask,
            **(self.case.layer or {}),
        )
        if s.built == "build":
            self.layer.build(tuple(self.x.shape))
        self._surround()
        run = {"eager": self._eager, "fit": self._fit}.get(s.loop, self._traced)
        with portable_loops() if s.loop == "graph" else contextlib.nullcontext():
            found = run()
        self.loop = getattr(self.layer, "last_loop", None)
        return found | self._afterwards()

    def _afterwards(self):
        """What the layer puts out when it is called eagerly, after all that."""
        try:
            self._surround()
            x, mask = (None if t is None else t[:, :2] for t in (self.x, self.mask))
            outputs = self.layer(x, mask=mask, training=False)
        except Exception as error:
            return {("afterwards", ""): error}
        return {("afterwards", i): np.asarray(t) for i, t in enumerate(_flat(outputs))}

    def _mask(self):
        s = self.setting
        if s.mask == "none":
            return None
        if s.mask == "right":
            lengths = self.random.integers(0, s.steps + 1, [s.batch])
            return tf.constant(np.arange(s.steps) < lengths[:, None])
        return tf.constant(self.random.random([s.batch, s.steps]) > 0.4)

    def _surround(self):
        if self.case.surroundings is not None:
            self.case.surroundings(self.layer.cell, self.setting.batch)

    def _initial_states(self):
        states = self.layer.get_initial_state(self.setting.batch)
        return tf.nest.map_structure(self._with_noise, states)

    def _with_noise(self, state):
        state = tf.convert_to_tensor(state)
        if not self.case.noisy_states or not _is_differentiable(state):
            return state
        return state + tf.cast(0.3 * self.random.normal(size=state.shape), state.dtype)

    def _disturb_weights(self):
        """Moves the weights from where initializers put them: no bias is zero, no scale one."""
        for variable in self.layer.trainable_variables:
            noise = 0.1 * self.random.normal(size=variable.shape)
            if self.case.noisy_weights:
                variable.assign(variable + keras.ops.cast(noise, variable.dtype))

    def _eager(self):
        self.layer(self.x[:, :1])
        self._disturb_weights()
        states = self._initial_states() if self.setting.given else None
        return self._named(*self._differentiated(self.x, self.mask, states))

    def _traced(self):
        s = self.setting
        run = tf.function(self._differentiated, autograph=False)
        states = self._initial_states() if s.given else None
        arguments = (self.x, self.mask, states)
        if s.static:
            concrete = run.get_concrete_function(*arguments)
        else:
            concrete = run.get_concrete_function(*map(self._specified, arguments))
        self._disturb_weights()
        return self._named(*(run if s.static else concrete)(*arguments))

    def _specified(self, argument):
        """`argument` without its batch size and, but for the states, its number of steps."""
        sizes = [self.setting.batch]
        if not isinstance(argument, list):
            sizes.append(self.setting.steps)

        def specified(tensor):
            pairs = zip(tensor.shape, sizes, strict=False)
            shape = [None if n == size else n for n, size in pairs]
            return tf.TensorSpec([*shape, *tensor.shape[len(shape) :]], tensor.dtype)

        return tf.nest.map_structure(specified, argument) if argument is not None else None

    def _differentiated(self, x, mask, states):
        """The results, and by name the gradients of one loss for all that they depend on."""
        self._surround()
        sources = {"x": x}
        sources |= {f"state {i}": s for i, s in enumerate(_flat(states))}
        outside = getattr(self.layer.cell, "outside", [])
        sources |= {f"outside {i}": t for i, t in enumerate(outside)}
        sources = {name: t for name, t in sources.items() if _is_differentiable(t)}
        with tf.GradientTape() as tape:
            tape.watch(list(sources.values()))
            results = self.layer(x, initial_state=states, mask=mask, training=self.setting.training)
            loss = objective(_flat(results))
        if not self.setting.gradients:
            return results, {}
        weights = enumerate(self.layer.trainable_variables)
        sources |= {f"weight {i} {v.name}": v.value for i, v in weights}
        gradients = tape.gradient(loss, sources)
        # As tensors: an embedding's are slices.
        return results, {
            name: None if g is None else tf.convert_to_tensor(g) for name, g in gradients.items()
        }

    def _named(self, results, gradients):
        found = {("result", i): np.asarray(t) for i, t in enumerate(_flat(results))}
        found |= {
            ("gradient of", name): None if g is None else np.asarray(g)
            for name, g in gradients.items()
        }
        return found | self._variables("variable")

    def _variables(self, kind):
        return {
            (kind, f"{i} {v.name}"): np.asarray(keras.ops.convert_to_numpy(v))
            for i, v in enumerate(self.layer.variables)
        }

    def _fit(self):
        s = self.setting
        data = [self.x] if self.mask is None else [self.x, self.mask]
        if s.built == "build":
            model = Sequence(self.layer)
        else:
            inputs = [keras.Input(batch_shape=t.shape, dtype=t.dtype.name) for t in data]
            y = self.layer(inputs[0], mask=None if self.mask is None else inputs[1])
            model = keras.Model(inputs, y)
        model.compile(
            keras.optimizers.SGD(1.0), lambda _, y: objective([y]) / s.batch, jit_compile=False
        )
        self._disturb_weights()
        before = {id(v): keras.ops.convert_to_numpy(v) for v in self.layer.variables}
        target = tf.zeros([s.batch, 1])
        history = model.fit(data, target, batch_size=s.batch, verbose=0, shuffle=False)
        found = {("result", "loss"): np.array(history.history["loss"])}
        for i, v in enumerate(self.layer.variables):
            after = keras.ops.convert_to_numpy(v)
            # What the first step of training has built has no value before.
            changed = after - before.get(id(v), 0) if after.dtype != bool else after
            found["update of", f"{i} {v.name}"] = np.asarray(changed)
        return found


class Sequence(keras.Model):
    """A model of one layer, whose second input is a mask."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def call(self, inputs, training=None):
        x, mask = inputs if len(inputs) == 2 else (inputs[0], None)
        return self.layer(x, mask=mask, training=training)


def _is_differentiable(tensor):
    return tensor.dtype.is_floating or tensor.dtype.is_complex


def objective(results):
    """A number, above zero, that depends on every entry of `results` in its own way."""
    total = 0.0
    for i, result in enumerate(results):
        if result.dtype.is_complex:
            result = tf.math.real(result) + 2 * tf.math.imag(result)
        if not result.dtype.is_floating:
            continue
        value = tf.reshape(tf.cast(result, tf.float64), [-1])
        weights = 1.5 + tf.cos(tf.cast(7 * tf.range(tf.size(value)) + i, tf.float64))
        total += tf.reduce_sum(weights * (1.0 + tf.sin(value)))
    return tf.cast(total, tf.float32)


def _flat(nested):
    return [tf.convert_to_tensor(t) for t in tf.nest.flatten(nested) if t is not None]
