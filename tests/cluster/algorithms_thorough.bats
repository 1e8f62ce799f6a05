#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Classical algorithms between 3 to 9 peers, each in a network namespace of its own, that are killed, stopped and cut off: never two
# inside, one value, all commit or all abort, no circle that is none, and all go on when the faults are over. Minutes: `ctest -C thorough`.
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

one_fault() { # PEER [KIND]
  case ${2-$(shuf -n 1 -e kill pause cut)} in
    kill)
      signal_peer KILL "$1"
      eventually peer_gone "$1"
      start_peer "$1"
      ;;
    pause)
      signal_peer STOP "$1"
      sleep 2.5
      signal_peer CONT "$1"
      ;;
    cut)
      unplug "$1"
      sleep 4
      plug "$1"
      ;;
  esac
}

under_faults() { # NAME...
  local algorithm peer kind
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
    for kind in $(shuf -e kill pause cut); do
      one_fault "${names[RANDOM % ${#names[@]}]}" "$kind"
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

@test "bully: five peers, whose leader is killed and another one stopped: one leads in the end, everywhere" {
  begin_group a b c d e
  stands() { # its tool ends with its peer's fault, or is stopped: it stands again
    while [ ! -e enough ]; do
      on "$1" delect --algorithm bully --bound 0.4 --i-know -q reports -- sh -c 'trap "rm -f $1; exit 0" TERM; echo >$1; while :; do sleep 0.05; done' sh "in.$1" 2>>said || sleep 0.2
    done
  }
  workers=
  for peer in "${names[@]}"; do
    stands $peer 3>&- &
    workers+=" $!"
  done
  eventually test -e in.e
  signal_peer KILL e
  eventually peer_gone e
  eventually test -e in.d
  signal_peer STOP d
  sleep 2.5
  signal_peer CONT d
  start_peer e
  only_e_leads() { local said; for peer in "${names[@]}"; do said=$(on $peer delect --who --algorithm bully reports 2>/dev/null) && [[ $said == *e* ]] || return; done; }
  eventually only_e_leads
  eventually test -e in.e
  : >enough
  for peer in "${names[@]}"; do signal_peer TERM $peer; done
}

@test "lease-race: five peers, one leads at a time while they are killed, stopped and cut off, the giver too" {
  begin_group a b c d e
  races() {
    while [ ! -e enough ]; do
      on "$1" delect --algorithm lease-race --ttl 2 -q -w 30 reports -- sh -c \
        'flock -n inside sh -c "echo x >>log; sleep 0.3" || echo two >>log' 2>>said || sleep 0.2
    done
  }
  rm -f enough
  : >log
  workers=
  for peer in "${names[@]}"; do
    races $peer 3>&- &
    workers+=" $!"
  done
  eventually more_than 2
  for peer in a c a e; do
    one_fault $peer
    eventually more_than "$(entries)"
  done
  : >enough
  wait $workers
  workers=
  ! grep -q two log
}

# ---- decisions

# One value for all who ask, whoever is killed, stopped or cut off, as long as a majority of the sites comes back.
one_value() { # ALGORITHM VALUE_OF_PEER COMMAND...: proposed on all hosts, the command meanwhile
  local algorithm=$1 value=$2 peer jobs=()
  shift 2
  rm -f out.*
  for peer in "${names[@]}"; do
    on "$peer" dpropose --algorithm "$algorithm" -q -w 60 "plan-$algorithm" "${value:-from $peer}" >"out.$peer" 2>>said 3>&- &
    jobs+=($!)
  done
  workers="${jobs[*]}"
  "$@"
  eventually some_know
  wait "${jobs[@]}" || true # one that was killed or cut off may have ended with 69 or 76
  workers=
  for peer in "${names[@]}"; do eventually gets "$peer" "plan-$algorithm"; done
  [ "$(cat out.* got.* | sort -u | wc -l)" -eq 1 ]
}
some_know() { [ -n "$(cat out.*)" ]; }
gets() { on "$1" dpropose --get "$2" >"got.$1" 2>>said; }
two_faults() { # of different kinds
  local kind
  for kind in $(shuf -n 2 -e kill pause cut); do one_fault "${names[RANDOM % ${#names[@]}]}" "$kind"; done
}
pinned() { [ "$(grep -c ed25519: "$group/$1/peer-keys")" = $((${#names[@]} - 1)) ]; }

decides_under_faults() { # NAME...
  local peer
  begin_group "$@"
  one_value paxos '' two_faults
  one_value multi-paxos '' two_faults
  [ $((${#names[@]} % 3)) -eq 1 ] || return 0
  for peer in "$@"; do eventually pinned "$peer"; done
  one_value pbft '' two_faults
}

@test "paxos and multi-paxos: three peers decide one value" {
  decides_under_faults a b c
}

@test "paxos, multi-paxos and pbft: four peers decide one value" {
  decides_under_faults a b c d
}

@test "paxos, multi-paxos and pbft: seven peers decide one value" {
  decides_under_faults a b c d e f g
}

@test "paxos and multi-paxos: nine peers decide one value" {
  decides_under_faults a b c d e f g h i
}

@test "ben-or: five peers agree on a bit while one is killed, which takes no part any more, and one is stopped and goes on" {
  begin_group a b c d e
  lose_one() {
    signal_peer KILL b
    signal_peer STOP d
    sleep 1
    signal_peer CONT d
    eventually peer_gone b
    start_peer b
  }
  one_value ben-or 1 lose_one
}

@test "ben-or: five peers agree on a bit while one is cut off, and is told when it is back" {
  begin_group a b c d e
  cut_one() {
    unplug d
    sleep 3
    plug d
  }
  one_value ben-or 0 cut_one
}

@test "exchange: with one proposer all that live get its value while one is killed and one stopped" {
  begin_group a b c d e
  lose_two() {
    signal_peer KILL c
    signal_peer STOP d
    sleep 1
    signal_peer CONT d
    eventually peer_gone c
    start_peer c
  }
  on a dpropose --algorithm exchange --i-know -w 60 xplan mine >out.a 2>>said 3>&- &
  proposer=$!
  lose_two
  wait $proposer
  [ "$(cat out.a)" = mine ]
  for peer in a b d e; do eventually gets $peer xplan; done
  [ "$(cat got.* | sort -u)" = mine ]
}

@test "exchange: with one proposer a host that is cut off has its value when it is back" {
  begin_group a b c d e
  unplug d
  [ "$(on a dpropose --algorithm exchange --i-know -w 60 --among a,b,c,e xplan mine)" = mine ]
  plug d
  eventually gets d xplan
  [ "$(cat got.d)" = mine ]
  on a dpropose --algorithm exchange --i-know -w 60 xplan2 mine >out.a 2>>said 3>&- &
  proposer=$!
  unplug e
  wait $proposer
  [ "$(cat out.a)" = mine ]
  plug e
  eventually gets e xplan2
  [ "$(cat got.e)" = mine ]
}

# It promises nothing there; but nothing hangs or dies, and the name begins anew.
@test "exchange: two proposers at once, with faults: all ends, and --forget begins anew" {
  begin_group a b c d e
  jobs=()
  for peer in a b; do
    (
      status=0
      on $peer dpropose --algorithm exchange --i-know -w 30 xrace "from $peer" >out.$peer 2>>said || status=$?
      echo $status >status.$peer
    ) 3>&- &
    jobs+=($!)
  done
  two_faults
  wait "${jobs[@]}"
  cat status.* out.*
  for peer in a b; do [[ $(cat status.$peer) =~ ^(0|69|76)$ ]]; done
  for peer in "${names[@]}"; do kill -0 "$(pid_of $peer)"; done
  has_quorum() { on c dpropose --list >/dev/null 2>&1; }
  eventually has_quorum
  on c dpropose --forget xrace
  [ "$(on d dpropose --algorithm exchange --i-know -w 60 xrace anew)" = anew ]
}

@test "pbft: two of four are killed in the middle, and started again" {
  begin_group a b c d
  for peer in a b c d; do eventually pinned "$peer"; done
  kill_two() {
    signal_peer KILL b
    signal_peer KILL c
    for peer in b c; do eventually peer_gone $peer; done
    for peer in b c; do start_peer $peer; done
  }
  one_value pbft '' kill_two
}

# ---- transactions

commit_all() { # PROTOCOL COMMAND...: on all hosts; a line that has ended without the outcome is run again
  local protocol=$1 peer jobs=()
  shift
  rm -f ./*.prepared ./*.outcome
  for peer in "${names[@]}"; do
    (
      for try in 1 2 3 4 5 6; do
        status=0
        on "$peer" dcommit --protocol "$protocol" --i-know -q -w 20 -n ${#names[@]} --prepare "touch $peer.prepared" \
          --commit "echo commit >>$peer.outcome" --abort "echo abort >>$peer.outcome" "deploy-$protocol" 2>>said || status=$?
        case $status in 0 | 1 | 3) exit ;; esac
        sleep 0.5
      done
      echo "$peer: $status" >>open
    ) 3>&- &
    jobs+=($!)
  done
  workers="${jobs[*]}"
  "$@"
  wait "${jobs[@]}"
  workers=
  [ ! -s open ]
  [ "$(cat ./*.outcome | sort -u | wc -l)" -eq 1 ]
}

commits_under_faults() { # NAME...
  begin_group "$@"
  commit_all majority two_faults
  commit_all 2pc two_faults
}

@test "three peers commit or abort alike, by the log and by 2pc" {
  commits_under_faults a b c
}

@test "nine peers commit or abort alike, by the log and by 2pc" {
  commits_under_faults a b c d e f g h i
}

@test "by 3pc: five peers commit or abort alike while peers are killed, and no message takes longer than the bound" {
  begin_group a b c d e
  lose_two() {
    signal_peer KILL a
    eventually peer_gone a
    start_peer a
    signal_peer KILL c
    eventually peer_gone c
    start_peer c
  }
  commit_all 3pc lose_two
}

# What the page says of it: hosts that are cut off from each other may settle it in two ways. Then --status says so.
@test "by 3pc: hosts that are cut off from each other in the middle may tear it, and --status says torn" {
  begin_group a b c
  for round in 1 2 3 4 5 6; do
    rm -f ./*.outcome
    jobs=()
    for peer in a b c; do
      on $peer dcommit --protocol 3pc --i-know --bound 0.05 -q -w 20 -n 3 --prepare true --commit "echo commit >$peer.outcome" \
        --abort "echo abort >$peer.outcome" "torn-$round" 2>>said 3>&- &
      jobs+=($!)
    done
    workers="${jobs[*]}"
    sleep "0.$((RANDOM % 4))$((RANDOM % 10))"
    unplug c
    sleep 3
    plug c
    wait "${jobs[@]}" || true
    workers=
    knows_leader() { on "$1" dlock --list >/dev/null 2>&1; }
    eventually knows_leader a
    kinds=$(cat ./*.outcome 2>/dev/null | sort -u | wc -l)
    says() { [ "$(on a dcommit --status --json "torn-$round" | jq -r .outcome)" = "$1" ]; }
    echo "round $round: $kinds outcomes"
    # Never torn in silence.
    [ "$kinds" -ne 2 ] || eventually says torn
  done
}

# ---- circles of waits

ask_again_and_again() { # PEER: each answer in answers.PEER, a status a line in statuses.PEER
  while [ ! -e enough ]; do
    local status=0
    on "$1" dlock --waits --algorithm cmh --json >>"answers.$1" 2>>said || status=$?
    echo $status >>"statuses.$1"
  done
}
names_of_circles() { jq -r '.circle | map(.name) | sort | join(" ")' "$@" | sort -u; }
found_circle() { on "$1" dlock --waits --algorithm cmh --json >circle 2>>said || [ "$(names_of_circles circle)" = "door plain" ]; [ -s circle ]; }
faults_of_c() { # killed, and cut off in the middle of probes, twice
  local peer
  for peer in a b; do
    ask_again_and_again $peer 3>&- &
    workers+=" $!"
  done
  sleep 0.3
  signal_peer KILL c
  eventually peer_gone c
  sleep 1
  start_peer c
  eventually knows_leader c
  for after in 1 1.4; do
    sleep $after
    unplug c
    sleep 2
    plug c
  done
  eventually knows_leader c
  : >enough
  wait $workers
  rm enough
  workers=
}
knows_leader() { on "$1" dlock --list >/dev/null 2>&1; }

half_a_circle() { # OPTION...: a's command is inside of door and waits for plain, which b's holds. By `echo >go.plain` that waits for door
  mkfifo go.plain
  on b dlock plain -- sh -c 'echo >in.plain; read line <go.plain; exec dlock --algorithm ricart-agrawala "$@" door true' sh "$@" 2>said.b 3>&- &
  eventually test -s in.plain
  on a dlock --algorithm ricart-agrawala "$@" door -- sh -c 'echo >in.door; exec dlock plain true' 3>&- &
  eventually test -s in.door
  eventually waits_for a plain
}

# When its epoch is over the wait is the log's, and the group finds the circle by itself.
@test "cmh: no circle that is none while a site is killed and cut off, and one that comes about then is ended" {
  begin_group a b c
  half_a_circle
  faults_of_c
  [ ! -s answers.a ]
  [ ! -s answers.b ]
  grep -qx 69 statuses.a
  ! grep -qx 1 statuses.a statuses.b
  echo >go.plain
  eventually grep -q deadlock said.b
}

@test "cmh: a circle that stays is found while a third host is killed and cut off, and by that one after the heal" {
  begin_group a b c
  half_a_circle --among a,b
  echo >go.plain
  eventually found_circle a
  faults_of_c
  [ "$(names_of_circles answers.a answers.b)" = "door plain" ]
  ! grep -vqx 1 statuses.a statuses.b
  for peer in a b c; do eventually found_circle $peer; done
}
