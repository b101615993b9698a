#!/usr/bin/env bash
#SBATCH --job-name=tfseq
#SBATCH --nodes=4
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=8
#SBATCH --mem=32G
#SBATCH --time=24:00:00
#SBATCH --output=%x-%j.log
#
# A cluster for one run: `sbatch slurm.sh`. Ray starts on the nodes of the job, the script runs on the
# first of them, and all of it ends with the job. Sent again, the job goes on with its run.
#
# Yours to set: what stands above, how your Python is found, and the command.
set -euo pipefail

# module load python; source /shared/venv/bin/activate
SHARED=${SHARED:-$PWD}
RUN="$SHARED/runs/words"
SECONDS_TO_START=${SECONDS_TO_START:-300} # Ray, on all nodes.

# `srun` passes the token on to all nodes. It is written to no file.
export RAY_AUTH_MODE=token
RAY_AUTH_TOKEN=$(python -c "import secrets; print(secrets.token_hex(32))")
export RAY_AUTH_TOKEN

nodes=$SLURM_JOB_NUM_NODES
fail() {
    echo "error: $1" >&2
    exit 1
}
read -r head < <(scontrol show hostnames "$SLURM_JOB_NODELIST") || fail "scontrol names no node of the job"
read -r ip _ < <(getent ahostsv4 "$head") || fail "the node $head has no IPv4 address"
port=$((20000 + SLURM_JOB_ID % 10000)) # Not that of another job on the node.
place="/tmp/ray-$SLURM_JOB_ID"
start=(ray start --block --num-cpus "$SLURM_CPUS_PER_TASK" --temp-dir "$place" --disable-usage-stats)

steps=()
finish() {
    # Not `ray stop`: it would end the Ray of other jobs too.
    kill "${steps[@]}" 2>/dev/null || true
    wait "${steps[@]}" || true
    srun --overlap --nodes="$nodes" --ntasks="$nodes" rm -rf "$place"
}
trap finish EXIT

srun --overlap --nodes=1 --ntasks=1 --nodelist="$head" \
    "${start[@]}" --head --node-ip-address "$ip" --port "$port" --include-dashboard false &
steps+=($!)
until (exec 3<>"/dev/tcp/$ip/$port") 2>/dev/null; do
    kill -0 "${steps[0]}" # Ends the job where Ray could not be started.
    sleep 1
done
if ((nodes > 1)); then
    # Where one node fails later, the others go on.
    srun --overlap --kill-on-bad-exit=0 --nodes=$((nodes - 1)) --ntasks=$((nodes - 1)) --exclude="$head" \
        "${start[@]}" --address "$ip:$port" &
    steps+=($!)
fi
python - "$ip:$port" "$SECONDS_TO_START" "${steps[@]}" <<'END'
import os, subprocess, sys, time, ray

address, seconds, *steps = sys.argv[1:]
names = ["scontrol", "show", "hostnames", os.environ["SLURM_JOB_NODELIST"]]
names = subprocess.run(names, stdout=subprocess.PIPE, text=True, check=True).stdout.split()
until = time.monotonic() + float(seconds)
ray.init(address, log_to_driver=False)
while len(alive := [node for node in ray.nodes() if node["Alive"]]) < len(names):
    if time.monotonic() > until or not all(os.path.exists(f"/proc/{step}") for step in steps):
        there = {node["NodeManagerHostname"].partition(".")[0] for node in alive}
        missing = [name for name in names if name.partition(".")[0] not in there]
        sys.exit(f"error: Ray has not started on {', '.join(missing) or 'every node'}")
    time.sleep(1)
END

command=(--run-dir "$RUN" --cluster "$ip:$port" --workers "$nodes" --worker-cpus "$SLURM_CPUS_PER_TASK")
if [ -e "$RUN/config.json" ]; then
    command+=(--resume)
else
    command+=(--corpus "$SHARED/texts" --tokenizer word --cache-dir "$SHARED/cache" --verbose epoch)
fi
tfseq train-language-model "${command[@]}"
