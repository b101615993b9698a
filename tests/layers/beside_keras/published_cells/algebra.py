"""Cells that decompose, invert and exponentiate matrices, or compute with complex numbers."""

import tensorflow as tf
from keras import ops

from published_cells.case import UNITS, Case
from published_cells.cell import Cell, JoinedCell


class _TransitionCell(Cell):
    """h' = tanh(x V + h A(W)), with A as a subclass has it."""

    def build(self, input_shape):
        self.kernel = self.weight("kernel", input_shape[-1], UNITS)
        self.mixing = self.weight("mixing", UNITS, UNITS, initializer="orthogonal")

    def call(self, inputs, states):
        h = tf.tanh(inputs @ self.kernel + states[0] @ self.transition(states[0]))
        return h, [h]

    def skew(self):
        w = tf.convert_to_tensor(self.mixing)
        return w - tf.transpose(w)


class ExponentialCell(_TransitionCell):
    """An orthogonal transition, exp(W − Wᵀ)."""

    def transition(self, _):
        return tf.linalg.expm(self.skew())


class CayleyCell(_TransitionCell):
    """An orthogonal transition, (I + A)⁻¹ (I − A)."""

    def transition(self, _):
        return tf.linalg.solve(tf.eye(UNITS) + self.skew(), tf.eye(UNITS) - self.skew())


class QRCell(_TransitionCell):
    """The orthogonal factor of W, moved a little by the state."""

    def transition(self, h):
        q, r = tf.linalg.qr(self.mixing + 0.1 * tf.reduce_mean(h))
        return q * tf.sign(tf.linalg.diag_part(r))


class SVDCell(_TransitionCell):
    """W with its singular values squashed."""

    def transition(self, _):
        scales = tf.linalg.diag(tf.range(1.0, UNITS + 1))
        s, u, v = tf.linalg.svd(self.mixing + scales)
        return tf.matmul(u * tf.tanh(s), v, transpose_b=True)


class CholeskyCell(JoinedCell):
    """Whitens the state of each row by a covariance that is carried along."""

    state_size = (UNITS, (UNITS, UNITS))

    def get_initial_state(self, batch_size=None):
        return [ops.zeros((batch_size, UNITS)), ops.tile(ops.eye(UNITS)[None], (batch_size, 1, 1))]

    def call(self, inputs, states):
        h, covariance = states
        (a,) = self.blocks_of(inputs, h)
        covariance = 0.8 * covariance + 0.2 * (a[:, :, None] * a[:, None] + 0.5 * tf.eye(UNITS))
        factor = tf.linalg.cholesky(covariance)
        h = tf.tanh(tf.linalg.triangular_solve(factor, a[:, :, None])[..., 0])
        return h, [h, covariance]


class HouseholderCell(Cell):
    """An orthogonal transition as a product of reflections, of the input's choosing."""

    def build(self, input_shape):
        self.kernel = self.weight("kernel", input_shape[-1], UNITS)
        self.mirrors = [self.weight(f"mirror_{i}", input_shape[-1], UNITS) for i in range(2)]

    def call(self, inputs, states):
        (h,) = states
        for mirror in self.mirrors:
            v = tf.math.l2_normalize(inputs @ mirror + 0.1, axis=-1)
            h = h - 2 * tf.reduce_sum(v * h, -1, keepdims=True) * v
        h = h + tf.tanh(inputs @ self.kernel)
        return h, [h]


class UnitaryCell(Cell):
    """uRNN: phases, a Fourier transform, a reflection and modReLU; Re and Im in one state."""

    state_size = 2 * UNITS
    output_size = 2 * UNITS

    def build(self, input_shape):
        self.kernel = self.weight("kernel", input_shape[-1], 2 * UNITS)
        self.phases = self.weight("phases", 2, UNITS, initializer="uniform")
        self.mirror = self.weight("mirror", 2, UNITS)
        self.bias = self.weight("bias", UNITS, initializer="zeros")

    def call(self, inputs, states):
        z = tf.complex(*tf.split(states[0], 2, axis=-1))
        turns = tf.exp(tf.complex(tf.zeros_like(self.phases), self.phases))
        z = tf.signal.fft(z * turns[0])
        v = tf.complex(*tf.unstack(tf.convert_to_tensor(self.mirror)))[None]
        square = tf.cast(tf.reduce_sum(tf.abs(v) ** 2), z.dtype)
        z = z - 2 * tf.reduce_sum(z * tf.math.conj(v), -1, keepdims=True) * v / square
        z = tf.signal.ifft(z) * turns[1]
        z = z + tf.complex(*tf.split(inputs @ self.kernel, 2, axis=-1))
        size = tf.abs(z) + 1e-5
        z = z * tf.cast(tf.nn.relu(size + self.bias) / size, z.dtype)
        h = tf.concat([tf.math.real(z), tf.math.imag(z)], -1)
        return h, [h]


class DiagonalStateCell(Cell):
    """S4D: a diagonal complex state, kept as real and imaginary part, and y = Re(C s) + D x."""

    state_size = (UNITS, UNITS)

    def build(self, input_shape):
        self.decay = self.weight("decay", UNITS, initializer="zeros")
        self.frequency = self.weight("frequency", UNITS, initializer="uniform")
        self.b = self.weight("b", input_shape[-1], UNITS)
        self.c = self.weight("c", 2, UNITS, UNITS)
        self.d = self.weight("d", input_shape[-1], UNITS)

    def call(self, inputs, states):
        s = tf.complex(*states)
        a = tf.exp(tf.complex(-tf.exp(self.decay), 3.0 * self.frequency))
        s = a * s + tf.cast(inputs @ self.b, tf.complex64)
        y = tf.math.real(s @ tf.complex(self.c[0], self.c[1])) + inputs @ self.d
        return tf.nn.gelu(y), [tf.math.real(s), tf.math.imag(s)]


