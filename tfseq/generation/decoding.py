"""The decoding loop: prompts of token ids in, continuations of token ids out, in one graph."""

import numpy as np
import tensorflow as tf

from tfseq.generation.random_numbers import gumbel_noise
from tfseq.generation.sampling import any_filter, draw, most_probable, scale_noise
from tfseq.generation.token_step import token_step
from tfseq.models import LanguageModel

# The most steps that one turn of the decoding loop takes, and the most logits of a row in a turn.
_STEPS_A_TURN = 8
_TURN_LOGITS = 2**15
# The random numbers of a row that are drawn at once are about so many, or those of one turn.
_BLOCK_NOISE = 2**13
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
        What the output layer reads after each row's last token, float [B, D], and the states
        there. An empty prompt gives zeros.
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
    return hidden, tf.nest.pack_sequence_as(initial, states)


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
    hidden, states = read_prompt(model, ids, lengths)
    penalty = unknown_penalty(model.vocabulary_size, allow_unknown)

    def keep(logits):
        return most_probable(logits + penalty, temperature, top_k, top_p)

    def continued(filtered):
        return _decode(
            model,
            hidden,
            states,
            max_new_tokens,
            temperature,
            seed,
            penalty,
            keep if filtered else lambda logits: logits,
        )

    # Two loops, so that where no row asks for top-k and top-p no step asks whether one does.
    new_ids, log_probabilities = tf.cond(
        any_filter(top_k, top_p), lambda: continued(True), lambda: continued(False)
    )
    active = tf.range(tf.shape(new_ids)[1]) < max_new_tokens[:, tf.newaxis]
    log_probability = tf.reduce_sum(tf.where(active, log_probabilities, 0.0), axis=1)
    return tf.where(active, new_ids, 0), log_probability


def _decode(model, hidden, states, max_new_tokens, temperature, seed, penalty, keep):
    """Every row's ids and log probabilities, [B, max(max_new_tokens)], past its own number too.

    The noise of many steps is drawn at once; and a turn of the inner loop takes several steps,
    since a turn costs as much as half a step of a small model, for the loop alone.
    """
    num_symbols = model.vocabulary_size
    steps_a_turn = max(1, min(_STEPS_A_TURN, _TURN_LOGITS // num_symbols))
    turns_a_block = max(1, _BLOCK_NOISE // (steps_a_turn * num_symbols))
    width = tf.maximum(tf.reduce_max(max_new_tokens), 0)
    num_turns = tf.maximum(-(-width // steps_a_turn), 1)
    advance, logits_of = token_step(model)

    def block(first_turn, hidden, states, new_ids, log_probabilities):
        num_steps = tf.minimum(turns_a_block, num_turns - first_turn) * steps_a_turn
        noise = gumbel_noise(seed, first_turn * steps_a_turn, num_steps, num_symbols)
        noise = scale_noise(noise, temperature) + penalty

        def turn(t, hidden, flat_states, new_ids, log_probabilities):
            states = tf.nest.pack_sequence_as(initial, flat_states)
            start = (t - first_turn) * steps_a_turn
            rows, chosen = [], []
            for step_noise in tf.unstack(
                noise[:, start : start + steps_a_turn], steps_a_turn, axis=1
            ):
                rows.append(logits_of(hidden))
                chosen.append(draw(keep(rows[-1]), step_noise))
                hidden, states = advance(chosen[-1], states)
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(
                tf.concat(chosen, axis=0), tf.concat(rows, axis=0)
            )
            new_ids = new_ids.write(t, tf.stack(chosen))
            log_probabilities = log_probabilities.write(t, tf.reshape(-losses, [steps_a_turn, -1]))
            return t + 1, hidden, tf.nest.flatten(states), new_ids, log_probabilities

        return tf.while_loop(
            lambda t, *_: (t < num_turns) & (t < first_turn + turns_a_block),
            turn,
            (first_turn, hidden, states, new_ids, log_probabilities),
            shape_invariants=invariants,
        )

    initial = states
    arrays = [
        tf.TensorArray(dtype, size=num_turns, element_shape=[steps_a_turn, None])
        for dtype in (tf.int32, tf.float32)
    ]
    invariants = (
        tf.TensorShape([]),
        tf.TensorShape([None, model.hidden_size]),
        [tf.TensorShape([None, s.shape[-1]]) for s in tf.nest.flatten(states)],
        *[tf.TensorShape(None)] * 2,
    )
    *_, new_ids, log_probabilities = tf.while_loop(
        lambda t, *_: t < num_turns,
        block,
        (0, hidden, tf.nest.flatten(states), *arrays),
        shape_invariants=invariants,
        parallel_iterations=1,
    )
    return [
        tf.transpose(tf.reshape(array.stack(), tf.stack([num_turns * steps_a_turn, -1])))[:, :width]
        for array in (new_ids, log_probabilities)
    ]


def unknown_penalty(num_symbols: int, allow_unknown: bool) -> np.ndarray:
    """What is added to the logits, float32 [V]: minus infinity for `<unk>`, unless allowed."""
    penalty = np.zeros(num_symbols, "float32")
    if not allow_unknown:
        penalty[0] = -np.inf
    return penalty
