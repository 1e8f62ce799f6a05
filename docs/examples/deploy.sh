#!/bin/sh
# SPDX-License-Identifier: MIT
# A release on all hosts or on none, by dcommit(1). The same line on each of COUNT hosts, and again after a reboot:
#   deploy.sh VERSION COUNT SOURCE ROOT [OPTION...]
# Prepared is a copy of SOURCE/VERSION beside what runs, and a self-test of it, if it brings one. The commit is one
# rename of a link, ROOT/current; an abort removes the copy. Each may be run twice: a host that was lost in the middle
# runs the line again. OPTIONs are dcommit's, for example --protocol 2pc --i-know, or -w SECONDS.
set -eu
if [ $# -lt 4 ]; then
  echo "usage: deploy.sh VERSION COUNT SOURCE ROOT [OPTION...]" >&2
  exit 64
fi
export VERSION="$1" SOURCE="$3" ROOT="$4"
count=$2
shift 4

# shellcheck disable=SC2016 # the commands have these from their environment
exec dcommit "deploy-$VERSION" -n "$count" \
  --prepare 'set -e; mkdir -p "$ROOT"; rm -rf "$ROOT/$VERSION.new"; cp -R "$SOURCE/$VERSION" "$ROOT/$VERSION.new"
    [ ! -x "$ROOT/$VERSION.new/self-test" ] || "$ROOT/$VERSION.new/self-test"' \
  --commit 'set -e; [ ! -d "$ROOT/$VERSION.new" ] || { rm -rf "$ROOT/$VERSION"; mv "$ROOT/$VERSION.new" "$ROOT/$VERSION"; }
    ln -sfn "$VERSION" "$ROOT/next"; mv -T "$ROOT/next" "$ROOT/current"' \
  --abort 'rm -rf "$ROOT/$VERSION.new"' "$@"
