#!/bin/bash
# SPDX-License-Identifier: MIT
# again.sh FILE.bats [KIND [PATTERN]]: a file of tests/tools once more, with COORD_ENGINE: its peers are gateways to one log in three real servers.
# PATTERN: only tests whose names match. Left out are tests that are about peers, scopes or the usual TTL: each with its reason.
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
dlock_acquire.bats)
  without=('--acquire: the process gets its signal before its lock is lost')  # a majority of peers
  ;;
dlock_break.bats)
  without=(
    "only the holder's user and root may break"                                      # another user's peer, by the list of peers and their key
    '--break without a quorum is 69, and one whose host is gone ends with its lease' # a majority of peers
    '--check: 0 for a current holder'"'"'s token, 1 for others, 69 without a quorum, 64 without a token'  # likewise
  ) ;;
dlock_faults.bats)
  without=(
    # A majority of peers.
    'no quorum: -n is 69 when its time for a leader is over, -w 69 at its end, --list 69, --stale and dpeers answer, a waiter is served when it is back'
    'all other peers stop: the command is stopped before 0.85 TTL, status 75'
    'the wrapper is stopped and the others are gone: the peer alone is enough'
    'the wrapper is killed and the others are gone: the peer alone is enough'
    'TERM comes a grace before KILL, and a command that heeds it is not killed'
    # A peer that leads.
    'the leader dies: a hold on another host survives and is not disturbed, waiters keep their places'
  ) ;;
dlock_resume.bats)
  without=('a record of holds that is damaged in any way harms nobody but what it recorded')  # a peer that is started without an engine
  ;;
dlock_service.bats)
  without=('without a quorum it says which peers do not answer')  # a majority of peers
  ;;
dbarrier_turns.bats)
  without=('--fail: without a quorum 69, or 76 if it may be ordered later; without a peer 69')  # a majority of peers
  ;;
# dlock_algorithm.bats and delect_algorithm.bats are not run: other algorithms are spoken between peers, and a gateway refuses them.
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
