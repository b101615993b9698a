"""The script that writes text, asking a server."""

import functools

import pipeline_scripts
import pytest

from ..fake_server import Backend, GrpcServer, RestServer
from .small_server import small_server


@pytest.fixture
def script(tmp_path):
    return functools.partial(pipeline_scripts.script, "generate_text", cwd=tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("protocol", ["rest", "grpc"])
def test_texts_of_a_server_are_those_of_the_model(exported, protocol, script):
    if protocol == "grpc":
        pytest.importorskip("tensorflow_serving.apis", reason="extra `serving` is not installed")
    language = exported("gru", 2, "char")
    server = {"grpc": GrpcServer, "rest": RestServer}[protocol](Backend(language))
    to = [f"--server={server.address}", "--model-name=language", f"--protocol={protocol}"]
    expected = language.generator.generate(["ab"] * 2, 32, temperature=0.5, seed=[3, 4])
    done = script(
        *to,
        "--prompt=ab",
        "--max-new-tokens=99",
        "--temperature=0.5",
        "--num-samples=2",
        "--seed=3",
    )
    assert done.stdout == (
        f"--- seed 3 ---\n{expected[0].text}\n\n--- seed 4 ---\n{expected[1].text}\n"
    )
    assert done.stderr == (
        "warning: `max_new_tokens` must be from 0 to 32. Received: 99; used: 32.\n"
    )
    controls = ["--stop", expected[0].completion[9:11], "--min-p=0.01", "--repetition-penalty=1.1"]
    done = script(*to, "--prompt=ab", "--max-new-tokens=32", "--temperature=0.5", *controls)
    (row,) = language.generator.generate(
        ["ab"],
        32,
        temperature=0.5,
        stop_strings=[controls[1]],
        min_p=0.01,
        repetition_penalty=1.1,
        repetition_window=64,
    )
    assert (done.stdout, done.stderr) == (f"{row.text}\n", "")
    beams = language.generator.beam_search("ab", 8, beam_size=3)
    done = script(*to, "--prompt=ab", "--max-new-tokens=8", "--beam-size=2")
    assert done.stdout == "\n".join(
        f"--- log P {beam.log_probability:.2f} ---\n{beam.text}\n" for beam in beams[:2]
    )
    done = script(*to[:1], "--model-name=other", f"--protocol={protocol}", expected=2)
    assert done.stderr.startswith("error: The server's answer is NOT_FOUND: ")
    server.close()


def test_a_token_from_a_file_is_sent(script, tmp_path):
    (tmp_path / "token").write_text("word\n")
    with small_server() as server:
        to = [f"--server=http://{server.address}", "--protocol=rest", "--token-file=token"]
        assert "one of the model's: double" in script(*to, expected=2).stderr
        assert server.seen[0][1]["Authorization"] == "Bearer word"
        assert (
            "token in none cannot be read"
            in script(*to[:2], "--token-file=none", expected=2).stderr
        )


def test_wrong_options(script):
    assert "`--ca-file` needs `--server`" in script("--run-dir=a", "--ca-file=b", expected=2).stderr
    assert "Give either `--run-dir` or `--server`" in script(expected=2).stderr
    both = script("--run-dir=a", "--server=localhost:1", expected=2)
    assert "Give either" in both.stderr
    assert "HOST:PORT" in script("--server=localhost", expected=2).stderr
    done = script("--server=localhost:1", "--allow-unknown", expected=2)
    assert "an export never generates <unk>" in done.stderr
    done = script("--run-dir=a", "--beam-size=2", "--temperature=0.5", "--seed=3", expected=2)
    assert "`--temperature`, `--seed` cannot be used with `--beam-size`" in done.stderr
