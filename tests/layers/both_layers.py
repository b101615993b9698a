"""A cell run through `keras.layers.RNN` and through `tfseq.RNN`, and what differs.

Each layer has a cell of its own, made from the same seeds, so that nothing that the one leaves on
its cell is met by the other. What is compared: the outputs, the final states, the gradients of one
loss for the inputs, the initial states and every weight, the variables afterwards, and the outputs
of a second, eager call, which meets whatever the first call has left behind.
"""

import contextlib
import re
from dataclasses import dataclass, field

import keras
import numpy as np
import tensorflow as tf
from published_cells.case import Case

from tfseq.layers import RNN, portable_loops

SEED = 20
# A tensor's differences are measured by its own largest value, but not by one that is smaller than
# this part of the largest of its kind: a sum that ought to be zero holds nothing but rounding.
_NEGLIGIBLE = 1e-3


@dataclass(frozen=True)
class Setting:
    """How a layer is run.

    Attributes:
        loop: "eager"; "graph", in a `tf.function` with nothing compiled; "compiled", in training
            with all sizes known, where XLA compiles what it can; or "fit", a step of SGD.
        batch, steps: the sizes.
        static: whether the sizes are known when a graph is traced.
        mask: "none"; "right", rows of different lengths; or "holes".
        go_backwards, return_sequences, zero_output_for_mask: as for the layer.
        training: handed to the layer; `fit` always trains.
        gradients: whether gradients are taken; without, nothing but the results is compared.
        given: whether initial states are given, and differentiated for, or made by the cell.
        built: what builds the layer: "build", or its "first call". `fit` has a functional model
            then, else one that is a subclass.
    """

    loop: str = "compiled"
    batch: int = 7
    steps: int = 3
    static: bool = True
    mask: str = "none"
    go_backwards: bool = False
    return_sequences: bool = True
    zero_output_for_mask: bool = False
    training: bool = True
    gradients: bool = True
    given: bool = True
    built: str = "build"

    def __str__(self):
        words = [self.loop, f"{self.batch}×{self.steps}", f"mask {self.mask}"]
        words += ["static" if self.static else "dynamic"]
        words += ["training" if self.training else "inference"]
        words += [] if self.gradients else ["no gradients"]
        words += [n for n in ("go_backwards", "zero_output_for_mask") if getattr(self, n)]
        words += ["sequences" if self.return_sequences else "last output"]
        words += ["states given" if self.given else "states made", f"built by {self.built}"]
        return ", ".join(words)


@dataclass
class Comparison:
    """What came of a cell in one setting.

    Attributes:
        case, setting: what was run.
        loop: `last_loop` of `tfseq.RNN`.
        differences: by name of the value, its difference relative to the largest of Keras'.
        refusals: the messages of the layers that raised, by "keras" and "tfseq".
    """

    case: Case
    setting: Setting
    loop: str | None = None
    differences: dict = field(default_factory=dict)
    refusals: dict = field(default_factory=dict)

    @property
    def worst(self) -> float:
        return max(self.differences.values(), default=0.0)

    @property
    def same(self) -> bool:
        """Whether `tfseq.RNN` gives what Keras gives; where Keras refuses, anything will do."""
        if self.refusals:
            return "keras" in self.refusals
        return self.worst <= self.case.tolerance

    def __str__(self):
        if self.refusals:
            return "; ".join(f"{who} refuses: {why}" for who, why in self.refusals.items())
        name = max(self.differences, key=self.differences.get)
        return f"{self.worst:.1e} in {name}, {self.loop}"


def compare(case: Case, setting: Setting) -> Comparison:
    """Runs the cell of `case` through both layers in `setting`."""
    comparison = Comparison(case, setting)
    found = {}
    for who, layer_type in (("keras", keras.layers.RNN), ("tfseq", RNN)):
        runner = _Runner(case, setting, layer_type)
        try:
            found[who] = runner.run()
        except Exception as error:
            comparison.refusals[who] = _in_one_line(error)
        comparison.loop = runner.loop
    if not comparison.refusals:
        comparison.differences = differences(found["tfseq"], found["keras"])
        error = found["tfseq"].get(("afterwards", ""))
        if error is not None and ("afterwards", "") not in found["keras"]:
            comparison.refusals["tfseq, called again,"] = _in_one_line(error)
    return comparison


def differences(found: dict, expected: dict) -> dict:
    """By name: the largest difference, relative to the largest of the expected values.

    A value that only one of the two has, and another shape or dtype, differ by infinity.
    """
    refused = ("afterwards", "")
    if refused in expected:
        # Keras' own layer cannot be called again; what ours does then is not compared.
        found = {key: value for key, value in found.items() if key[0] != "afterwards"}
        expected = {key: value for key, value in expected.items() if key != refused}
    largest = {}
    for (kind, _), value in expected.items():
        largest[kind] = max(largest.get(kind, 0.0), _magnitude(value))
    result = {}
    for key in found.keys() | expected.keys():
        a, b = found.get(key), expected.get(key)
        result[f"{key[0]} {key[1]}"] = _difference(a, b, _NEGLIGIBLE * largest.get(key[0], 0.0))
    return result


def _magnitude(value):
    if value is None or not value.size:
        return 0.0
    size = np.abs(value.astype(np.complex128))
    return float(np.max(size[np.isfinite(size)], initial=0.0))


def _difference(a, b, least):
    if not isinstance(a, np.ndarray) or not isinstance(b, np.ndarray):
        return 0.0 if a is None and b is None else np.inf
    if a.shape != b.shape or a.dtype != b.dtype:
        return np.inf
    a, b = a.astype(np.complex128), b.astype(np.complex128)
    same = (a == b) | (np.isnan(a) & np.isnan(b))
    if same.all():
        return 0.0
    distance = float(np.max(np.abs(a - b)[~same]))
    scale = max(_magnitude(b), least)
    return distance / scale if np.isfinite(distance) and scale else np.inf


def _in_one_line(error):
    """What an error says, without what Keras adds before and behind."""
    text = re.sub(r"\x1b\[\d+m", "", str(error)).split("Arguments received by")[0]
    text = re.sub(r"Exception encountered when calling [\w.]+\(\)\.", "", text)
    return f"{type(error).__name__}: {' '.join(text.split())}"[:300]


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
        sources = {"x": x}
        sources |= {f"state {i}": s for i, s in enumerate(_flat(states))}
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
