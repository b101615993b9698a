"""The operations of a step, sorted by what they depend on."""

from tfseq.layers.tensorflow.differentiation import is_differentiable
from tfseq.layers.tensorflow.step.replay import can_replay
from tfseq.layers.tensorflow.step.rows import acts_on_rows
from tfseq.layers.tensorflow.whole_step import is_compiled_whole

# Moves data without arithmetic: as cheap step by step, where the data are still at hand.
_MOVES = frozenset({"Identity", "Split", "StridedSlice"})
# Cheap enough to be computed again in the backward loop, rather than kept from the forward one.
_CHEAP = _MOVES | {"AddV2", "Cast", "Mul", "Neg", "Sub"}
# Their gradient for a constant is a sum of cotangents, whatever the other input was.
ADDITIONS = frozenset({"AddV2", "BiasAdd"})
# Their results have as many rows as values ask for.
_OF_ANY_SIZE = frozenset({"DynamicPartition", "ListDiff", "Unique", "UniqueV2", "Where"})


class NotTraceableError(Exception):
    """Why a cell has to run in the ordinary loop."""


def sort_forward(step):
    """Fills in the forward parts; returns the part ("once", "ahead", …) of each tensor."""
    operations = _needed(step.results, stop=[*step.inputs, *step.previous, *step.weights])
    kinds = {t.ref(): "weights" for t in step.weights}
    kinds |= {t.ref(): "ahead" for t in step.inputs}
    kinds |= {t.ref(): "recurrent" for t in step.previous}
    learned = {t.ref() for t in step.weights}

    def is_row(tensor):
        return kinds[tensor.ref()] == "ahead"

    kind_of = {}
    for operation in operations:
        read = {kinds[t.ref()] for t in operation.inputs}
        if "recurrent" in read:
            kind = "recurrent"
        elif operation.type == "Const":
            kind = "fixed"
        elif "ahead" not in read:
            kind = "once"
        else:
            kind = "ahead" if acts_on_rows(operation, is_row) else "recurrent"
        kind_of[operation] = kind
        if any(t.ref() in learned for t in operation.inputs):
            learned.update(t.ref() for t in operation.outputs)
        kinds |= {t.ref(): kind for t in operation.outputs}
    _keep_moves_in_the_loop(operations, kind_of, kinds, step.results)

    for operation in operations:
        getattr(step, kind_of[operation]).append(operation)
        step.definitions.append(_definition(operation))
    _check_sizes(step)
    _check_precision(step)
    read = [t for operation in step.recurrent for t in operation.inputs] + step.results
    step.projected = unique(t for t in read if kinds[t.ref()] == "ahead")
    constants = unique(t for t in read if kinds[t.ref()] in ("weights", "once"))
    step.constants = constants
    _sort_products(step, [t for t in constants if t.ref() in learned and is_differentiable(t)])
    return kinds


def _definition(operation):
    definition = operation.node_def
    definition.ClearField("name")
    definition.ClearField("input")
    return definition


def _check_sizes(step):
    """Refuses tensors of a size that depends on values: a loop cannot store them."""
    batch_size = step.inputs[0].shape[0]
    for operation in step.recurrent:
        for tensor in operation.outputs:
            known = tensor.shape.rank is not None and None not in tensor.shape[1:]
            if batch_size is not None or operation.type in _OF_ANY_SIZE:
                known = known and tensor.shape.is_fully_defined()
            if not known:
                raise NotTraceableError(f"what its operation {operation.type} makes has no size")


def _check_precision(step):
    """Refuses a step of float32 that rounds to fewer bits.

    XLA leaves out a rounding that is taken back, and a product whose last bit differs, as that of
    all steps at once may, is now and then rounded to the other side. A step of lower precision has
    all its numbers rounded, and is as near to the exact ones either way.
    """
    if step.inputs[0].dtype.size < 4:
        return
    for operation in (*step.ahead, *step.recurrent):
        if operation.type == "Cast":
            before, after = operation.inputs[0].dtype, operation.outputs[0].dtype
            if before.is_floating and after.is_floating and after.size < before.size:
                raise NotTraceableError(f"it rounds {before.name} to {after.name}")


