#!/bin/bash
#SBATCH --job-name=radiographs
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=8
#SBATCH --gpus-per-node=1
#SBATCH --mem=64G
#SBATCH --time=24:00:00
# Run the study on the machines of a SLURM allocation, from its folder, which all of them see: docs/cluster.md.
set -euo pipefail

source .venv/bin/activate
port=6379
export RAY_USAGE_STATS_ENABLED=0
mapfile -t nodes < <(scontrol show hostnames "$SLURM_JOB_NODELIST")
head="${nodes[0]}"
cores="${SLURM_CPUS_PER_TASK:-1}"

# `--block` keeps the task of each machine alive; SLURM ends all of them with the job.
srun --nodes=1 --ntasks=1 --nodelist="$head" \
    ray start --head --port="$port" --num-cpus="$cores" --include-dashboard=false --block &
sleep 20
for node in "${nodes[@]:1}"; do
    srun --nodes=1 --ntasks=1 --nodelist="$node" \
        ray start --address="$head:$port" --num-cpus="$cores" --block &
done
sleep 20

make study ON="ray:$head:$port"
