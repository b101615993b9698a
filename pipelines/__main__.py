"""The command `tfseq`: one way to all the scripts.

tfseq train-language-model --corpus mine.txt
"""

import difflib
import importlib
import os
import sys
from pathlib import Path

#: Command -> script. The script's whole name, `export-model`, is understood too.
COMMANDS = {
    "train-language-model": "train_language_model",
    "train-text-classifier": "train_text_classifier",
    "train-tagger": "train_tagger",
    "forecast-series": "forecast_series",
    "evaluate": "evaluate_model",
    "generate": "generate_text",
    "predict": "predict",
    "export": "export_model",
    "inspect": "inspect_export",
    "serve": "serve_export",
    "corpus-statistics": "corpus_statistics",
    "gradient-flow": "gradient_flow",
}


def main() -> None:
    """Run the command; a closed pipe ends it in silence, as in `tfseq --help | head -1`."""
    try:
        run_command()
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(141) from None


def run_command() -> None:
    """Run the script that the first word of the command line names, with the words after it."""
    name, *arguments = sys.argv[1:] or [""]
    scripts = {script.replace("_", "-"): script for script in COMMANDS.values()} | COMMANDS
    if name in scripts:
        sys.argv = [f"tfseq {name}", *arguments]
        importlib.import_module(f"{__package__}.{scripts[name]}".lstrip(".")).command()
    elif name in ("-h", "--help"):
        print(overview())
    elif name == "--version":
        import tfseq

        print(f"tfseq {tfseq.__version__}")
    elif not name:
        print(overview(), file=sys.stderr)
        raise SystemExit(2)
    else:
        print(f"error: {refusal(name, list(scripts))}", file=sys.stderr)
        raise SystemExit(2)


def overview() -> str:
    """The commands, and the first line of what each script says of itself."""
    commands = ""
    for name, script in COMMANDS.items():
        source = Path(__file__).with_name(f"{script}.py").read_text(encoding="utf-8")
        first = source.strip('"').splitlines()[0].split(":")[0].rstrip(".")
        commands += f"  {name:<22} {first}\n"
    return f"""usage: tfseq COMMAND [OPTIONS]

Recurrent sequence models, from text to a SavedModel that TensorFlow Serving runs.

{commands}
`tfseq COMMAND --help` lists the options of a command, `tfseq --version` the version."""


def refusal(name: str, names: list[str]) -> str:
    """What is said of a command that is not there."""
    begun = [known for known in COMMANDS if known.startswith(name)]
    near = begun or difflib.get_close_matches(name, names, n=1)
    hint = f"Did you mean {' or '.join(near)}?" if near else "`tfseq --help` lists them."
    return f"There is no command `{name}`. {hint}"


if __name__ == "__main__":
    main()
