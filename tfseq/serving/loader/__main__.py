"""Runs SavedModels through TensorFlow's C API alone, as TensorFlow Serving does.

    python tfseq/serving/loader --parent PID

The child of a `LoaderProcess`: pickled requests in, pickled answers out. It imports neither tfseq
nor TensorFlow's Python package; it opens the wheel's shared libraries, switches XLA compilation
off (the server's default), loads TensorFlow Text's op libraries (they are linked into the server)
and calls `TF_LoadSessionFromSavedModel` and `TF_SessionRun`.

A request is the name of a method of `Loader` and its arguments; the answer is what the method
returns, or a `StatusError`'s message and code. It ends when the process PID has ended, also in the
middle of a request.
"""

import os
import pickle
import sys
import threading
import time

# Beside this file, on the path of a directory that is run; not by way of tfseq.
import c_api
import soak


class Loader:
    """The models that were loaded, by their directories."""

    def __init__(self):
        self._api = c_api.CApi()
        self._models = {}

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


def main() -> None:
    outlive_no_parent(int(sys.argv[2]))
    # Buffered whatever PYTHONUNBUFFERED says: an unbuffered stream drops the rest of a long
    # answer when a stopped process goes on. What libraries print goes to standard error.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    loader = Loader()
    while sys.stdin.buffer.peek(1):
        method, arguments = pickle.load(sys.stdin.buffer)
        try:
            answer = getattr(loader, method)(*arguments), None
        except c_api.StatusError as error:
            answer = str(error), error.code
        pickle.dump(answer, answers)
        answers.flush()
    forbidden = [name for name in sys.modules if name.split(".")[0] in ("tensorflow", "tfseq")]
    if forbidden:
        raise SystemExit(f"the loader process imported {forbidden}")


if __name__ == "__main__":
    main()
