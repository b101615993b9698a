"""What is shown of the work of a cluster."""

import io

from tfseq.cluster.text.stage_progress import StageProgress


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_on_a_terminal_it_is_a_bar_that_goes_away():
    seconds = iter([0.0, 1.0, 1.1, 2.0, 2.0]).__next__
    stream, lines = Terminal(), []
    progress = StageProgress(lines.append, stream, seconds)
    progress.begin("tokenize", tasks=4, size=8_000_000)
    for _ in range(3):
        progress.done(size=2_000_000, tokens=500_000)
    progress.end()
    first, second, last = stream.getvalue().split("\r\033[K")[1:]
    assert first == (
        "[######                  ] tokenize 1/4 tasks, 2.0 of 8.0 MB, 2.0 MB/s, 500,000 tokens/s"
    )
    # What comes within a fifth of a second is shown with the next.
    assert second.startswith("[##################      ] tokenize 3/4 tasks, 6.0 of 8.0 MB, 3.0")
    assert last == ""
    assert lines == ["tokenize 2 s: 6.0 MB, 3.0 MB/s, 750,000 tokens/s"]


def test_elsewhere_it_is_a_line_a_minute_and_the_longest_stage_comes_first():
    seconds = iter([0.0, 30.0, 61.0, 62.0, 80.0, 100.0, 100.0, 290.0]).__next__
    stream, lines = io.StringIO(), []
    progress = StageProgress(lines.append, stream, seconds)
    progress.begin("tokenize", tasks=3)
    for _ in range(3):
        progress.done()
    progress.end()
    progress.begin("write", tasks=1)
    progress.done()
    progress.end()
    assert stream.getvalue() == ""
    assert lines == ["tokenize 2/3 tasks"]
    assert progress.summary() == "text stage 270 s: write 70%, tokenize 30%"
