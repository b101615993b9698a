"""Many sessions at once on one loaded model, and what they do to its memory."""

import os
import threading
import time


def soak(model, requests: list[tuple[dict, list]], num_threads: int, seconds: float) -> dict:
    """Let threads take turns through requests, each on its own, until the time is over.

    Requests to a loaded `SavedModel` are pairs of what is fed and what is fetched. Returns the
    `count` of answers, `errors` as texts, and `resident`, megabytes at every second.
    """
    end = time.monotonic() + seconds
    errors, counts, resident = [], [0] * num_threads, []

    def session(number: int) -> None:
        while time.monotonic() < end:
            try:
                model.run(*requests[(number + counts[number]) % len(requests)])
            except Exception as error:
                errors.append(str(error))
                return
            counts[number] += 1

    threads = [threading.Thread(target=session, args=(n,)) for n in range(num_threads)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        with open("/proc/self/statm") as file:
            pages = int(file.read().split()[1])
        resident.append(pages * os.sysconf("SC_PAGE_SIZE") / 1e6)
        time.sleep(min(1, max(end - time.monotonic(), 0.05)))
    return {"count": sum(counts), "errors": errors, "resident": resident}
