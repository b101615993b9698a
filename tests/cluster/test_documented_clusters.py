"""The manifest for KubeRay and the job for Slurm that `docs/` gives."""

import json
import os
import random
import shlex
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

import tfseq
from tfseq.options.run_options import parse_run_options

from .ray_processes import processes_of_ray

ROOT = Path(__file__).parents[2]
CLUSTERS = ROOT / "docs" / "clusters"

# What KubeRay's reference (ray.io/v1) and that of Kubernetes have, of what we use. `!`: required.
RESOURCES = {"cpu": str, "memory": str, "nvidia.com/gpu": str}
POD = {
    "spec!": {
        "containers!": [
            {
                "name!": str,
                "image!": str,
                "resources": {"requests": RESOURCES, "limits": RESOURCES},
                "volumeMounts": [{"name!": str, "mountPath!": str}],
            }
        ],
        "volumes": [{"name!": str, "persistentVolumeClaim": {"claimName!": str}}],
    }
}
GROUP = {"rayStartParams": {"num-cpus": str}, "template!": POD}
SIZES = {"replicas": int, "minReplicas!": int, "maxReplicas!": int}
CLUSTER = {
    "rayVersion": str,
    "authOptions": {"mode": str},
    "headGroupSpec!": GROUP,
    "workerGroupSpecs": [{"groupName!": str, **SIZES, **GROUP}],
}
JOB = {
    "entrypoint": str,
    "shutdownAfterJobFinishes": bool,
    "ttlSecondsAfterFinished": int,
    "rayClusterSpec": CLUSTER,
}
MANIFEST = {"apiVersion!": str, "kind!": str, "metadata!": {"name!": str}, "spec!": JOB}


def check(value, schema, place="manifest"):
    if isinstance(schema, dict):
        assert isinstance(value, dict), place
        names = {name.rstrip("!"): rule for name, rule in schema.items()}
        assert value.keys() <= names.keys(), place
        assert value.keys() >= {name.rstrip("!") for name in schema if name.endswith("!")}, place
        for name, part in value.items():
            check(part, names[name], f"{place}.{name}")
    elif isinstance(schema, list):
        for number, part in enumerate(value):
            check(part, *schema, f"{place}[{number}]")
    else:
        assert type(value) is schema, place


def options_of(words):
    """What our own parser makes of a command."""
    command, task, *arguments = words
    assert (command, task) == ("tfseq", "train-language-model")
    return parse_run_options(tfseq.LanguageModelOptions, arguments)


def test_the_manifest_of_kuberay():
    manifest = yaml.safe_load((CLUSTERS / "kuberay.yaml").read_text())
    check(manifest, MANIFEST)
    assert (manifest["apiVersion"], manifest["kind"]) == ("ray.io/v1", "RayJob")
    cluster = manifest["spec"]["rayClusterSpec"]
    assert cluster["authOptions"] == {"mode": "token"}
    (group,) = cluster["workerGroupSpecs"]
    pods = [part["template"]["spec"] for part in (cluster["headGroupSpec"], group)]
    (head,), (worker,) = (pod["containers"] for pod in pods)
    assert head["image"] == worker["image"]
    assert head["volumeMounts"] == worker["volumeMounts"]
    assert pods[0]["volumes"] == pods[1]["volumes"]
    options = options_of(shlex.split(manifest["spec"]["entrypoint"]))
    assert options.cluster == "auto"
    # They fill the machines, and no more.
    assert options.workers == group["replicas"]
    assert options.worker_cpus == int(worker["resources"]["limits"]["cpu"])
    (mount,) = worker["volumeMounts"]
    for place in (options.corpus, options.cache_dir, options.run_dir):
        assert Path(place).is_relative_to(mount["mountPath"])
    assert f"rayproject/ray:{cluster['rayVersion']}-" in (CLUSTERS / "Dockerfile").read_text()


def executable(path, text):
    path.write_text(text)
    path.chmod(0o755)


# As Slurm's, on one machine that stands for all nodes.
SRUN = """#!/usr/bin/env bash
times=1
while [[ $1 == --* ]]; do
    [[ $1 == --ntasks=* ]] && times=${1#*=}
    shift
done
trap 'kill $(jobs -p); wait' TERM
for ((i = 0; i < times; i++)); do "$@" & done
wait
"""
# As `ray start --block`.
RAY = """#!/usr/bin/env bash
echo "$RAY_AUTH_MODE $RAY_AUTH_TOKEN $$ $*" >> "$SHARED/ray.txt"
while [[ $1 != --temp-dir ]]; do shift; done
mkdir -p "$2"
while (($#)); do
    [[ $1 == --port ]] && exec python -m http.server --bind 127.0.0.1 "$2"
    shift
done
exec sleep 600
"""
TFSEQ = """#!/usr/bin/env python
import json, os, sys
from pathlib import Path
line = json.dumps([os.environ["RAY_AUTH_TOKEN"], *sys.argv[1:]])
with open(os.environ["SHARED"] + "/tfseq.txt", "a") as file:
    file.write(line + chr(10))
run = Path(sys.argv[sys.argv.index("--run-dir") + 1])
run.mkdir(parents=True, exist_ok=True)
(run / "config.json").touch()
"""


