#!/bin/sh
# `npm run bench [-- WORKLOAD...]`: stave against docker BuildKit and buildah, with the physical limit of the same work.
set -eu
cd "$(dirname "$0")/.."
. scripts/debian-packages.sh
need docker.io buildah podman conmon crun runc busybox-static openssl
[ -d node_modules ] || npm ci --no-audit --no-fund --loglevel=error
npm run --silent build
npx esbuild bench/*.ts --outdir=build/bench --format=esm --platform=node --target=node20 --log-level=warning
mkdir -p "${BENCH_DIR:-${TMPDIR:-/tmp}}"
BENCH_WORK=$(mktemp -d "${BENCH_DIR:-${TMPDIR:-/tmp}}/stave-bench-XXXXXX")
export BENCH_WORK
trap 'rm -rf "$BENCH_WORK"' EXIT
# Mounts in a namespace of their own: podman leaves its storage mounted.
unshare -m --propagation private node build/bench/main.js "$@"
