"""`generate_text.py` with a file of prompts, as a person runs it."""

import json

import pytest
from pipeline_scripts import script


@pytest.mark.slow
def test_each_prompt_is_continued_as_alone(trained, tmp_path):
    (tmp_path / "starts.txt").write_text("the \ntime\n")
    run_dir = trained("language_model").directory.absolute()
    how = [f"--run-dir={run_dir}", "--max-new-tokens=12", "--top-k=5"]
    files = ["--prompts=starts.txt", "--output=ends.jsonl", "--keep=text", "--part-rows=1"]
    script("generate_text", *how, *files, "--seed=3", cwd=tmp_path)
    rows = [json.loads(line) for line in (tmp_path / "ends.jsonl").read_text().splitlines()]
    assert [(row["text"], row["seed"]) for row in rows] == [("the ", 3), ("time", 4)]
    for row in rows:
        asked = [f"--prompt={row['text']}", f"--seed={row['seed']}"]
        alone = script("generate_text", *how, *asked, cwd=tmp_path).stdout
        assert alone == row["text"] + row["completion"] + "\n"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--prompts=a.txt"], "`--prompts` and `--output` go together"),
        (["--keep=id"], "`--keep` cannot be used without a file of `--prompts`"),
        (
            ["--prompts=a.txt", "--output=b.jsonl", "--prompt=x"],
            "`--prompt` cannot be used with `--prompts`",
        ),
        (["--prompts=a.xml", "--output=b.jsonl"], "`--prompts` must end in .txt, .jsonl, .csv"),
    ],
)
def test_options_that_do_not_go_together(tmp_path, options, words):
    done = script("generate_text", "--run-dir=runs/none", *options, cwd=tmp_path, expected=2)
    assert words in done.stderr
    assert not [*tmp_path.iterdir()]
