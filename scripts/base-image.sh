#!/bin/sh
# Makes the image debian:bookworm-slim in the store from Debian packages: mmdebstrap fetches and unpacks them once,
# the tar is kept in the cache for the next time, `stave build` turns it into an image (FROM scratch, ADD).
# usage: base-image.sh [name]   (default debian:bookworm-slim)
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
name=${1:-debian:bookworm-slim}
cache=${XDG_CACHE_HOME:-$HOME/.cache}/stave/base
tar=$cache/bookworm-slim.tar
. "$here/scripts/debian-packages.sh"

if [ ! -f "$tar" ]; then
  need mmdebstrap
  mkdir -p "$cache"
  echo "making $tar from Debian packages (once, about 20 s)"
  # What the official slim image leaves out: documentation, manual pages, translations.
  mmdebstrap --variant=minbase --quiet \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-include=/usr/share/doc/*/copyright' \
    --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/info/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' \
    --customize-hook='rm -f "$1/etc/resolv.conf" "$1/etc/hostname"' \
    --format=tar bookworm "$tar.$$"
  mv "$tar.$$" "$tar"
fi
context=$(mktemp -d)
trap 'rm -rf "$context"' EXIT
ln "$tar" "$context/rootfs.tar" 2>/dev/null || cp "$tar" "$context/rootfs.tar"
"$here/bin/stave" build -q -t "$name" -f "$here/fixtures/debian-base/Dockerfile" "$context" >/dev/null
