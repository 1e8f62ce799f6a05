#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Barriers while peers die: nobody passes with too few, no arrival is lost, nobody stays behind.
bats_require_minimum_version 1.5.0
load load

setup() {
  cd "$BATS_TEST_TMPDIR"
  new_group "$BATS_TEST_TMPDIR/g" a b c
  start_group
}

teardown() {
  jobs -p | xargs -r kill 2>/dev/null || true
  stop_group
  wait
}

there() { [ "$(on "$1" dbarrier --status --json "$2" 2>/dev/null | jq '.participants | length')" = "$3" ]; }
# arrive PEER ID COUNT NAME [COMMAND...]: in the background; the file ID gets the status.
arrive() {
  local peer=$1 id=$2 count=$3 name=$4
  shift 4
  {
    local status=0
    COORD_SOCKET=$group/$peer.sock timeout 60 dbarrier -n "$count" --ttl 3 --id "$id" "$name" "$@" >"$id.out" 2>&1 || status=$?
    echo $status >"$id"
  } 3>&- &
}

# Each participant goes through ROUNDS generations and notes each; who is ahead of the slowest by more than one has
# passed a barrier that was not complete.
write_walker() {
  cat >walker <<'SH'
for round in $(seq "$3"); do
  status=69
  while [ $status -eq 69 ]; do # its peer is being started again
    status=0
    timeout 60 dbarrier -n "$2" --ttl 3 --id "$1" --verbose walk 2>err.$1 || status=$?
  done
  [ $status -eq 0 ] || { echo "status $status in round $round: $(cat err.$1)" >>"bad.$1"; exit 1; }
  sed -n 's/.*passed, generation //p' err.$1 >>"steps.$1"
  for other in $(seq "$2"); do
    [ "$(wc -l <steps.$other)" -ge $((round - 1)) ] || echo "round $round while $other is behind" >>"bad.$1"
  done
done
SH
  for id in $(seq "$1"); do : >"steps.$id"; done
}

@test "peers are killed and started again while six participants walk through 40 generations" {
  write_walker 6
  for id in 1 2 3 4 5 6; do
    peer=$(printf 'a\nb\nc\n' | sed -n "$((id % 3 + 1))p")
    COORD_SOCKET=$group/$peer.sock bash walker $id 6 40 3>&- &
    walkers+=($!)
  done
  for round in 1 2 3 4; do
    name=$(printf 'a\nb\nc\n' | sed -n "$((round % 3 + 1))p")
    [ $round -ne 4 ] || name=$(leader_seen_by b)
    before=$(wc -l <steps.1)
    signal_peer KILL "$name"
    eventually peer_gone "$name"
    start_peer "$name"
    further() { [ "$(wc -l <steps.1)" -gt $((before + 3)) ] || [ "$(wc -l <steps.1)" -eq 40 ]; }
    eventually further
  done
  for pid in "${walkers[@]}"; do wait "$pid"; done
  cat bad.* 2>/dev/null || true
  [ ! -e bad.1 ] && [ ! -e bad.2 ] && [ ! -e bad.3 ] && [ ! -e bad.4 ] && [ ! -e bad.5 ] && [ ! -e bad.6 ]
  for id in 1 2 3 4 5 6; do [ "$(sort -n "steps.$id" | uniq | wc -l)" -eq 40 ]; done
}

@test "a participant keeps its place while its peer is killed and started again" {
  arrive b one 2 keep
  eventually there a keep 1
  signal_peer KILL b
  eventually peer_gone b
  there a keep 1 # the lease still runs
  start_peer b
  eventually sees_leader b
  arrive a two 2 keep
  wait
  [ "$(cat one two)" = $'0\n0' ]
}

@test "released while its peer was down: it passes as well" {
  arrive b one 2 down
  eventually there a down 1
  signal_peer KILL b
  eventually peer_gone b
  arrive a two 2 down
  eventually is_file two
  [ "$(cat two)" = 0 ]
  [ ! -e one ]
  start_peer b
  wait
  [ "$(cat one)" = 0 ]
}

@test "commands run on while their peer is killed and started again; the others wait for them" {
  mkfifo go
  arrive b one 2 run -- sh -c 'echo x >started; read line <go; echo end >ended; exit 6'
  arrive a two 2 run -- true
  eventually is_file started
  signal_peer KILL b
  eventually peer_gone b
  start_peer b
  eventually sees_leader b
  sleep 4 # longer than the lease: only renewals by the new process keep the command
  [ ! -e two ]
  echo >go
  wait
  [ "$(cat one two)" = $'6\n0' ]
  [ -s ended ]
}

@test "a majority is lost and comes back: nobody passes without one, everybody after" {
  arrive a one 2 major
  eventually there a major 1
  signal_peer KILL b
  signal_peer KILL c
  eventually peer_gone b
  eventually peer_gone c
  eventually sees_none a
  run -69 on a dbarrier -n 2 -w 0.3 --id two major
  run -69 on a dbarrier --status major
  run -0 on a dbarrier --status --stale major
  [ ! -e one ]
  start_peer b
  start_peer c
  eventually sees_leader a
  eventually there a major 1 # not 2: who was told 69 is not counted now
  [ ! -e one ]
  arrive c two 2 major
  wait
  [ "$(cat one two)" = $'0\n0' ]
}

@test "a host that is lost is not counted after its lease" {
  arrive b one 2 lost
  eventually there a lost 1
  signal_peer STOP b
  nobody() { ! on a dbarrier --status lost >/dev/null; }
  eventually nobody
  run -1 on a dbarrier -n 2 -w 0.2 --id two lost
  signal_peer CONT b
  arrive a two 2 lost # the other finds its lease gone, and arrives again
  wait
  [ "$(cat one two)" = $'0\n0' ]
}
