"""The most probable continuations of a prompt, sought with a beam, in one graph."""

import tensorflow as tf

from tfseq.generation.decoding import unknown_penalty
from tfseq.generation.ranking import best_symbols
from tfseq.generation.token_step import token_step
from tfseq.models import LanguageModel


def beam_search(
    model: LanguageModel,
    hidden: tf.Tensor,
    states: list,
    max_new_tokens: tf.Tensor,
    beam_size: int,
    allow_unknown: bool = False,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Keep the K most probable continuations at every step.

    A beam b has log P(b) = Σ_t log P(x_t | prompt, x_1, …, x_{t−1}). Each step extends every beam
    by every symbol and keeps the K best of the K · V. All continuations of a row have the row's
    own number of tokens, so that their probabilities can be compared as they are. Symbols of one
    beam are ranked by their logits, the lower id first where they are equal; of equally probable
    continuations of two beams, that of the better beam is first.

    Args:
        model: the language model.
        hidden, states: where the prompts end, as `read_prompt` gives them.
        max_new_tokens: int32 [B], not negative.
        beam_size: K, positive.
        allow_unknown: whether id 0, `<unk>`, may be produced.

    Returns:
        The new ids, int32 [B, K, max(max_new_tokens)], 0 past a row's own number; and their log
        probabilities (natural, over all symbols), float32 [B, K], falling. A row that has fewer
        than K continuations (no new token; one, of few symbols) has its best in the places left.

    Source: Graves, Sequence transduction with recurrent neural networks, 2012.
    """
    batch_size = tf.shape(hidden)[0]
    initial = states
    num_symbols = model.vocabulary_size
    # No beam has more than K of the K best.
    num_extensions = min(beam_size, num_symbols)
    width = tf.maximum(tf.reduce_max(max_new_tokens), 0)
    penalty = unknown_penalty(num_symbols, allow_unknown)
    itself = tf.tile(tf.range(beam_size)[tf.newaxis], [batch_size, 1])

    advance, logits_of = token_step(model)
    hidden = tf.repeat(hidden, beam_size, axis=0)
    states = [tf.repeat(state, beam_size, axis=0) for state in tf.nest.flatten(initial)]
    # One beam to begin with: K equal ones would stay equal.
    scores = tf.where(itself == 0, 0.0, -float("inf"))

    def step(t, hidden, states, new_ids, scores):
        logits = tf.reshape(logits_of(hidden), [batch_size, beam_size, num_symbols])
        log_probabilities, ids = best_symbols(logits + penalty, num_extensions, logits)
        extended = tf.cast(log_probabilities, tf.float32) + scores[..., tf.newaxis]
        candidates = [batch_size, beam_size * num_extensions]
        best, place = tf.math.top_k(tf.reshape(extended, candidates), beam_size)
        active = (t < max_new_tokens)[:, tf.newaxis]
        parent = tf.where(active, place // num_extensions, itself)
        chosen = tf.gather(tf.reshape(ids, candidates), place, batch_dims=1)
        chosen = tf.where(active, chosen, 0)
        scores = tf.where(active, best, scores)
        new_ids = tf.concat(
            [tf.gather(new_ids, parent, batch_dims=1), chosen[..., tf.newaxis]], axis=-1
        )
        rows = tf.reshape(tf.range(batch_size)[:, tf.newaxis] * beam_size + parent, [-1])
        states = [tf.gather(state, rows) for state in states]
        hidden, states = advance(
            tf.reshape(chosen, [-1]), tf.nest.pack_sequence_as(initial, states)
        )
        return t + 1, hidden, tf.nest.flatten(states), new_ids, scores

    _, _, _, new_ids, scores = tf.while_loop(
        lambda t, *_: t < width,
        step,
        (0, hidden, states, tf.zeros(tf.stack([batch_size, beam_size, 0]), tf.int32), scores),
        shape_invariants=(
            tf.TensorShape([]),
            tf.TensorShape([None, model.hidden_size]),
            [tf.TensorShape([None, state.shape[-1]]) for state in states],
            tf.TensorShape([None, beam_size, None]),
            tf.TensorShape([None, beam_size]),
        ),
    )
    real = tf.where(tf.math.is_finite(scores), itself, 0)
    return tf.gather(new_ids, real, batch_dims=1), tf.gather(scores, real, batch_dims=1)
