#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# dlock --algorithm between 3 to 9 peers, each in a network namespace of its own, that are killed, stopped and cut off while commands on
# all hosts enter: never two inside, tokens rise, and all go on when the faults are over. Minutes: `ctest -C thorough`.
bats_require_minimum_version 1.5.0
load load
load network

teardown() {
  [ -z "${workers-}" ] || kill $workers 2>/dev/null || true
  stop_group
  wait
  remove_network
}

begin_group() { # NAME...
  cd "$BATS_TEST_TMPDIR"
  new_group "$BATS_TEST_TMPDIR/g" "$@"
  local i=0 name list=
  for name in "$@"; do
    i=$((i + 1))
    list+=${list:+,}$name=10.7.0.$i:7411
  done
  echo "$list" >"$group/peers"
  make_network || skip "network namespaces are not allowed here"
  start_group
}

# Commands on this host one after the other. The kernel's lock on `inside` is the witness; it goes with the command, however that ends.
work() { # PEER ALGORITHM
  while [ ! -e enough ]; do
    on "$1" dlock --algorithm "$2" --ttl 3 -q -w 30 "door-$2" -- sh -c \
      'flock -n inside sh -c "echo $DLOCK_TOKEN >>log; echo $1 >>who; sleep 0.01" || echo two >>log' sh "$1" 2>>said || sleep 0.2
  done
}
entries() { wc -l <log; }
more_than() { [ "$(entries)" -gt "$1" ]; }
all_enter() { local peer; for peer in "${names[@]}"; do grep -qx "$peer" who || return; done; }

one_fault() { # PEER
  case $((RANDOM % 3)) in
    0)
      signal_peer KILL "$1"
      eventually peer_gone "$1"
      start_peer "$1"
      ;;
    1)
      signal_peer STOP "$1"
      sleep 2.5
      signal_peer CONT "$1"
      ;;
    2)
      unplug "$1"
      sleep 4
      plug "$1"
      ;;
  esac
}

under_faults() { # NAME...
  local algorithm peer
  begin_group "$@"
  for algorithm in ricart-agrawala lamport maekawa token-ring suzuki-kasami; do
    rm -f enough log who
    : >log
    : >who
    workers=
    for peer in "$@"; do
      work "$peer" "$algorithm" 3>&- &
      workers+=" $!"
    done
    eventually more_than 5
    for _ in 1 2 3; do
      one_fault "${names[RANDOM % ${#names[@]}]}"
      eventually more_than "$(entries)"
    done
    : >who
    eventually all_enter
    : >enough
    wait $workers
    workers=
    ! grep -q two log
    sort -c -n -u log
  done
}

@test "three peers" {
  under_faults a b c
}

@test "five peers" {
  under_faults a b c d e
}

@test "nine peers" {
  under_faults a b c d e f g h i
}

@test "who is inside and cut off is stopped before anybody else enters" {
  begin_group a b c
  for algorithm in ricart-agrawala lamport maekawa token-ring suzuki-kasami; do
    rm -f writes granted
    on c dlock --algorithm "$algorithm" --ttl 3 "door-$algorithm" -- bash -c 'trap "" TERM; while :; do echo "${EPOCHREALTIME/./}" >>writes; sleep 0.01; done' 3>&- &
    holder=$!
    eventually test -s writes
    unplug c
    run -0 on a dlock --algorithm "$algorithm" -w 30 "door-$algorithm" -- bash -c 'echo "${EPOCHREALTIME/./}" >granted'
    status=0
    wait $holder || status=$?
    [ $status -eq 75 ]
    [ "$(cat granted)" -gt "$(tail -n 1 writes)" ]
    plug c
    run -0 on c dlock --algorithm "$algorithm" -w 30 "door-$algorithm" -- true
  done
}

stand() { # PEER OPTION...: in.PEER is there while its command runs
  on "$1" delect "${@:2}" reports -- sh -c 'trap "rm -f $1; exit 0" TERM; echo >$1; while :; do sleep 0.05; done' sh "in.$1" 3>&- &
}

@test "bully: who is cut off leads alone, and another one the others; healed, the last one by name stays" {
  begin_group a b c
  for peer in a b c; do stand $peer --algorithm bully --bound 0.4 --i-know; done
  eventually test -e in.c
  unplug c
  eventually test -e in.b
  [ -e in.c ]
  [ ! -e in.a ]
  plug c
  eventually test ! -e in.b
  [ -e in.c ]
}

@test "lease-race: whoever is cut off from the giver of leases ends in time, and nobody leads without it" {
  begin_group a b c
  stand c --algorithm lease-race --ttl 2
  eventually test -e in.c
  stand b --algorithm lease-race --ttl 2
  unplug c
  eventually test ! -e in.c
  eventually test -e in.b
  plug c
  unplug a
  eventually test ! -e in.b
  run -1 on c delect --algorithm lease-race --ttl 2 -w 3 reports true
  plug a
  on c delect --algorithm lease-race --ttl 2 -w 20 reports true
}
