#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# labels: release
# dpropose --algorithm over three real peers: the classical algorithms on real links, with peers that are killed, started again and replaced.
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
gets() { [ "$(on "$1" dpropose --get "$2" 2>/dev/null)" = "$3" ]; }

@test "paxos: one value on all hosts, in four messages one after the other, and the trace tells them" {
  run -0 --separate-stderr on a dpropose --algorithm paxos plan one --json --trace
  [ "$(jq -c '[.value, .algorithm, .won, .delays, .messages.prepare, .messages.accept]' <<<"$output")" = '["one","paxos",true,4,2,2]' ]
  [[ $stderr == *"a -> b"*prepare* ]]
  [[ $stderr == *"a <- b"*promise* ]]
  [[ $stderr == *promise*"(a majority: a, "?")"*accepted*"(a majority: a, "?")"*"a decided, after 4 messages"*"a completed"* ]]
  [ "$(on b dpropose --algorithm paxos plan two)" = one ]
  [ "$(on c dpropose --get plan)" = one ]
  [ "$(on c dpropose --list --json | jq -r .algorithm)" = paxos ]
}

@test "exchange: the trace tells its phases to the last acknowledgement, and whose is missing" {
  on b dpropose --algorithm paxos other x
  run -0 --separate-stderr on a dpropose --algorithm exchange --i-know xplan one --trace
  [ "$output" = one ]
  for phase in "phase 1, propose" "phase 2, promise" "phase 3, commit" "phase 4, acknowledge"; do [[ $stderr == *"$phase: "* ]]; done
  [[ $stderr == *"a decided, after "*"a <- "?"  acknowledge"*" a completed"* ]]
  signal_peer STOP c
  run -0 --separate-stderr on a dpropose --algorithm exchange --i-know xplan2 one --trace
  signal_peer CONT c
  [[ $stderr == *"not completed: c has not acknowledged"* ]]
}

@test "paxos: --log of all hosts is one log, which validates and draws" {
  for host in a b c; do on $host dpropose --algorithm paxos plan "from $host" --log log.$host; done
  run -0 dclock validate log.a log.b log.c
  dclock draw log.a log.b log.c | grep -q 'decided'
}

@test "paxos: hosts that propose at once print the same" {
  for peer in a b c; do
    on $peer dpropose --algorithm paxos race "from $peer" >"out.$peer" 3>&- &
    askers+=($!)
  done
  for asker in "${askers[@]}"; do wait "$asker"; done
  [ "$(sort -u out.* | wc -l)" -eq 1 ]
  [[ $(cat out.a) == "from "* ]]
}

@test "paxos: a minority is killed, and comes back with what it had promised" {
  on a dpropose --algorithm paxos other x
  end_peer c
  [ "$(on a dpropose --algorithm paxos plan one)" = one ]
  start_peer c "${calm[@]}"
  eventually gets c other x
  for peer in a b; do
    end_peer $peer
    start_peer $peer "${calm[@]}"
  done
  eventually gets b plan one
  eventually gets a plan one
}

@test "without a majority nothing is opened (69), and it is decided when they are back" {
  on a dpropose --algorithm paxos plan one
  for peer in b c; do signal_peer STOP $peer; done
  run -69 on a dpropose --algorithm paxos new v -n --report report
  [ "$(jq -c '[.value, .algorithm, .outcome]' report)" = '[null,"paxos","no_quorum"]' ]
  for peer in b c; do signal_peer CONT $peer; done
  [ "$(on b dpropose --algorithm paxos new v)" = v ]
}

@test "multi-paxos: one value on all hosts, also on one that comes later, and after restarts of all" {
  for peer in a b; do
    on $peer dpropose --algorithm multi-paxos plan "from $peer" >"out.$peer" 3>&- &
    askers+=($!)
  done
  for asker in "${askers[@]}"; do wait "$asker"; done
  [ "$(sort -u out.* | wc -l)" -eq 1 ]
  for peer in a b c; do
    end_peer $peer
    start_peer $peer "${calm[@]}"
  done
  eventually gets c plan "$(cat out.a)"
  [ "$(on c dpropose --algorithm multi-paxos plan late)" = "$(cat out.a)" ]
}

