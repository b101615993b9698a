"""What every script in `pipelines/` does around its job."""

import contextlib
import dataclasses
import io
import os
import re
import sys
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from tfseq.errors import InputError
from tfseq.files.atomic_file import FULL, scratch_file
from tfseq.options.configuration import parse_options
from tfseq.options.freed_memory import keep_freed_memory
from tfseq.options.run_options import parse_run_options
from tfseq.options.training_options import TrainingOptions

Options = TypeVar("Options")


def run(
    options_type: type[Options],
    main: Callable[[Options], Any],
    parse: Callable[[], Options] | None = None,
    with_tensorflow: bool = True,
) -> None:
    """Parse the options, load TensorFlow without its chatter, and do the job.

    Memory that a script with TensorFlow frees stays with it, see `tfseq.keep_freed_memory`.

    An `InputError` or a full disk becomes a message on standard error and exit code 2. The library
    names an argument; where it is a field of the options, the message names the option: `run_dir`
    becomes `--run-dir`. Ctrl-C exits with 130 and a closed pipe with 141, as other tools do. Every
    other exception is a fault of ours and keeps its traceback.

    Args:
        options_type: a dataclass; `TrainingOptions` may go on with a run, see `parse_run_options`.
        main: the job.
        parse: reads the command line; None reads it as the options' type says. It runs before
            TensorFlow is loaded, so that `--help` and wrong options are answered at once.
        with_tensorflow: False where the job does without.
    """
    # A line is seen when it is printed, also in a pipe or a file, and a terminal that cannot
    # show a character shows a question mark.
    if sys.stdout is None:  # Closed by the shell, as by `>&-`.
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(line_buffering=True, errors="replace")
    try:
        check_current_directory()
        options = parse() if parse else _parse(options_type)
        if with_tensorflow:
            # Not in the library: what a process does with its memory is its program's to say.
            keep_freed_memory()
            import_tensorflow()
        main(options)
        sys.stdout.flush()
    except InputError as error:
        for line in with_option_names(str(error), options_type).splitlines():
            print(f"error: {line}", file=sys.stderr)
        raise SystemExit(2) from None
    except OSError as error:
        if isinstance(error, BrokenPipeError):
            _write_no_more()
            raise SystemExit(141) from None
        if error.errno not in FULL:
            raise
        # What is printed has no name, and all else is written under one.
        place = error.filename or "standard output"
        if error.filename is None:
            _write_no_more()
        print(
            f"error: {place} cannot be written: {error.strerror}. Free some space there, then "
            "try again.",
            *getattr(error, "__notes__", ()),
            file=sys.stderr,
        )
        raise SystemExit(2) from None
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        raise SystemExit(130) from None


def _parse(options_type: type[Options]) -> Options:
    goes_on = issubclass(options_type, TrainingOptions)
    return (parse_run_options if goes_on else parse_options)(options_type)


def _write_no_more() -> None:
    """Let what is still to be printed go nowhere, so that Python can end in silence."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def with_option_names(message: str, options_type: type | None) -> str:
    """A message in which the fields of the options are named as on the command line.

    >>> Options = dataclasses.make_dataclass("Options", ["run_dir"])
    >>> with_option_names("`run_dir` a is no run of `units` 3.", Options)
    '`--run-dir` a is no run of `units` 3.'
    >>> with_option_names("Add `run_dir=False`.", Options)
    'Add `--no-run-dir`.'
    >>> with_option_names("Use `run_dir='runs/a'`.", Options)
    'Use `--run-dir runs/a`.'
    """
    if not dataclasses.is_dataclass(options_type):
        return message
    for field in dataclasses.fields(options_type):
        option = field.name.replace("_", "-")
        message = message.replace(f"`{field.name}`", f"`--{option}`")
        message = message.replace(f"`{field.name}=False`", f"`--no-{option}`")
        message = re.sub(rf"`{field.name}='([^'`]*)'`", rf"`--{option} \1`", message)
    return message


def check_current_directory() -> None:
    """Raise InputError where the directory that the shell is in has been removed."""
    try:
        os.getcwd()
    except OSError as error:
        raise InputError(
            f"The current directory cannot be used: {error.strerror}. It may have been removed. "
            "Change to another directory."
        ) from error


def import_tensorflow() -> None:
    """Import TensorFlow and TF-Text, holding back what their C++ side prints as it is loaded.

    The lines (which CPU kernels there are, that there is no GPU driver) are printed whatever the
    log level is. They are shown after all if the import fails.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.stderr.flush()
    stderr = os.dup(2)
    with scratch_file() as chatter, _without("matplotlib"):
        os.dup2(chatter.fileno(), 2)
        try:
            import tensorflow
            import tensorflow_text  # noqa: F401
        except BaseException:
            chatter.seek(0)
            os.write(stderr, chatter.read())
            raise
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
    tensorflow.get_logger().setLevel("ERROR")


@contextlib.contextmanager
def _without(name: str) -> Iterator[None]:
    """A module that has not been loaded is not found meanwhile.

    Keras loads Matplotlib if it finds it, half a second, for functions that no script calls.
    """
    if name in sys.modules:
        yield
        return
    sys.modules[name] = None
    try:
        yield
    finally:
        del sys.modules[name]