@pytest.fixture
def slurm(tmp_path):
    """A shared directory, and what runs the job in it: (exit status, what was printed).

    Nothing is left in the job's temporary directory, which is `/tmp/ray-NUMBER`.
    """
    binaries, shared = tmp_path / "bin", tmp_path / "shared"
    binaries.mkdir()
    shared.mkdir()
    executable(binaries / "srun", SRUN)
    executable(binaries / "scontrol", "#!/usr/bin/env bash\nprintf '%s\\n' localhost other\n")
    job = free_job()
    environment = {
        **{name: text for name, text in os.environ.items() if not name.startswith("RAY_")},
        "PATH": os.pathsep.join([str(binaries), str(Path(sys.executable).parent), os.defpath]),
        "SHARED": str(shared),
        "SLURM_JOB_ID": str(job),
        "SLURM_JOB_NUM_NODES": "2",
        "SLURM_JOB_NODELIST": "localhost,other",
        "SLURM_CPUS_PER_TASK": "1",
    }

    def run(**more):
        done = subprocess.run(
            ["bash", str(CLUSTERS / "slurm.sh")],
            env=environment | more,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
            check=False,
        )
        assert not Path(f"/tmp/ray-{job}").exists()
        return done.returncode, done.stdout

    run.job = job
    return binaries, shared, run


def free_job():
    """The number of a job whose port is free."""
    while True:
        job = random.randrange(10_000)
        with socket.socket() as server:
            try:
                server.bind(("127.0.0.1", 20_000 + job))
            except OSError:
                continue
            return job


def test_the_job_of_slurm(slurm):
    binaries, shared, run = slurm
    executable(binaries / "ray", RAY)
    executable(binaries / "tfseq", TFSEQ)
    modules = shared / "modules"
    modules.mkdir()
    (modules / "ray.py").write_text(
        "def init(address, **how): ...\ndef nodes(): return [{'Alive': True}] * 2\n"
    )
    for _ in range(2):
        status, printed = run(PYTHONPATH=str(modules))
        assert status == 0, printed
    first, second = (json.loads(line) for line in (shared / "tfseq.txt").read_text().splitlines())
    options = options_of(["tfseq", *first[1:]])
    assert (options.workers, options.worker_cpus) == (2, 1)
    assert Path(options.corpus) == shared / "texts"
    assert "--resume" not in first
    assert second[-1] == "--resume"
    nodes = [line.split() for line in (shared / "ray.txt").read_text().splitlines()]
    assert [node[:2] for node in nodes] == [["token", first[0]]] * 2 + [["token", second[0]]] * 2
    assert len(first[0]) == 64
    assert first[0] != second[0]
    assert [node.count("--head") for node in nodes] == [1, 0, 1, 0]
    assert nodes[1][nodes[1].index("--address") + 1] == options.cluster
    for node in nodes:
        assert not Path("/proc", node[2]).exists()


@pytest.mark.parametrize("ends", [True, False])
def test_a_node_without_ray_ends_the_job_of_slurm_and_is_named(slurm, ends):
    """At once where its Ray has ended, else when the time is over."""
    binaries, shared, run = slurm
    where = '[[ "$*" == *--address* ]] && exit 1\n'
    executable(binaries / "ray", RAY.replace("while", f"{where}while", 1) if ends else RAY)
    modules = shared / "modules"
    modules.mkdir()
    (modules / "ray.py").write_text(
        "def init(address, **how): ...\n"
        "def nodes(): return [{'Alive': True, 'NodeManagerHostname': 'localhost.example.org'}]\n"
    )
    begun = time.monotonic()
    status, printed = run(PYTHONPATH=str(modules), SECONDS_TO_START="200" if ends else "1")
    assert status != 0
    assert "error: Ray has not started on other\n" in printed
    assert time.monotonic() - begun < 100


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ("exit 1", "scontrol names no node of the job"),
        ("echo nowhere.invalid", "the node nowhere.invalid has no IPv4 address"),
    ],
)
def test_a_job_of_slurm_whose_head_is_not_found_says_so(slurm, names, words):
    binaries, _, run = slurm
    executable(binaries / "scontrol", f"#!/usr/bin/env bash\n{names}\n")
    status, printed = run()
    assert status == 1
    assert printed.splitlines()[-1] == f"error: {words}"


@pytest.mark.slow
def test_the_job_of_slurm_trains(slurm):
    pytest.importorskip("ray", reason="the extra `scale` is not installed")
    binaries, shared, run = slurm
    small = "--epochs 1 --units 4 --num-layers 1 --batch-size 4 --num-steps 16 --no-export"
    more = f'[[ "$*" == *--resume* ]] || set -- "$@" {small}'
    executable(
        binaries / "tfseq",
        f'#!/usr/bin/env bash\n{more}\nexec python -m pipelines "$@"\n',
    )
    (shared / "texts").mkdir()
    (shared / "texts" / "a.txt").write_text("the cat sat on the mat and the hat\n" * 200)
    status, printed = run(PYTHONPATH=str(ROOT))
    assert status == 0, printed
    assert "2 nodes, 2 CPUs" in printed
    assert tfseq.load(shared / "runs" / "words").metrics["validation_perplexity"] > 1
    assert not processes_of_ray(f"/tmp/ray-{run.job}")
