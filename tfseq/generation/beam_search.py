"""The most probable continuations of a prompt, sought with a beam, in one graph."""

import numpy as np
import tensorflow as tf

from tfseq.generation.constraints import UNCONSTRAINED, Constraints
from tfseq.generation.ranking import best_symbols
from tfseq.generation.row_groups import any_rows, longest
from tfseq.generation.token_step import token_step
from tfseq.models import LanguageModel


def beam_search(
    model: LanguageModel,
    hidden: tf.Tensor,
    states: list,
    max_new_tokens: tf.Tensor,
    beam_size: int,
    constraints: Constraints = UNCONSTRAINED,
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Keep the K most probable continuations at every step.

    A beam b has log P(b) = Σ_t log P(x_t | prompt, x_1, …, x_{t−1}). Each step extends every beam
    by every symbol and keeps the K best of the K · V. All continuations of a row have the row's
    own number of tokens, so that their probabilities can be compared as they are; one that a stop
    token ended keeps its probability, and its place while it is among the K best. Symbols of one
    beam are ranked by their logits, the lower id first where they are equal; of equally probable
    continuations of two beams, that of the better beam is first.

    Args:
        hidden, states: where the prompts end, as `read_prompt` gives them.
        max_new_tokens: int32 [B], not negative.
        beam_size: K, positive.
        constraints: what may be written and where it ends. The filter is given B · K rows; only
            what it forbids has an effect, since the model alone says what is most probable.

    Returns:
        The new ids, int32 [B, K, T], 0 past a continuation's end; how many they are, int32 [B, K],
        a stop token included; and their log probabilities (natural, over all symbols), float32
        [B, K], falling. A row that has fewer than K continuations (no new token; one, of few
        symbols) has its best in the places left.

    Source: Graves, Sequence transduction with recurrent neural networks, 2012.
    """
    batch_size = tf.shape(hidden)[0]
    initial = states
    num_symbols = model.vocabulary_size
    # No beam has more than K of the K best.
    num_extensions = min(beam_size, num_symbols)
    candidates = [batch_size, beam_size * num_extensions]
    penalty = constraints.penalty(num_symbols)
    itself = tf.tile(tf.range(beam_size)[tf.newaxis], [batch_size, 1])

    advance, logits_of = token_step(model)
    hidden = tf.repeat(hidden, beam_size, axis=0)
    states = [tf.repeat(state, beam_size, axis=0) for state in tf.nest.flatten(initial)]
    # One beam to begin with: K equal ones would stay equal.
    scores = tf.where(itself == 0, 0.0, -np.inf)
    itself_alone = np.where(np.arange(num_extensions) == 0, 0.0, -np.inf).astype("float32")
    lengths = tf.repeat(max_new_tokens[:, tf.newaxis], beam_size, axis=1)

    def step(t, hidden, states, new_ids, lengths, scores):
        logits = logits_of(hidden)
        allowed = logits + penalty
        if constraints.filter:
            added = tf.reshape(new_ids, tf.stack([batch_size * beam_size, t]))
            filtered = constraints.filtered(allowed, added)
            allowed = tf.where(filtered == -np.inf, filtered, allowed)
        allowed, logits = (
            tf.reshape(x, [batch_size, beam_size, num_symbols]) for x in (allowed, logits)
        )
        log_probabilities, ids = best_symbols(allowed, num_extensions, logits)
        # What has ended is its own first extension, and has no other.
        active = (t < lengths)[..., tf.newaxis]
        ids = tf.where(active, ids, 0)
        gains = tf.where(active, tf.cast(log_probabilities, tf.float32), itself_alone)
        extended = tf.reshape(gains + scores[..., tf.newaxis], candidates)
        scores, place = tf.math.top_k(extended, beam_size)
        parent = place // num_extensions
        chosen = tf.gather(tf.reshape(ids, candidates), place, batch_dims=1)
        new_ids, lengths = (tf.gather(x, parent, batch_dims=1) for x in (new_ids, lengths))
        new_ids = tf.concat([new_ids, chosen[..., tf.newaxis]], axis=-1)
        if constraints.stop:
            lengths = tf.where(constraints.ended(chosen), tf.minimum(lengths, t + 1), lengths)
        rows = tf.reshape(tf.range(batch_size)[:, tf.newaxis] * beam_size + parent, [-1])
        states = [tf.gather(state, rows) for state in states]
        hidden, states = advance(
            tf.reshape(chosen, [-1]), tf.nest.pack_sequence_as(initial, states)
        )
        return t + 1, hidden, tf.nest.flatten(states), new_ids, lengths, scores

    new_ids = tf.zeros(tf.stack([batch_size, beam_size, 0]), tf.int32)
    beams = tf.TensorShape([None, beam_size])
    shapes = (*any_rows((hidden, states)), beams.concatenate([None]), beams, beams)
    _, _, _, new_ids, lengths, scores = tf.while_loop(
        lambda t, hidden, states, new_ids, lengths, scores: t < longest(lengths),
        step,
        (0, hidden, states, new_ids, lengths, scores),
        shape_invariants=(tf.TensorShape([]), *shapes),
    )
    real = tf.where(tf.math.is_finite(scores), itself, 0)
    return tuple(tf.gather(x, real, batch_dims=1) for x in (new_ids, lengths, scores))
