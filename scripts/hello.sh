#!/bin/sh
# `npm run hello`: from a fresh checkout to hello:v0.1, then hello:v0.2 as lab 3 does it.
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
cd "$here"
. scripts/debian-packages.sh
step() { printf '\n$ %s\n' "$*"; "$@"; }

[ -d node_modules ] || npm ci --no-audit --no-fund --loglevel=error
npm run --silent build
need crun conmon util-linux libseccomp2
stave=$here/bin/stave
"$stave" image inspect debian:bookworm-slim >/dev/null 2>&1 || sh scripts/base-image.sh

step "$stave" build -t hello:v0.1 fixtures/hello
step "$stave" run --rm hello:v0.1

app=$(mktemp -d)
trap 'rm -rf "$app"' EXIT
cp -r fixtures/hello/. "$app"
echo 'console.log("this is v0.2");' >>"$app/index.js"
step "$stave" build --progress=plain -t hello:v0.2 "$app"
step "$stave" run --rm hello:v0.2
step "$stave" image ls
step "$stave" image history hello:v0.2
