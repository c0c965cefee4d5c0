#!/bin/sh
STAVE_ROOT=/tmp/perf/kroot exec /work/main/bin/stave "$@"
