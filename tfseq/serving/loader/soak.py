"""Many sessions at once on one loaded model, and what they do to its memory."""

import os
import threading
import time

from .c_api import StatusError


def soak(model, requests: list[dict], num_threads: int, seconds: float) -> dict:
    """Let threads take turns through requests, each on its own, until the time is over.

    Args:
        model: a loaded `SavedModel`.
        requests: `signature` and `inputs` of each.
        num_threads: sessions at once.
        seconds: how long.

    Returns:
        `count` of answers, `errors` as texts, and `resident`, megabytes at every second.
    """
    end = time.monotonic() + seconds
    errors, counts, resident = [], [0] * num_threads, []

    def session(number: int) -> None:
        position = number
        while time.monotonic() < end:
            request = requests[position % len(requests)]
            try:
                model.run(request["signature"], request["inputs"])
            except StatusError as error:
                errors.append(f"{request['signature']}: {error}")
                return
            counts[number] += 1
            position += 1

    threads = [threading.Thread(target=session, args=(n,)) for n in range(num_threads)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        resident.append(_resident_megabytes())
        time.sleep(min(1, max(end - time.monotonic(), 0.05)))
    return {"count": sum(counts), "errors": errors, "resident": resident}


def _resident_megabytes() -> float:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
