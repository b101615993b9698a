"""Puts the reference model's real answers below the calls in exported/README.md.

python tests/serving/fill_readme.py
"""

import json
import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from serving.conftest import Exported  # noqa: E402
from serving.fake_server import Backend, rest_predict  # noqa: E402
from tfseq.serving.loader.loader_process import LoaderProcess  # noqa: E402


def rounded(value):
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [rounded(item) for item in value]
    return round(value, 4) if isinstance(value, float) else value


def as_text(answer):
    """JSON with one output on a line."""
    outputs = answer["outputs"]
    if not isinstance(outputs, dict):
        return json.dumps(answer, ensure_ascii=False)
    lines = [f'  "{k}": {json.dumps(v, ensure_ascii=False)}' for k, v in sorted(outputs.items())]
    return '{"outputs": {\n' + ",\n".join(lines) + "\n}}"


def main():
    reference = ROOT / "exported" / "python_docs_gru" / "1"
    readme = ROOT / "exported" / "README.md"
    with LoaderProcess() as loader:
        language = Exported(reference, loader.load(reference), None, loader)
        backend = Backend(language, "python_docs_gru")

        def fill(match):
            answer = rounded(rest_predict(backend, match[2]))
            return f"{match[1]}\n```json\n{as_text(answer)}\n```\n"

        pattern = r"(```sh\ncurl -d '([^']+)'.*?```\n)(?:\n```json\n.*?```\n)?"
        text = readme.read_text()
        readme.write_text(re.sub(pattern, fill, text, flags=re.DOTALL))


if __name__ == "__main__":
    main()
