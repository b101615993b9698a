"""The decoding loop: continues prompts by token ids, in one graph."""

from collections.abc import Callable

import tensorflow as tf

from tfseq.generation.constraints import UNCONSTRAINED, Constraints
from tfseq.generation.controls.controls import Controls
from tfseq.generation.controls.penalties import Penalties
from tfseq.generation.controls.stop_strings import StopStrings
from tfseq.generation.random_numbers import gumbel_noise
from tfseq.generation.row_groups import any_rows, join_rows, longest, row_groups
from tfseq.generation.sampling import SamplerSettings, sampler
from tfseq.generation.token_step import token_step
from tfseq.models import LanguageModel

# The most steps that one turn of the decoding loop takes, but for a filter, which is given what was
# written before; and the most logits of a row in a turn.
_STEPS_A_TURN = 8
_TURN_LOGITS = 2**15
# The random numbers of a row that are drawn at once are about so many, or those of one turn.
_BLOCK_NOISE = 2**13


def generate_ids(
    model: LanguageModel,
    hidden: tf.Tensor,
    states: list,
    max_new_tokens: tf.Tensor,
    settings: SamplerSettings,
    constraints: Constraints = UNCONSTRAINED,
    truncate: bool | None = None,
    controls: Controls | None = None,
    history: tuple[tf.Tensor, tf.Tensor] | None = None,
    decode: Callable | None = None,
) -> tuple[tf.Tensor, ...]:
    """Continue each prompt up to its own number of tokens, with its own settings and seed.

    Each step draws as `tfseq.generation.sample` does. What a row makes past its own end, before
    the others have ended, is dropped. Its continuation does not depend on the other rows, except
    that a matrix product may round differently in another batch size.

    Args:
        hidden, states: where the prompts end, as `read_prompt` gives them.
        max_new_tokens: int32 [B], not negative.
        settings: tensors [B].
        truncate: whether there may be rows with top-k or top-p; None looks.
        controls: what else rows ask for; None is nothing, and costs nothing.
        history: with controls; ids int32 [B, T] and lengths int32 [B] of what was read.
        decode: with controls; tf.RaggedTensor int32 [N, (T)] -> string [N].

    Returns:
        The new ids, int32 [B, max(max_new_tokens)], 0 past a row's end; how many they are,
        int32 [B], a stop token included; and the model's own log probability of them (natural, at
        temperature 1, over all symbols), float32 [B]. With controls also bool [B]: whether a stop
        string has ended the row, with the last of its ids.
    """

    def continued(truncate):
        # A function, so that its loop is in the graph's file once, for both groups; and that a
        # server prepares it once, and only where a request needs it.
        @tf.function(autograph=False, experimental_attributes={"_noinline": True})
        def rows(hidden, states, lengths, settings, *controlled):
            state = hidden, states, lengths
            options = constraints, truncate, decode, *controlled
            return _generate(steps, width, *state, settings, *options)

        given = [controls, history] if controls else []
        groups = row_groups(hidden, states, max_new_tokens, settings, *given)
        return join_rows([rows(*group) for group in groups])

    steps = model.vocabulary_size, *token_step(model)
    width = longest(max_new_tokens)
    if truncate is not None:
        return continued(truncate)
    # Two loops, so that where no row asks for top-k and top-p no step asks whether one does.
    truncates = settings.truncates()
    if controls:
        truncates |= controls.restrict()
    return tf.cond(truncates, lambda: continued(True), lambda: continued(False))


