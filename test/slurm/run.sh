#!/usr/bin/env bash
# A real Slurm array on this machine: `bash test/slurm/run.sh [pictures]`. Four tasks each make a shard, one of them is
# killed and requeued on the way, a job that depends on the array merges, and the result is compared, byte for byte,
# with what one process makes.
#
# Needs root and the Debian packages slurm-wlm and munge. The daemons run in the foreground on the loopback interface,
# with a configuration and a key of their own in a temporary folder, and end with the script. Where they may not run, as in
# many containers, it ends with status 77.
set -euo pipefail
cd "$(dirname "$0")/../.."

root=$PWD
pictures=$(realpath "${1:-../shared/data/animals}")
for program in munged slurmctld slurmd sbatch; do
  command -v "$program" >/dev/null || { echo "$program is missing: apt-get install slurm-wlm munge" >&2; exit 1; }
done
work=$(mktemp -d -t slurm-array.XXXXXX)
pids=()

clean_up() {
  local status=$?
  if [ "$status" -ne 0 ]; then tail -n 20 "$work"/*.log "$work"/jobs/* >&2 || true; fi
  # Tasks outlive their daemon: none may be left.
  if [ -n "${shards:-}" ]; then scancel --quiet "$shards" ${merged:-} 2>/dev/null && sleep 1 || true; fi
  for ((i = ${#pids[@]} - 1; i >= 0; i--)); do
    kill "${pids[i]}" 2>/dev/null || true
    wait "${pids[i]}" 2>/dev/null || true
  done
  rm -rf "$work"
}
trap clean_up EXIT

free_port() {
  node -e 'const s = require("node:net").createServer().listen(0, "127.0.0.1", () => { console.log(s.address().port); s.close(); })'
}

npx tsup --no-dts --silent
mkdir -p "$work"/{munge,state,spool,jobs,output}
# munged insists on folders that nobody else can write to.
chmod 755 "$work" && chmod 700 "$work/munge"
head -c 1024 /dev/urandom >"$work/munge/key" && chmod 600 "$work/munge/key"
munged --foreground --force --socket "$work/munge/socket" --key-file "$work/munge/key" \
  --log-file "$work/munge/log" --pid-file "$work/munge/pid" --seed-file "$work/munge/seed" >"$work/munged.log" 2>&1 &
pids+=($!)

host=$(hostname -s)
cat >"$work/slurm.conf" <<CONFIG
ClusterName=here
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$(free_port)
SlurmdPort=$(free_port)
AuthType=auth/munge
AuthInfo=socket=$work/munge/socket,cred_expire=5
CredType=cred/munge
SlurmUser=root
SlurmdUser=root
StateSaveLocation=$work/state
SlurmdSpoolDir=$work/spool
SlurmctldPidFile=$work/slurmctld.pid
SlurmdPidFile=$work/slurmd.pid
ProctrackType=proctrack/pgid
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
ReturnToService=2
NodeName=$host NodeAddr=127.0.0.1 CPUs=$(nproc) State=UNKNOWN
PartitionName=all Nodes=$host Default=YES MaxTime=INFINITE State=UP
CONFIG
export SLURM_CONF=$work/slurm.conf
slurmctld -D -f "$SLURM_CONF" >"$work/slurmctld.log" 2>&1 &
pids+=($!)
slurmd -D -f "$SLURM_CONF" -N "$host" >"$work/slurmd.log" 2>&1 &
pids+=($!)
limit=$((SECONDS + 60))
while [ "$SECONDS" -lt "$limit" ]; do
  # Where the controller does not answer, sinfo itself waits for long.
  timeout 5 sinfo --noheader --format=%T 2>/dev/null | grep -q idle && up=yes && break
  # One that has ended will not come up any more.
  for pid in "${pids[@]}"; do kill -0 "$pid" 2>/dev/null || break 2; done
  sleep 0.2
done
if [ -z "${up:-}" ]; then
  echo "Slurm's daemons do not come up here." >&2
  exit 77
fi
sinfo

run="node $root/node_modules/tsx/dist/cli.mjs --tsconfig $root/examples/tsconfig.run.json $root/examples/shards.ts"
sbatch_here() { sbatch --parsable --chdir="$work" --output="$work/jobs/%x-%a.txt" --open-mode=append "$@"; }
shards=$(sbatch_here --job-name=shard --array=0-3 --requeue --wrap="$run $pictures output/features.hdf5")
merged=$(sbatch_here --job-name=merge --kill-on-invalid-dep=yes --dependency="afterok:$shards" --wrap="$run $pictures output/features.hdf5 --merge 4")

# The second task is killed once it has written rows, and goes on behind them.
journal=$work/output/features-00001-of-00004.hdf5.partial.journal
begun=0
for _ in $(seq 1500); do
  size=$(stat --format=%s "$journal" 2>/dev/null || echo 0)
  [ "$begun" -gt 0 ] && [ "$size" -gt "$begun" ] && break
  [ "$begun" -eq 0 ] && begun=$size
  sleep 0.01
done
scontrol requeue "${shards}_1" && echo "task 1 was killed and requeued"

for _ in $(seq 600); do
  [ -z "$(squeue --noheader --jobs="$shards,$merged" 2>/dev/null)" ] && break
  sleep 0.2
done
cat "$work"/jobs/*

cd "$work/output"
SHARD_INDEX=0 SHARD_COUNT=1 $run "$pictures" whole.hdf5
$run "$pictures" whole.hdf5 --merge 1
cmp whole.hdf5 features.hdf5
echo "equal, byte for byte: the merged file of the array, and that of one process"