class LinearRecurrentCell(Cell):
    """LRU: |λ| = exp(−exp ν), its phase exp θ; modulus and angle by functions of `tf.math`."""

    state_size = (2 * UNITS,)
    output_size = UNITS

    def build(self, input_shape):
        self.nu = self.weight("nu", UNITS, initializer="uniform")
        self.theta = self.weight("theta", UNITS, initializer="uniform")
        self.b = self.weight("b", input_shape[-1], 2 * UNITS)
        self.c = self.weight("c", 2 * UNITS, UNITS)

    def call(self, inputs, states):
        pairs = tf.reshape(states[0], [-1, UNITS, 2])
        s = tf.complex(pairs[..., 0], pairs[..., 1])
        modulus, angle = tf.exp(-tf.exp(self.nu)), tf.exp(self.theta)
        turn = tf.cast(modulus, s.dtype) * tf.complex(tf.cos(angle), tf.sin(angle))
        u = tf.reshape(inputs @ self.b, [-1, UNITS, 2])
        scale = tf.cast(tf.sqrt(1 - modulus**2), s.dtype)
        s = turn * s + scale * tf.complex(u[..., 0], u[..., 1])
        s = s * tf.cast(1.0 / (1.0 + 0.1 * tf.math.square(tf.math.abs(s))), s.dtype)
        state = tf.reshape(tf.stack([tf.math.real(s), tf.math.imag(s)], -1), [-1, 2 * UNITS])
        return tf.tanh(state @ self.c), [state]


class RotatedCell(Cell):
    """z = (cos w + i sin w) · (h + i x V), h' = tanh(Re z) + 0.1 Im z: complex inside alone."""

    def build(self, input_shape):
        self.angle = self.weight("angle", UNITS, initializer="uniform")
        self.kernel = self.weight("kernel", input_shape[-1], UNITS)

    def call(self, inputs, states):
        rotation = tf.complex(tf.cos(self.angle), tf.sin(self.angle))
        z = rotation * tf.complex(states[0], tf.matmul(inputs, self.kernel))
        h = tf.tanh(tf.math.real(z)) + 0.1 * tf.math.imag(z)
        return h, [h]


class KalmanCell(Cell):
    """A learned filter: its state is an estimate, and the covariance of each row on its own."""

    state_size = (UNITS, UNITS * UNITS)
    output_size = UNITS

    def build(self, input_shape):
        self.motion = self.weight("motion", UNITS, UNITS, initializer="identity")
        self.sight = self.weight("sight", input_shape[-1], UNITS)

    def get_initial_state(self, batch_size=None):
        identity = ops.reshape(ops.eye(UNITS), (1, -1))
        return [ops.zeros((batch_size, UNITS)), ops.tile(identity, (batch_size, 1))]

    def call(self, inputs, states):
        mean, covariance = states
        covariance = tf.reshape(covariance, [-1, UNITS, UNITS])
        mean = tf.matmul(mean[:, None], self.motion[None])[:, 0]
        covariance = self.motion @ covariance @ tf.transpose(self.motion) + 0.1 * tf.eye(UNITS)
        seen = self.sight @ covariance @ tf.transpose(self.sight) + tf.eye(inputs.shape[-1])
        gain = covariance @ tf.transpose(self.sight) @ tf.linalg.inv(seen)
        surprise = inputs - mean @ tf.transpose(self.sight)
        mean = mean + tf.linalg.matvec(gain, surprise)
        covariance = covariance - gain @ self.sight @ covariance
        return mean, [mean, tf.reshape(covariance, [-1, UNITS * UNITS])]


class ProductCell(Cell):
    """h' = tanh(x + h K), written as a product of each row's matrix with K[None]."""

    def build(self, input_shape):
        self.kernel = self.weight("kernel", UNITS, UNITS)

    def call(self, inputs, states):
        h = tf.tanh(inputs[:, :1] + tf.matmul(states[0][:, None], self.kernel[None])[:, 0])
        return h, [h]


class DecomposedCell(Cell):
    """Multiplies by the upper factor of a decomposition, which has no gradient."""

    stopped = False

    def build(self, input_shape):
        self.kernel = self.weight("kernel", input_shape[-1], UNITS)
        self.mixing = self.weight("mixing", UNITS, UNITS, initializer="identity")

    def call(self, inputs, states):
        factors, _ = tf.linalg.lu(self.mixing + 0.1 * tf.reduce_mean(states[0]))
        upper = tf.linalg.band_part(factors, 0, -1)
        upper = tf.stop_gradient(upper) if self.stopped else upper
        h = tf.tanh(inputs @ self.kernel + states[0] @ upper)
        return h, [h]


class StoppedDecomposedCell(DecomposedCell):
    """The same, without asking for that gradient: the mixing matrix has none."""

    stopped = True


CASES = {
    "matrix exponential": Case(ExponentialCell),
    "cayley": Case(CayleyCell),
    "qr": Case(QRCell),
    "svd": Case(SVDCell, tolerance=2e-4),
    "cholesky": Case(CholeskyCell, noisy_states=False),
    "householder": Case(HouseholderCell),
    "unitary": Case(UnitaryCell),
    "s4d": Case(DiagonalStateCell),
    "lru": Case(LinearRecurrentCell),
    "complex rotation": Case(RotatedCell),
    "kalman": Case(KalmanCell, noisy_states=False),
    "product of each row": Case(ProductCell),
    "lu": Case(DecomposedCell, differentiable=False),
    "lu without gradient": Case(StoppedDecomposedCell),
}