@test "ben-or: a bit, proposed on all, and a restarted peer takes no part in open names" {
  run -64 on a dpropose --algorithm ben-or bit maybe
  [ -z "$(on a dpropose --list bit --json)" ]
  for peer in a b c; do
    on $peer dpropose --algorithm ben-or bit 1 >"out.$peer" 3>&- &
    askers+=($!)
  done
  for asker in "${askers[@]}"; do wait "$asker"; done
  [ "$(sort -u out.*)" = 1 ]
  run -76 on a dpropose --algorithm ben-or open 0 -w 0.5
  end_peer b
  start_peer b "${calm[@]}"
  eventually on b dpropose --list
  run -64 --separate-stderr on b dpropose --algorithm ben-or open 0
  [[ $stderr == *"peer process was replaced"* ]]
  gets b bit 1
}

@test "paxos: a site whose disk was replaced takes no part; where a majority has lost its disks a proposal ends (69), until --forget" {
  on b dpropose --algorithm paxos other x
  end_peer a
  [ "$(on b dpropose --algorithm paxos plan v)" = v ]
  for peer in b c; do end_peer $peer; done
  rm "$group"/[bc]/agreement-*
  for peer in a b c; do start_peer $peer "${calm[@]}"; done
  eventually group_has_leader
  run -64 --separate-stderr on b dpropose --algorithm paxos plan w
  [[ $stderr == *"disk was replaced"* ]]
  # One that is made before a has heard of the others' new disks may be decided for all that it knows.
  run timeout 60 dpropose --algorithm paxos plan w
  [ "$status" -eq 69 ] || [ "$status" -eq 76 ]
  run -69 --separate-stderr timeout 60 dpropose --algorithm paxos plan w --report report
  [[ $stderr == *"too many of its sites are lost: "[bc]", "[bc]" "*"--forget"* ]]
  [ "$(jq -r .outcome report)" = no_quorum ]
  on c dpropose --forget plan
  [ "$(on b dpropose --algorithm paxos plan w)" = w ]
  gets a plan w
}

@test "ben-or: a proposal that waits when a majority of its peers is restarted may be decided: 76" {
  timeout 90 dpropose --algorithm ben-or late 0 --report report 2>said 3>&- &
  waiter=$!
  is_open() { on a dpropose --list --json | grep -q '"late"'; }
  eventually is_open
  sleep 0.5  # its site has said what it proposes
  for peer in b c; do
    end_peer $peer
    start_peer $peer "${calm[@]}"
  done
  status=0
  wait "$waiter" || status=$?
  cat said
  [ "$status" -eq 76 ]
  [ "$(jq -r .outcome report)" = unknown ]
  grep -q 'too many of its sites are lost' said
  grep -q 'may be decided' said
}

@test "paxos: a proposal from before its name was forgotten ends with 3, also one that had opened it" {
  # Held back before its host says the sites, and before it proposes to them.
  for count in 3 5; do
    python3 "$COORD_SOURCE/tests/tools/held_back.py" "$group/a.sock" "$PWD/held-$count" $count "$PWD/go-$count" 3>&- &
    eventually test -S "held-$count"
    dpropose --socket "$PWD/held-$count" --algorithm paxos "plan-$count" late --report report 2>said 3>&- &
    late=$!
    eventually test -e "go-$count.held"
    [ "$(on b dpropose --algorithm paxos "plan-$count" one)" = one ]
    on c dpropose --forget "plan-$count"
    [ "$(on b dpropose --algorithm paxos "plan-$count" two)" = two ]
    eventually gets a "plan-$count" two
    touch "go-$count"
    status=0
    wait "$late" || status=$?
    cat said
    [ "$status" -eq 3 ]
    grep -q 'it was forgotten after this proposal was made' said
    [ "$(jq -r .outcome report)" = forgotten ]
    gets c "plan-$count" two
  done
}

@test "another algorithm than the first's is refused, exchange wants --i-know, and --forget begins anew" {
  run -64 --separate-stderr on a dpropose --algorithm exchange plan v
  [[ $stderr == *--i-know* ]]
  [ "$(on a dpropose --algorithm exchange --i-know plan v)" = v ]
  run -64 on b dpropose plan w
  run -64 on b dpropose --algorithm paxos plan w
  run -64 on b dpropose --trace log w
  on c dpropose --forget plan
  run -1 on a dpropose --get plan
  [ "$(on b dpropose --algorithm paxos plan w)" = w ]
  gets a plan w
}
