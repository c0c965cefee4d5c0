#!/bin/sh
# `npm test`: format, lint, types, then every test (tidy, unit, contract, hostile, e2e) with real containers, a real
# registry on loopback and the peers as oracles. Installs what is missing from Debian, saying so.
set -eu
cd "$(dirname "$0")/.."
. scripts/debian-packages.sh
[ -d node_modules ] || npm ci --no-audit --no-fund --loglevel=error
need crun runc conmon uidmap util-linux libseccomp2 busybox-static mmdebstrap skopeo umoci docker-registry docker.io buildah podman \
  tar tmux strace python3 git openssh-client openssh-server iproute2 qemu-user-static gcc libc6-dev procps time zstd xz-utils bzip2 curl netavark aardvark-dns iptables slirp4netns
npm run --silent format:check
npm run --silent types
npm run --silent lint
npm run --silent build
exec node scripts/run-tests.mjs "$@"
