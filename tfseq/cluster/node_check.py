"""Whether every node of a cluster runs what this process runs."""

import functools
import hashlib
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import tfseq
from tfseq.errors import InputError

_SECONDS = 60.0


@functools.cache
def versions() -> dict[str, str]:
    """What results depend on besides options and data: versions, and tfseq's source."""
    place, digest = Path(tfseq.__file__).parent, hashlib.sha256()
    for file in sorted(place.rglob("*.py")):
        digest.update(f"{file.relative_to(place)}\0".encode() + file.read_bytes())
    return {
        "Python": ".".join(map(str, sys.version_info[:2])),
        "TensorFlow": metadata.version("tensorflow"),
        "tfseq": f"{tfseq.__version__} (source {digest.hexdigest()[:8]})",
    }


def on_every_node(function: Any) -> dict[str, Any]:
    """What a function returns on each node, by the node's address; an exception where it raises.

    A node that goes meanwhile is left out.

    Args:
        function: without arguments. One that is defined in a function needs no tfseq on the node.
    """
    import ray
    from ray.exceptions import NodeDiedError, TaskUnschedulableError
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    nodes = [node for node in ray.nodes() if node["Alive"]]
    run = ray.remote(num_cpus=0, max_retries=3)(function)
    begun = {
        run.options(
            scheduling_strategy=NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
        ).remote(): node["NodeManagerAddress"]
        for node in nodes
    }
    done, late = ray.wait([*begun], num_returns=len(begun), timeout=_SECONDS)
    results: dict[str, Any] = {}
    for reference in done:
        try:
            result = ray.get(reference)
        except (NodeDiedError, TaskUnschedulableError):
            continue
        except Exception as error:
            result = error
        # Of several on one machine, the one that cannot.
        name = begun[reference]
        if not isinstance(results.get(name), Exception):
            results[name] = result
    for reference in late:
        ray.cancel(reference, force=True)
        results[begun[reference]] = TimeoutError(f"no answer in {_SECONDS:.0f} s")
    return results


def check_nodes() -> None:
    """Raise InputError unless all nodes have this process's Python, TensorFlow and tfseq."""
    here = versions()

    def there() -> dict[str, str]:
        from tfseq.cluster.node_check import versions

        return versions()

    # Its code travels with it, and so is there where tfseq is not.
    for node, found in on_every_node(_by_value(there)).items():
        if isinstance(found, Exception):
            cause = getattr(found, "cause", None) or found
            reason = " ".join(str(cause).strip().splitlines()[-1:]) or type(cause).__name__
            raise InputError(
                f"`cluster`: the node {node} cannot run tfseq: {reason}. Install the same tfseq "
                "there as here."
            )
        for name, version in here.items():
            if found[name] != version:
                raise InputError(
                    f"`cluster`: the node {node} has {name} {found[name]}, and this process "
                    f"{version}. Install the same version on both."
                )


def _by_value(function: Any) -> Any:
    function.__module__ = "__main__"
    return function
