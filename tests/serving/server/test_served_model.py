"""Versions that come, crash and go, their processes being ours: what is asked meanwhile."""

import asyncio
import json
import types
from typing import ClassVar

import numpy as np
import pytest

pytest.importorskip("starlette", reason="starlette is not installed (extra `server`)")

from tfseq.serving.server.faults import FaultError
from tfseq.serving.server.models import version as version_module
from tfseq.serving.server.models.served_model import ServedModel
from tfseq.serving.server.options import Limits
from tfseq.serving.server.rest.endpoints import RestEndpoints
from tfseq.serving.server.rest.metrics import Metrics
from tfseq.serving.wire.signature import Signature, TensorInfo

DOUBLE = Signature(
    {"x": TensorInfo("DT_FLOAT", (-1,), "x:0")}, {"y": TensorInfo("DT_FLOAT", (-1,), "y:0")}
)


class Process:
    """Doubles; what is `broken` does not load."""

    broken: ClassVar[dict[str, Exception]]
    processes: ClassVar[dict[str, "Process"]]

    def __init__(self):
        self.has_ended, self.pid = False, 0

    @classmethod
    async def load(cls, directory, num_threads, timeout):
        if directory.name in cls.broken:
            raise cls.broken[directory.name]
        await asyncio.sleep(0)
        cls.processes[directory.name] = process = cls()
        return process

    async def run(self, feeds, fetches, timeout):
        await asyncio.sleep(0)
        if self.has_ended:
            raise FaultError("UNAVAILABLE", "The process that holds the model has ended.")
        return [2 * feeds["x:0"]]

    async def close(self):
        self.has_ended = True
        await asyncio.sleep(0.01)


@pytest.fixture
def process(monkeypatch):
    class OfTest(Process):
        broken, processes = {}, {}

    monkeypatch.setattr(version_module, "ModelProcess", OfTest)
    monkeypatch.setattr(version_module, "read_signatures", lambda path: {"serving_default": DOUBLE})
    monkeypatch.setattr(version_module, "read_warm_up", lambda path: [])
    return OfTest


@pytest.fixture
def model(tmp_path, process):
    (tmp_path / "1").mkdir()
    return ServedModel(tmp_path, Limits(), poll_seconds=60.0)


def states(model):
    return {version.number: version.state for version in model.versions()}


async def answered(model):
    outputs = await model.predict("serving_default", {"x": np.float32([4])})
    return outputs["y"].tolist() == [8]


def test_the_last_that_loads_is_loaded_again_when_it_crashes(tmp_path, model, process):
    """The newest, which does not load, takes nothing from it."""

    async def go():
        await model.start()
        (tmp_path / "2").mkdir()
        process.broken["2"] = FaultError("INTERNAL", "half a copy")
        await model.look()
        assert states(model) == {1: "AVAILABLE", 2: "END"}
        process.processes["1"].has_ended = True
        await model.look()
        assert states(model) == {1: "AVAILABLE", 2: "END"}
        assert await answered(model)
        await model.close(0)

    asyncio.run(go())


def test_one_that_crashed_is_away_for_a_while_only(model, process):
    """Who asks for it meanwhile is told to come again, and not that there is none."""

    async def go():
        await model.start()
        process.processes["1"].has_ended = True
        looking, said = asyncio.create_task(model.look()), set()
        while not looking.done():
            for number in (None, 1):
                try:
                    model.find(number)
                except FaultError as fault:
                    said.add(fault.code)
            with pytest.raises(FaultError, match="not found"):
                model.find(7)
            await asyncio.sleep(0)
        assert said == {"UNAVAILABLE"}
        assert await answered(model)
        await model.close(0)

    asyncio.run(go())


@pytest.mark.parametrize("fault", [OSError("no more processes"), KeyError("a wrong warm-up")])
def test_what_else_fails_is_no_loading_for_ever(tmp_path, model, process, fault):
    async def go():
        await model.start()
        (tmp_path / "2").mkdir()
        process.broken["2"] = fault
        await model.look()
        assert states(model) == {1: "AVAILABLE", 2: "END"}
        assert type(fault).__name__ in str(model.versions()[0].fault)
        process.broken.clear()
        (tmp_path / "2" / "more").write_text("there")
        await model.look()
        assert model.find().number == 2
        await model.close(0)

    asyncio.run(go())


def test_no_request_is_lost_to_the_next_version(model):
    """One that has found its version keeps it, though it has not begun with its work."""

    class Request:
        method = "POST"
        scope = types.MappingProxyType({"raw_path": f"/v1/models/{model.name}:predict".encode()})
        headers = types.MappingProxyType({})

        async def stream(self):
            yield json.dumps({"instances": [4]}).encode()

        async def receive(self):
            await asyncio.Event().wait()

    async def go():
        await model.start()
        loop, version = asyncio.get_running_loop(), model.find()
        endpoint = RestEndpoints(model, Limits(), Metrics(model.name))
        # The request finds its version when the end of that is decided, but has not begun.
        ending = []
        loop.call_soon(lambda: ending.append(asyncio.create_task(version.unload(5))))
        answer = await asyncio.create_task(endpoint(Request()))
        await ending[0]
        assert version.state == "END"
        await model.close(0)
        return json.loads(answer.body)

    assert asyncio.run(go()) == {"predictions": [8.0]}
