"""The decoding loop: prompts of token ids in, continuations of token ids out, in one graph."""

import functools

import numpy as np
import tensorflow as tf

from tfseq.generation.random_numbers import gumbel_noise
from tfseq.generation.row_groups import join_rows, longest, row_groups
from tfseq.generation.sampling import any_filter, draw, most_probable, scale_noise
from tfseq.generation.token_step import token_step
from tfseq.models import LanguageModel

# The most steps that one turn of the decoding loop takes, also where top-k or top-p make a step far
# dearer than a turn; and the most logits of a row in a turn.
_STEPS_A_TURN = 8
_FILTERED_STEPS_A_TURN = 1
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
    read = tf.function(functools.partial(_read_rows, model), autograph=False)
    return join_rows([read(*group) for group in row_groups(ids, lengths)])


def _read_rows(model, ids, lengths):
    batch_size = tf.size(lengths)
    num_steps = longest(lengths)
    initial = model.initial_states(batch_size)
    hidden = tf.zeros([batch_size, model.hidden_size], model.compute_dtype)
    invariants = [tf.TensorShape([None, s.shape[-1]]) for s in tf.nest.flatten(initial)]

    def block(start, hidden, states):
        inside = ids[:, start : tf.minimum(start + _BLOCK_STEPS, num_steps)]
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
    hidden: tf.Tensor,
    states: list,
    max_new_tokens: tf.Tensor,
    temperature: tf.Tensor,
    top_k: tf.Tensor,
    top_p: tf.Tensor,
    seed: tf.Tensor,
    allow_unknown: bool = False,
    filtered: bool | None = None,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Continue each prompt by its own number of tokens, with its own settings and seed.

    A row takes every step of its group's longest; what it makes past its own number is dropped. A
    row's continuation therefore does not depend on the other rows, except that a matrix product may
    round differently in another batch size.

    Args:
        model: the language model.
        hidden, states: where the prompts end, as `read_prompt` gives them.
        max_new_tokens: int32 [B], not negative.
        temperature, top_k, top_p: [B], as `tfseq.generation.sample` takes them.
        seed: int64 [B]; a row's random numbers depend on its own seed alone.
        allow_unknown: whether id 0, `<unk>`, may be produced.
        filtered: whether there may be rows with top-k or top-p; None looks.

    Returns:
        The new ids, int32 [B, max(max_new_tokens)], 0 past a row's own number; and the model's
        own log probability of them (natural, at temperature 1, over all symbols), float32 [B].
    """
    penalty = unknown_penalty(model.vocabulary_size, allow_unknown)
    width = longest(max_new_tokens)
    steps = token_step(model)

    def continued(filtered):
        # A function, so that its loop is in the graph's file once, for both groups.
        @tf.function(autograph=False)
        def continued_rows(hidden, states, max_new_tokens, temperature, top_k, top_p, seed):
            keep = most_probable(model.vocabulary_size, temperature, top_k, top_p)
            new_ids, log_probability = _decode(
                (model.vocabulary_size, *steps),
                hidden,
                states,
                max_new_tokens,
                temperature,
                seed,
                penalty,
                (lambda logits: keep(logits + penalty)) if filtered else None,
            )
            missing = width - tf.shape(new_ids)[1]
            return tf.pad(new_ids, [[0, 0], [0, missing]]), log_probability

        rows = (hidden, states, max_new_tokens, temperature, top_k, top_p, seed)
        return join_rows([continued_rows(*group) for group in row_groups(*rows)])

    if filtered is not None:
        return continued(filtered)
    # Two loops, so that where no row asks for top-k and top-p no step asks whether one does.
    return tf.cond(any_filter(top_k, top_p), lambda: continued(True), lambda: continued(False))


def _decode(steps, hidden, states, max_new_tokens, temperature, seed, penalty, keep):
    """The ids of a group of rows, [B, max(max_new_tokens)], and their log probabilities, [B].

    The noise of many steps is drawn at once; and a turn of the inner loop takes several steps,
    since a turn costs as much as half a step of a small model, for the loop alone.
    """
    num_symbols, advance, logits_of = steps
    most_steps = _STEPS_A_TURN if keep is None else _FILTERED_STEPS_A_TURN
    steps_a_turn = max(1, min(most_steps, _TURN_LOGITS // num_symbols))
    turns_a_block = max(1, _BLOCK_NOISE // (steps_a_turn * num_symbols))
    width = longest(max_new_tokens)
    num_turns = -(-width // steps_a_turn)
    turn_shape = tf.stack([steps_a_turn, tf.size(seed)])

    def block(first_turn, hidden, states, turns, log_probability):
        num_steps = tf.minimum(turns_a_block, num_turns - first_turn) * steps_a_turn
        noise = gumbel_noise(seed, first_turn * steps_a_turn, num_steps, num_symbols)
        noise = scale_noise(noise, temperature) + penalty

        def turn(t, hidden, flat_states, turns, log_probability):
            states = tf.nest.pack_sequence_as(initial, flat_states)
            start = (t - first_turn) * steps_a_turn
            rows, chosen = [], []
            for step_noise in tf.unstack(
                noise[:, start : start + steps_a_turn], steps_a_turn, axis=1
            ):
                logits = logits_of(hidden)
                kept = logits if keep is None else keep(logits)
                rows.append(logits)
                chosen.append(draw(kept, step_noise))
                hidden, states = advance(chosen[-1], states)
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(
                tf.concat(chosen, axis=0), tf.concat(rows, axis=0)
            )
            active = t * steps_a_turn + tf.range(steps_a_turn)[:, tf.newaxis] < max_new_tokens
            losses = tf.where(active, tf.reshape(losses, turn_shape), 0.0)
            turns = tf.raw_ops.TensorListSetItem(
                input_handle=turns, index=t, item=tf.where(active, tf.stack(chosen), 0)
            )
            log_probability -= tf.reduce_sum(losses, axis=0)
            return t + 1, hidden, tf.nest.flatten(states), turns, log_probability

        return tf.while_loop(
            lambda t, *_: (t < num_turns) & (t < first_turn + turns_a_block),
            turn,
            (first_turn, hidden, states, turns, log_probability),
            shape_invariants=invariants,
        )

    initial = states
    # Of a known shape also where there is no turn, which a `TensorArray` is not.
    turns = tf.raw_ops.TensorListReserve(
        element_shape=turn_shape, num_elements=num_turns, element_dtype=tf.int32
    )
    invariants = (
        tf.TensorShape([]),
        tf.TensorShape([None, hidden.shape[-1]]),
        [tf.TensorShape([None, s.shape[-1]]) for s in tf.nest.flatten(states)],
        tf.TensorShape([]),
        tf.TensorShape([None]),
    )
    *_, turns, log_probability = tf.while_loop(
        lambda t, *_: t < num_turns,
        block,
        (0, hidden, tf.nest.flatten(states), turns, tf.zeros_like(temperature)),
        shape_invariants=invariants,
        parallel_iterations=1,
    )
    turns = tf.raw_ops.TensorListStack(
        input_handle=turns, element_shape=turn_shape, element_dtype=tf.int32
    )
    new_ids = tf.reshape(turns, tf.stack([num_turns * steps_a_turn, tf.size(seed)]))
    return tf.transpose(new_ids)[:, :width], log_probability


def unknown_penalty(num_symbols: int, allow_unknown: bool) -> np.ndarray:
    """What is added to the logits, float32 [V]: minus infinity for `<unk>`, unless allowed."""
    penalty = np.zeros(num_symbols, "float32")
    if not allow_unknown:
        penalty[0] = -np.inf
    return penalty
