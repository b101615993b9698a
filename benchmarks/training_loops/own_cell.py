"""A cell of a user's own in tfseq: an LSTM with one changed gate."""

from keras import ops

import tfseq


class OwnCell(tfseq.LSTMCell):
    """What a step writes is also scaled by what it forgets: C = F ⊙ C + (1 − F) ⊙ I ⊙ C̃."""

    def recur(self, x, states, recurrent_kernel):
        h, c = states
        σ, φ = self.recurrent_activation, self.activation
        a = x + ops.matmul(h, recurrent_kernel)
        i, f, candidate, o = ops.split(a, 4, axis=-1)
        f = σ(f)
        c = f * c + (1 - f) * σ(i) * φ(candidate)
        return [σ(o) * φ(c), c]


def own_cell(units: int) -> OwnCell:
    return OwnCell(units)
