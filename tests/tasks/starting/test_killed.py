"""A run that starts from another, and one from word vectors: killed, and gone on with."""

import shutil
import signal
import subprocess
import time

import numpy as np
import pytest
from pipeline_scripts import command, script
from small_tasks import write_text, write_texts

import tfseq

SCRIPTS = {"language_model": "train_language_model", "classifier": "train_text_classifier"}
THAWING = ("--unfreeze-epochs=1", "--layer-rate-factor=2.6")


def kill_after(steps, run_dir, *arguments):
    """Start a script, and kill it when its newest checkpoint is of so many steps."""
    with subprocess.Popen(
        command(*arguments), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as child:
        deadline = time.monotonic() + 300
        while child.poll() is None and time.monotonic() < deadline:
            names = [path.name for path in (run_dir / "checkpoints").glob("step-*.npz")]
            if names and int(max(names)[5:14]) >= steps:
                break
            time.sleep(0.001)
        child.send_signal(signal.SIGKILL)
    return child.returncode == -signal.SIGKILL


@pytest.mark.slow
@pytest.mark.parametrize("kind", SCRIPTS)
@pytest.mark.parametrize("start", ["run", "vectors"])
def test_killed_and_gone_on_with(kind, start, tmp_path):
    """What it started from is gone by then; the weights are the same, bit for bit."""
    usual = ["--units=6", "--epochs=3", "--no-export", "--verbose=epoch", "--batch-size=8"]
    of_text = ["--num-steps=8", "--sample-epochs=0", "--no-baseline", "--tokenizer=word"]
    source = tmp_path / "source"
    if start == "run":
        text = write_text(tmp_path / "source.txt", seed=1)
        more = [f"--corpus={text}", f"--run-dir={source}", "--embedding-size=4", *of_text]
        script("train_language_model", *usual, *more, cwd=tmp_path)
        given = [f"--init-from={source}", *THAWING]
    else:
        source.mkdir()
        (source / "small.vec").write_text("the 1 2 3\nof 3 2 1\ntea 2 2 1\nrain 0 1 0\n")
        given = [f"--word-vectors={source / 'small.vec'}", "--freeze-embeddings"]
    if kind == "language_model":
        data = [f"--corpus={write_text(tmp_path / 'data.txt', size=900)}", *of_text]
    else:
        data = [f"--data={write_texts(tmp_path / 'data.csv')}"]
    given = [SCRIPTS[kind], *usual, *data, *given, "--checkpoint-seconds=0"]
    script(*given, f"--run-dir={tmp_path / 'whole'}", cwd=tmp_path)
    killed = tmp_path / "killed"
    assert kill_after(7, killed, *given, f"--run-dir={killed}")
    shutil.rmtree(source)
    printed = script(SCRIPTS[kind], "--resume", f"--run-dir={killed}", cwd=tmp_path).stdout
    assert "resumed at step" in printed
    assert "start" in printed
    whole, resumed = (tfseq.load(tmp_path / name).model for name in ("whole", "killed"))
    for a, b in zip(whole.get_weights(), resumed.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
