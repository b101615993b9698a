"""Tasks in any order."""

import random


class InAnyOrder:
    """Does tasks in an order that is drawn, and some of them twice."""

    def __init__(self, seed):
        self._draw = random.Random(seed)

    def map(self, function, items, done=lambda number, result: None):
        order = [*range(len(items)), *self._draw.choices(range(len(items)), k=len(items) // 3)]
        self._draw.shuffle(order)
        results = [None] * len(items)
        for number in order:
            again = results[number] is not None
            results[number] = function(items[number])
            if not again and done(number, results[number]):
                break
        return results
