#!/bin/bash
# SPDX-License-Identifier: MIT
# again.sh FILE.bats [KIND [PATTERN]]: a file of tests/tools once more, with COORD_ENGINE: its peers are gateways to one log in three real servers.
# PATTERN: only tests whose names match. Left out are tests that are about peers, scopes or the usual TTL (at most a tenth): each with its reason.
set -uo pipefail
file=$1 kind=${2-etcd} only=${3-.}
case $(basename "$file") in
dlock.bats)
  without=(
    'the command gets names, a growing token, its session and scope'  # the scope is another one
    '--report tells the outcomes apart'                               # likewise
  ) ;;
delect.bats)
  without=(
    "the command's own status, its environment, and status 1 for who does not lead"                      # the scope is another one
    'a leader whose peer is stopped ends its command before another host leads; majority lost is 69'     # a majority of peers
  ) ;;
*) without=() ;;
esac
dir=$(mktemp -d)
chmod 755 "$dir"  # PostgreSQL's server is no root
trap '"$COORD_SOURCE/scripts/engine-servers" stop "$dir/servers"; rm -rf "$dir"' EXIT
url=$("$COORD_SOURCE/scripts/engine-servers" start "$COORD_BUILD/engines" "$dir/servers" 3 "$kind" 2>"$dir/why") ||
  { echo "engines: skipped: $(cat "$dir/why")"; exit 0; }
export COORD_TEST_ENGINE=$url COORD_ENGINE_UNSAFE=1
filter=$(grep -oP '^@test "\K[^"]*' "$file" | grep -vxFf <(printf '%s\n' "${without[@]-}" | grep .) | grep -E -- "$only" |
  sed 's/[][\.*^$+?(){}|]/\\&/g' | paste -sd'|')
bats --print-output-on-failure --filter "^($filter)\$" "$file"
