"""Counts and latencies for Prometheus, under TensorFlow Serving's names where it has them."""

import contextlib
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator
from itertools import accumulate

from tfseq.serving.server.faults import FaultError
from tfseq.serving.server.requests import HungUpError

# Microseconds: 10, 18, 32.4, ... as TensorFlow Serving has them.
_BOUNDS = [10 * 1.8**power for power in range(33)]
_SERVING = ":tensorflow:serving:"


class Metrics:
    """What a server has done since it started.

    >>> metrics = Metrics("letters")
    >>> metrics.count("predict", "OK", seconds=0.001)
    >>> print(metrics.text(num_waiting=0).splitlines()[1])
    :tensorflow:serving:request_count{model_name="letters",status="OK"} 1
    """

    def __init__(self, model_name: str):
        escaped = model_name.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
        self._model = f'model_name="{escaped}"'
        self._requests: Counter[str] = Counter()
        self._latencies: dict[str, list] = {}
        self._batches = self._rows = self._tokens = 0

    def count(self, method: str, status: str, seconds: float) -> None:
        """Count a request: what it asked for, its gRPC status, and how long it took."""
        self._requests[status] += 1
        counts, total = self._latencies.setdefault(method, [[0] * (len(_BOUNDS) + 1), [0.0]])
        counts[bisect_left(_BOUNDS, seconds * 1e6)] += 1
        total[0] += seconds * 1e6

    @contextlib.contextmanager
    def counted(self, method: str) -> Iterator[None]:
        """Count what goes on while it is open as one request."""
        start, status = time.perf_counter(), "CANCELLED"
        try:
            yield
            status = "OK"
        except FaultError as fault:
            status = fault.code
            raise
        except HungUpError:
            raise
        except Exception:
            status = "INTERNAL"
            raise
        finally:
            self.count(method, status, time.perf_counter() - start)

    def count_batch(self, num_rows: int) -> None:
        """Count a batch that is run."""
        self._batches += 1
        self._rows += num_rows

    def count_tokens(self, number: int) -> None:
        """Count tokens that were drawn for completions."""
        self._tokens += number

    def text(self, num_waiting: int) -> str:
        """All of them, in the text format of Prometheus."""
        lines = [f"# TYPE {_SERVING}request_count counter"]
        for status, number in sorted(self._requests.items()):
            lines.append(f'{_SERVING}request_count{{{self._model},status="{status}"}} {number}')
        lines.append(f"# TYPE {_SERVING}request_latency histogram")
        for method, (counts, total) in sorted(self._latencies.items()):
            labels = f'{self._model},API="{method}",entrypoint="REST"'
            bounds = [*(f"{bound:.6g}" for bound in _BOUNDS), "+Inf"]
            for bound, number in zip(bounds, accumulate(counts), strict=True):
                lines.append(f'{_SERVING}request_latency_bucket{{{labels},le="{bound}"}} {number}')
            lines.append(f"{_SERVING}request_latency_sum{{{labels}}} {total[0]:.0f}")
            lines.append(f"{_SERVING}request_latency_count{{{labels}}} {sum(counts)}")
        for name, kind, number in (
            ("batches_total", "counter", self._batches),
            ("batch_rows_total", "counter", self._rows),
            ("completion_tokens_total", "counter", self._tokens),
            ("waiting_requests", "gauge", num_waiting),
        ):
            lines += [f"# TYPE tfseq_{name} {kind}", f"tfseq_{name}{{{self._model}}} {number}"]
        return "\n".join(lines) + "\n"
