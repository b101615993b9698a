"""The decoding loop: prompts of token ids in, continuations of token ids out, in one graph."""

import numpy as np
import tensorflow as tf

from tfseq.generation.random_numbers import uniform_draws
from tfseq.generation.sampling import sample
from tfseq.models import LanguageModel

# Steps that one turn of the decoding loop takes. A turn costs as much as half a step of a small
# model, for the loop alone.
_STEPS_A_TURN = 4
# Steps of a prompt that are in memory at once: [B, 128, units] and the layers' temporaries.
_BLOCK_STEPS = 128


def read_prompt(model: LanguageModel, ids: tf.Tensor, lengths: tf.Tensor) -> tuple[tf.Tensor, list]:
    """Run the model over prompts of different lengths; every row ends where its own prompt ends.

    The time axis is read in blocks, so that memory does not grow with the prompts' length.

    Args:
        model: the language model.
        ids: int32 [B, T], prompts padded on the right.
        lengths: int32 [B], the real tokens of each row.

    Returns:
        The logits after each row's last token, float32 [B, V], and the states there. An empty
        prompt gives the output layer's answer to a hidden state of zeros, and zero states.
    """
    batch_size, num_steps = tf.unstack(tf.shape(ids))
    initial = model.initial_states(batch_size)
    hidden = tf.zeros([batch_size, model.hidden_size], model.compute_dtype)
    invariants = [tf.TensorShape([None, s.shape[-1]]) for s in tf.nest.flatten(initial)]

    def block(start, hidden, states):
        inside = ids[:, start : start + _BLOCK_STEPS]
        remaining = lengths - start
        mask = tf.range(tf.shape(inside)[1]) < remaining[:, tf.newaxis]
        outputs, states = model.hidden(
            inside, tf.nest.pack_sequence_as(initial, states), mask=mask, training=False
        )
        last = tf.clip_by_value(remaining, 1, tf.shape(inside)[1]) - 1
        ends = tf.gather(outputs, last, batch_dims=1)
        hidden = tf.where(remaining[:, tf.newaxis] > 0, ends, hidden)
        return start + _BLOCK_STEPS, hidden, tf.nest.flatten(states)

    _, hidden, states = tf.while_loop(
        lambda start, *_: start < num_steps,
        block,
        (0, hidden, tf.nest.flatten(initial)),
        shape_invariants=(
            tf.TensorShape([]),
            tf.TensorShape([None, model.hidden_size]),
            invariants,
        ),
    )
    logits = tf.cast(model.logits(hidden), tf.float32)
    return logits, tf.nest.pack_sequence_as(initial, states)


def decode(
    model: LanguageModel,
    ids: tf.Tensor,
    lengths: tf.Tensor,
    max_new_tokens: tf.Tensor,
    temperature: tf.Tensor,
    top_k: tf.Tensor,
    top_p: tf.Tensor,
    seed: tf.Tensor,
    allow_unknown: bool = False,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Continue each prompt by its own number of tokens, with its own settings and seed.

    Every row takes every step of the longest; what a row makes past its own number is dropped.
    A row's continuation therefore does not depend on the other rows, except that a matrix product
    may round differently in another batch size.

    Args:
        model: the language model.
        ids: int32 [B, T], prompts padded on the right.
        lengths: int32 [B], the real tokens of each row; 0 starts from the zero state.
        max_new_tokens: int32 [B], not negative.
        temperature, top_k, top_p: [B], as `tfseq.generation.sample` takes them.
        seed: int64 [B]; a row's random numbers depend on its own seed alone.
        allow_unknown: whether id 0, `<unk>`, may be produced.

    Returns:
        The new ids, int32 [B, max(max_new_tokens)], 0 past a row's own number; and the model's
        own log probability of them (natural, at temperature 1, over all symbols), float32 [B].
    """
    width = tf.maximum(tf.reduce_max(max_new_tokens), 0)
    num_turns = tf.maximum(-(-width // _STEPS_A_TURN), 1)
    num_steps = num_turns * _STEPS_A_TURN
    uniforms = uniform_draws(seed, num_steps)
    penalty = unknown_penalty(model.vocabulary_size, allow_unknown)
    logits, initial = read_prompt(model, ids, lengths)
    invariants = [tf.TensorShape([None, s.shape[-1]]) for s in tf.nest.flatten(initial)]

    def turn(t, logits, states, new_ids, log_probability):
        for _ in range(_STEPS_A_TURN):
            chosen = sample(logits + penalty, uniforms[t], temperature, top_k, top_p)
            active = t < max_new_tokens
            chosen_log_probability = -tf.nn.sparse_softmax_cross_entropy_with_logits(chosen, logits)
            log_probability += tf.where(active, chosen_log_probability, 0.0)
            new_ids = new_ids.write(t, tf.where(active, chosen, 0))
            logits, states = model.step(chosen, tf.nest.pack_sequence_as(initial, states))
            logits, states = tf.cast(logits, tf.float32), tf.nest.flatten(states)
            t += 1
        return t, logits, states, new_ids, log_probability

    new_ids = tf.TensorArray(tf.int32, size=num_steps, element_shape=[None])
    _, _, _, new_ids, log_probability = tf.while_loop(
        lambda t, *_: t < num_steps,
        turn,
        (0, logits, tf.nest.flatten(initial), new_ids, tf.zeros_like(logits[:, 0])),
        shape_invariants=(
            tf.TensorShape([]),
            tf.TensorShape([None, model.vocabulary_size]),
            invariants,
            tf.TensorShape(None),
            tf.TensorShape([None]),
        ),
    )
    return tf.transpose(new_ids.stack()[:width]), log_probability


def unknown_penalty(num_symbols: int, allow_unknown: bool) -> np.ndarray:
    """What is added to the logits, float32 [V]: minus infinity for `<unk>`, unless allowed."""
    penalty = np.zeros(num_symbols, "float32")
    if not allow_unknown:
        penalty[0] = -np.inf
    return penalty
