#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# dpropose over three peers, some of them killed.
bats_require_minimum_version 1.5.0
load peer_helpers

setup() {
  new_group "$BATS_TEST_TMPDIR/g" a b c
  start_group "${calm[@]}"
  export COORD_SOCKET=$group/a.sock
  cd "$BATS_TEST_TMPDIR"
}

teardown() {
  end_jobs TERM
  stop_group
}

end_peer() {
  signal_peer KILL "$1"
  eventually peer_gone "$1"
}
said() { [[ $(cat "$1") == *"$2"* ]]; }

@test "what was decided on one host is decided on all, of proposals at once too" {
  [ "$(on a dpropose plan one)" = one ]
  [ "$(on b dpropose plan two)" = one ]
  [ "$(on c dpropose --get plan)" = one ]
  [ "$(on c dpropose --get plan --json | jq -r .decided_by)" = a ]
  for peer in a b c; do
    on $peer dpropose race "from $peer" >"out.$peer" 3>&- &
    askers+=($!)
  done
  for asker in "${askers[@]}"; do wait "$asker"; done
  [ "$(sort -u out.* | wc -l)" -eq 1 ]
  [ "$(on b dpropose --get race)" = "$(cat out.a)" ]
}

# Through the one that leads, a majority and back: two messages one after the other, and one there and one back for all others.
decides_in_time() { # PEER
  local leader delays
  leader=$(leader_seen_by "$1")
  delays=$(on "$1" dpropose "steps-$1-$RANDOM" v --json | jq .delays)
  [ "$leader" = "$(leader_seen_by "$1")" ] && [ "$delays" = $([ "$1" = "$leader" ] && echo 2 || echo 4) ]
}

@test "the report counts the messages that had to follow each other" {
  for peer in a b c; do eventually decides_in_time $peer; done
}

@test "without a majority: -n, -w, --get and --forget end with 69, and who waits goes on when it is back" {
  on a dpropose plan v
  end_peer b
  end_peer c
  eventually sees_none a
  run -69 on a dpropose other w -n
  run -69 on a dpropose other w -w 0.5
  run -69 on a dpropose --get plan
  run -69 on a dpropose --forget plan
  [ "$(on a dpropose --get plan --stale)" = v ]
  on a dpropose other w >out 2>err 3>&- &
  waits=$!
  eventually said err waiting
  start_peer b "${calm[@]}"
  wait "$waits"
  [ "$(cat out)" = w ]
  [ "$(on b dpropose --get other)" = w ]
}

@test "a peer that is killed while a proposal waits is come back to, and the proposal counts once" {
  end_peer b
  end_peer c
  eventually sees_none a
  on a dpropose plan v --report report >out 2>err 3>&- &
  waits=$!
  eventually said err waiting
  end_peer a
  for peer in a b c; do start_peer $peer "${calm[@]}"; done
  wait "$waits"
  [ "$(cat out)" = v ]
  [ "$(jq .won report)" = true ]
  [ "$(on b dpropose --get plan)" = v ]
}
