"""Files of inputs, and what a task makes of them, for the tests of this directory."""

import json

from tfseq.tasks.prediction.predict_file import predict_file

TEXTS = ["egg tea", "", "rain mud and cold", "猫 naïve", "a"] * 5


def predicted(task, source, output, **more):
    more = {"part_rows": 4, "log": lambda line: None, **more}
    return rows_of(predict_file(task.directory, source, output, **more))


def rows_of(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def write_objects(path, field, values):
    lines = (json.dumps({"id": n, field: value}) for n, value in enumerate(values))
    path.write_text("\n".join(lines))
    return path
