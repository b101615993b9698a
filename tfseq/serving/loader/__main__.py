"""Runs SavedModels through TensorFlow's C API alone, as TensorFlow Serving does.

    python tfseq/serving/loader

A child process: JSON lines in, JSON lines out. It imports neither tfseq nor TensorFlow's Python
package; it opens the wheel's shared libraries, switches XLA compilation off (the server's
default), loads TensorFlow Text's op libraries (they are linked into the server) and calls
`TF_LoadSessionFromSavedModel` and `TF_SessionRun`.

Requests: {"load": directory} -> {"signatures": {name: {"inputs": ..., "outputs": ...}}};
{"model": directory, "signature": name, "inputs": {name: tensor}, "repeat": number} ->
{"outputs": {name: tensor}, "seconds": [...]} or {"error": message, "code": number}.
{"model": directory, "soak": {"requests": [...], "num_threads": number, "seconds": number}} ->
{"count": number, "errors": [...], "resident": [...]}; see `soak.py`.
A tensor is {"dtype", "shape", "values"}, strings in base64.

`--parent PID` names the process that it serves. It ends when that process has ended, also in the
middle of a request.
"""

import importlib.util
import json
import os
import sys
import threading
import time
from pathlib import Path


def _import_siblings():
    """The package beside this file under a name of its own, without its parents."""
    directory = Path(__file__).parent
    spec = importlib.util.spec_from_file_location(
        "c_loader", directory / "__init__.py", submodule_search_locations=[str(directory)]
    )
    sys.modules["c_loader"] = importlib.util.module_from_spec(spec)
    return importlib.import_module("c_loader.c_api"), importlib.import_module("c_loader.soak")


def _outlive_no_parent(parent: int, seconds: float = 0.5) -> None:
    """End this process soon after its parent, whatever it is doing then.

    The end of standard input tells as much, but it is read between requests only, and it does
    not come while any other process holds the pipe. A signal from the system (Linux has one)
    comes when the thread that started this process ends, which is too early.
    """
    adopted = os.getppid()

    def watch() -> None:
        # A request runs in C, without Python's lock, so this thread is never held up for long.
        while os.getppid() == adopted and _is_there(parent):
            time.sleep(seconds)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _is_there(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def main() -> None:
    if sys.argv[1:2] == ["--parent"]:
        _outlive_no_parent(int(sys.argv[2]))
    # Buffered whatever PYTHONUNBUFFERED says: an unbuffered stream drops the rest of a long line
    # when a stopped process goes on. What libraries print goes to standard error.
    answers = os.fdopen(os.dup(1), "w", encoding="ascii")
    os.dup2(2, 1)
    c_api, soak = _import_siblings()
    api = c_api.CApi()
    models = {}
    for line in sys.stdin:
        request = json.loads(line)
        try:
            if "load" in request:
                directory = request["load"]
                models[directory] = c_api.SavedModel(api, directory)
                answer = {"signatures": models[directory].signatures}
            elif "soak" in request:
                answer = soak.soak(models[request["model"]], **request["soak"])
            else:
                model = models[request["model"]]
                outputs, seconds = model.run(
                    request["signature"], request["inputs"], request.get("repeat", 1)
                )
                answer = {"outputs": outputs, "seconds": seconds}
        except c_api.StatusError as error:
            answer = {"error": str(error), "code": error.code}
        print(json.dumps(answer), file=answers, flush=True)
    forbidden = [name for name in sys.modules if name.split(".")[0] in ("tensorflow", "tfseq")]
    if forbidden:
        raise SystemExit(f"the loader process imported {forbidden}")


if __name__ == "__main__":
    main()
