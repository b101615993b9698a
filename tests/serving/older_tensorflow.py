"""Load what tfseq exports under older versions of TensorFlow, as a server of their age would.

    python tests/serving/older_tensorflow.py 2.19 2.20

Each version gets a virtual environment with its tensorflow-text, made in --environments where it is
not there yet (a gigabyte and a half each); then `test_older_tensorflow.py` runs with all of them.
"""

import argparse
import os
import subprocess
import sys
import venv
from pathlib import Path


def python_of(version: str, environments: Path) -> Path:
    """The interpreter of a version's environment, which is made where it is missing."""
    place = environments / f"tensorflow-{version}"
    python = place / "bin" / "python"
    if not (place / "installed").exists():
        venv.create(place, clear=True, with_pip=True)
        packages = [f"{name}=={version}.*" for name in ("tensorflow", "tensorflow-text")]
        subprocess.run([python, "-m", "pip", "install", "--quiet", *packages], check=True)
        (place / "installed").touch()  # Last: an install that broke off is begun anew.
    return python


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("versions", nargs="+", help="such as 2.19 or 2.20")
    parser.add_argument(
        "--environments", type=Path, default=Path("~/.cache/tfseq/environments").expanduser()
    )
    options = parser.parse_args()
    pythons = [str(python_of(version, options.environments)) for version in options.versions]
    test = Path(__file__).with_name("test_older_tensorflow.py")
    command = [sys.executable, "-m", "pytest", "-m", "slow", "-n", "0", "-rs", test]
    environment = os.environ | {"TFSEQ_OLDER_PYTHONS": os.pathsep.join(pythons)}
    sys.exit(subprocess.run(command, env=environment).returncode)


if __name__ == "__main__":
    main()