def _generate(
    steps,
    width,
    hidden,
    states,
    lengths,
    settings,
    constraints,
    truncate,
    decode,
    controls=None,
    history=None,
):
    """The same for a group of rows, padded to `width`.

    The noise of many steps is drawn at once; and a turn of the inner loop takes several steps,
    since a turn costs as much as half a step of a small model, for the loop alone.
    """
    num_symbols, advance, logits_of = steps
    most_steps = 1 if constraints.filter else 2 if controls and truncate else _STEPS_A_TURN
    steps_a_turn = max(1, min(most_steps, _TURN_LOGITS // num_symbols))
    turns_a_block = max(1, _BLOCK_NOISE // (steps_a_turn * num_symbols))
    num_turns = -(-longest(lengths) // steps_a_turn)
    turn_shape = tf.stack([steps_a_turn, tf.size(lengths)])
    penalty = constraints.penalty(num_symbols)
    scale, draw = sampler(settings, num_symbols, truncate, controls.min_p if controls else None)
    stops = StopStrings(controls.stop, decode) if controls else None
    penalties, counted = None, ()
    if controls and truncate:
        penalties = Penalties(controls, *history, lengths, num_symbols)
        counted = penalties.before()
    # Which rows a stop string has ended, the last tokens, and those that are counted.
    memory = (tf.zeros_like(lengths, tf.bool), stops.before(), *counted) if controls else ()

    def drawn_from(logits, t, turns, counted):
        if truncate or constraints.filter:
            logits += penalty
        if penalties:
            logits = penalties.applied(logits, counted[0])
        if constraints.filter:
            # One step a turn.
            new_ids = tf.raw_ops.TensorListGather(
                input_handle=turns, indices=tf.range(t), **turn_type
            )
            # Again the penalty: what may not be written takes no place from others.
            logits = constraints.filtered(logits, tf.transpose(new_ids[:, 0])) + penalty
        return logits

    def more(t, hidden, states, lengths, *_):
        early = constraints.stop or controls
        return t * steps_a_turn < longest(lengths) if early else t < num_turns

    def block(first_turn, hidden, states, lengths, turns, log_probability, *memory):
        num_steps = tf.minimum(turns_a_block, num_turns - first_turn) * steps_a_turn
        noise = gumbel_noise(settings.seed, first_turn * steps_a_turn, num_steps, num_symbols)
        # One sum for many steps, where no step needs the penalty itself.
        noise = scale(noise) + penalty

        def turn(t, hidden, flat_states, lengths, turns, log_probability, *memory):
            states = tf.nest.pack_sequence_as(initial, flat_states)
            start = (t - first_turn) * steps_a_turn
            turn_noise = noise[:, start : start + steps_a_turn]
            rows, chosen = [], []
            stopped, before, *counted = memory or (None, None)
            for i, step_noise in enumerate(tf.unstack(turn_noise, steps_a_turn, axis=1)):
                rows.append(logits_of(hidden))
                chosen.append(draw(drawn_from(rows[-1], t, turns, counted), step_noise))
                if penalties:
                    counted = penalties.after(t * steps_a_turn + i, chosen[-1], *counted)
                hidden, states = advance(chosen[-1], states)
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(
                tf.concat(chosen, axis=0), tf.concat(rows, axis=0)
            )
            chosen = tf.stack(chosen)
            step = t * steps_a_turn + tf.range(steps_a_turn)[:, tf.newaxis]
            if constraints.stop:
                ends = tf.where(constraints.ended(chosen), step + 1, lengths)
                lengths = tf.minimum(lengths, tf.reduce_min(ends, axis=0))
            if controls:
                found, before = stops.found(before, chosen)
                found &= step < lengths
                ends = tf.where(found, step + 1, lengths)
                lengths = tf.minimum(lengths, tf.reduce_min(ends, axis=0))
                memory = stopped | tf.reduce_any(found, axis=0), before, *counted
            active = step < lengths
            losses = tf.where(active, tf.reshape(losses, turn_shape), 0.0)
            turns = tf.raw_ops.TensorListSetItem(
                input_handle=turns, index=t, item=tf.where(active, chosen, 0)
            )
            log_probability -= tf.reduce_sum(losses, axis=0)
            states = tf.nest.flatten(states)
            return t + 1, hidden, states, lengths, turns, log_probability, *memory

        return tf.while_loop(
            lambda t, *others: more(t, *others) & (t < first_turn + turns_a_block),
            turn,
            (first_turn, hidden, states, lengths, turns, log_probability, *memory),
            shape_invariants=invariants,
        )

    initial = states
    # Of a known shape also where there is no turn, which a `TensorArray` is not; 0 where not set.
    turn_type = {"element_shape": turn_shape, "element_dtype": tf.int32}
    most_turns = -(-width // steps_a_turn)
    turns = tf.raw_ops.TensorListReserve(num_elements=most_turns, **turn_type)
    rows = (hidden, tf.nest.flatten(states), lengths)
    invariants = (tf.TensorShape([]), *any_rows(rows), tf.TensorShape([]), tf.TensorShape([None]))
    invariants += tuple(any_rows(memory))
    _, _, _, lengths, turns, log_probability, *memory = tf.while_loop(
        more,
        block,
        (0, *rows, turns, tf.zeros_like(settings.temperature), *memory),
        shape_invariants=invariants,
        parallel_iterations=1,
    )
    turns = tf.raw_ops.TensorListStack(input_handle=turns, **turn_type)
    new_ids = tf.reshape(turns, tf.stack([most_turns * steps_a_turn, tf.size(lengths)]))
    return tf.transpose(new_ids)[:, :width], lengths, log_probability, *memory[:1]
