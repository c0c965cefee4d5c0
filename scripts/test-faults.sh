#!/bin/sh
# `npm run test:faults`: what test.sh installs and more, then the long tests of faults.
set -eu
cd "$(dirname "$0")/.."
. scripts/debian-packages.sh
[ -d node_modules ] || npm ci --no-audit --no-fund --loglevel=error
need crun runc conmon uidmap util-linux libseccomp2 busybox-static docker-registry skopeo tar gcc libc6-dev procps e2fsprogs xfsprogs btrfs-progs python3-swift
exec node scripts/test-faults.mjs "$@"
