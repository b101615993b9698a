"""Runs SavedModels through TensorFlow's C API alone, as TensorFlow Serving does.

    python tfseq/serving/loader --parent PID [--threads N]

The child of a `LoaderProcess`: pickled requests in, pickled answers out. It imports neither tfseq
nor TensorFlow's Python package; it opens the wheel's shared libraries, switches XLA compilation
off (the server's default), loads TensorFlow Text's op libraries (they are linked into the server)
and calls `TF_LoadSessionFromSavedModel` and `TF_SessionRun`.

A request is the name of a method of `Loader` and its arguments; the answer is what the method
returns, or a `StatusError`'s message and code. With `--threads`, N requests run at once. Each then
begins with a ticket of its sender's choice; its answer begins with the ticket too, comes when it is
done, and is preceded by its length, 8 bytes. It ends when the process PID has ended, also in the
middle of a request.
"""

import os
import pickle
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

# Beside this file, on the path of a directory that is run; not by way of tfseq.
import c_api
import soak

INTERNAL = 13


class Loader:
    """The models that were loaded, by their directories."""

    def __init__(self):
        self._api = c_api.CApi()
        self._models = {}

    def answer(self, method, arguments):
        """What a method returns and None, or an error and its code."""
        try:
            return getattr(self, method)(*arguments), None
        except c_api.StatusError as error:
            return str(error), error.code

    def load(self, directory):
        self._models[directory] = c_api.SavedModel(self._api, directory)

    def run(self, directory, *arguments):
        return self._models[directory].run(*arguments)

    def soak(self, directory, *arguments):
        return soak.soak(self._models[directory], *arguments)


def outlive_no_parent(parent: int, seconds: float = 0.5) -> None:
    """End this process soon after its parent, whatever it is doing then.

    The end of standard input tells as much, but it is read between requests only, and it does
    not come while any other process holds the pipe. A signal from the system (Linux has one)
    comes when the thread that started this process ends, which is too early.
    """

    def watch() -> None:
        # A request runs in C, without Python's lock, so this thread is never held up for long.
        while os.getppid() == parent:
            time.sleep(seconds)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def answer_many(loader: Loader, requests, answers, num_threads: int) -> None:
    """Answer requests with tickets, several at once, until there are no more."""
    lock = threading.Lock()

    def work(ticket, method, arguments):
        try:
            answer = loader.answer(method, arguments)
        except Exception as error:  # Its sender would wait for ever.
            answer = repr(error), INTERNAL
        content = pickle.dumps((ticket, *answer), pickle.HIGHEST_PROTOCOL)
        with lock:
            answers.write(len(content).to_bytes(8, "little"))
            answers.write(content)
            answers.flush()

    with ThreadPoolExecutor(num_threads) as pool:
        while requests.peek(1):
            pool.submit(work, *pickle.load(requests))


def main() -> None:
    outlive_no_parent(int(sys.argv[2]))
    # Buffered whatever PYTHONUNBUFFERED says: an unbuffered stream drops the rest of a long
    # answer when a stopped process goes on. What libraries print goes to standard error.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    loader = Loader()
    if sys.argv[3:]:
        answer_many(loader, sys.stdin.buffer, answers, num_threads=int(sys.argv[4]))
    else:
        while sys.stdin.buffer.peek(1):
            pickle.dump(loader.answer(*pickle.load(sys.stdin.buffer)), answers)
            answers.flush()
    forbidden = [name for name in sys.modules if name.split(".")[0] in ("tensorflow", "tfseq")]
    if forbidden:
        raise SystemExit(f"the loader process imported {forbidden}")


if __name__ == "__main__":
    main()