def _keep_moves_in_the_loop(operations, kind_of, kinds, results):
    """Sorts under "recurrent" what is as cheap there, and of which no other kind reads.

    XLA adds a bias to what it has read for a step at no cost; to all steps at once it takes a pass
    over the memory, and room for the sums beside the products.
    """
    cheap = _MOVES | ADDITIONS if is_compiled_whole() else _MOVES
    readers = {}
    for operation in operations:
        for tensor in operation.inputs:
            readers.setdefault(tensor.ref(), []).append(kind_of[operation])
    for operation in reversed(operations):
        if kind_of[operation] == "ahead" and operation.type in cheap:
            read_by = {k for t in operation.outputs for k in readers.get(t.ref(), [])}
            if "ahead" not in read_by:
                kind_of[operation] = "recurrent"
                kinds |= {t.ref(): "recurrent" for t in operation.outputs}
                for tensor in operation.inputs:
                    readers[tensor.ref()].append("recurrent")
                    readers[tensor.ref()].remove("ahead")


def _sort_products(step, learned):
    """Divides the constants with a gradient: into those of `products`, and `summed`."""
    learned = {t.ref() for t in learned}
    readers = {}
    for operation in step.recurrent:
        for tensor in operation.inputs:
            readers.setdefault(tensor.ref(), []).append(operation)
    fixed = [operation.outputs[0] for operation in step.fixed]
    constant = {t.ref() for t in (*fixed, *step.constants)}

    def is_product(operation):
        return acts_on_rows(operation, lambda t: t.ref() not in constant)

    step.acts_on_rows = all(map(is_product, step.recurrent))

    results = {t.ref() for t in step.results}
    for tensor in step.constants:
        reference = tensor.ref()
        if reference in learned and (
            reference in results or not all(map(is_product, readers[reference]))
        ):
            step.summed.append(tensor)
    summed = {t.ref() for t in step.summed}
    for operation in step.recurrent:
        read = {t.ref() for t in operation.inputs} & learned
        if read and not read & summed:
            step.products.append(operation)
        elif read - summed:
            raise NotTraceableError("it mixes weights in a way that cannot be taken apart")


def sort_backward(step, kinds):
    """Fills in the parts of the gradient; `kinds` is what `sort_forward` has returned."""
    forward = {*step.once, *step.ahead, *step.recurrent}
    stop = [*step.cotangents, *step.inputs, *step.previous, *step.weights]
    kinds |= {t.ref(): "backward" for t in step.cotangents}
    operations = [o for o in _needed(step.gradients.values(), stop) if o not in forward]
    for operation in operations:
        kind = "backward"
        if operation.type == "Const":
            kind = "fixed"
        elif all(kinds[t.ref()] in ("weights", "fixed", "once") for t in operation.inputs):
            kind = "once"
        getattr(step, kind).append(operation)
        kinds |= {t.ref(): kind for t in operation.outputs}
    read = [t for operation in step.backward for t in operation.inputs]
    read = unique([*read, *step.gradients.values()])
    constants = [t for t in read if kinds[t.ref()] in ("weights", "once")]
    step.constants = unique([*step.constants, *constants])
    step.projected = unique([*step.projected, *(t for t in read if kinds[t.ref()] == "ahead")])
    _sort_kept(step, [t for t in read if kinds[t.ref()] == "recurrent"])


def _sort_kept(step, read):
    """Divides what `backward` reads of the step: into `kept`, and the results of `remade`."""
    factors = [
        t
        for operation in step.products
        if operation.type not in ADDITIONS
        for t in operation.inputs
    ]
    fixed = [operation.outputs[0] for operation in step.fixed]
    at_hand = {t.ref() for t in (*fixed, *step.constants, *step.projected)}
    factors = [t for t in factors if t.ref() not in at_hand]
    needed = {t.ref() for t in (*read, *factors)}
    remade = set()
    for operation in step.recurrent:
        outputs = {t.ref() for t in operation.outputs}
        if (
            outputs & needed
            and operation.type in _CHEAP
            and all(t.ref() in at_hand | needed for t in operation.inputs)
        ):
            step.remade.append(operation)
            remade |= outputs
    remade -= {t.ref() for t in factors}
    step.kept = unique(t for t in (*read, *factors) if t.ref() not in remade)


def _needed(results, stop):
    """The operations that `results` come from, in the order in which they were traced."""
    stop = {t.ref() for t in stop}
    found, waiting = set(), [t for t in results if t.ref() not in stop]
    while waiting:
        operation = waiting.pop().op
        if operation in found:
            continue
        if operation.type == "Placeholder":
            raise NotTraceableError("it reads a tensor from outside")
        if not can_replay(operation):
            raise NotTraceableError(f"its operation {operation.type} cannot be run elsewhere")
        found.add(operation)
        waiting += [t for t in operation.inputs if t.ref() not in stop]
    graph = next(iter(found)).graph if found else None
    return [o for o in graph.get_operations() if o in found] if found else []


def unique(tensors):
    return list({t.ref(): t for t in tensors}.values())
