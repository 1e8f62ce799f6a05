#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# dbarrier as a shell user runs it, over three peers.
bats_require_minimum_version 1.5.0
load shared_group

there() { [ "$(dbarrier --status --json "$1" | jq ".participants | length")" = "$2" ]; }
generation() { dbarrier --status --json "$1" | jq .generation; }
# arrive PEER RESULT OPTION...: in the background; RESULT gets the status.
arrive() {
  local peer=$1 result=$2
  shift 2
  {
    local status=0
    COORD_SOCKET=$group/$peer.sock dbarrier "$@" >"$result.out" 2>&1 || status=$?
    echo $status >"$result"
  } 3>&- &
}

@test "all pass together, over three hosts; the next generation is another one" {
  for round in 1 2 3; do
    arrive a one -n 3 --id one pass
    arrive b two -n 3 --id two pass
    eventually there pass 2
    [ ! -e one ]
    run -0 on c dbarrier -n 3 --verbose pass
    [[ $output == *"passed, generation $round"* ]]
    wait
    [ "$(cat one two)" = $'0\n0' ]
    rm one two
  done
  jq -e '.outcome == "released" and .generation == 3 and .count == 3 and .quorum == null and (.participants | length) == 3
    and (.trigger | type) == "string" and .total_wait_s >= 0 and .efficiency <= 1 and .missing == []
    and .participants[0].wait_s >= 0 and .participants[0].arrival_s >= 0 and .participants[0].late == false' \
    <<<"$(dbarrier --status --json pass)"
}

@test "-w withdraws the arrival and says who is missing; without a quorum of participants nobody passes" {
  run -1 dbarrier -n 3 -w 0.2 --id x --expect x,y,z slow
  [[ $output == "dbarrier: slow: timed out: 1 of 3 were there, missing: y, z" ]]
  run -1 dbarrier --status slow
  run -1 dbarrier -n 2 -w 0 slow
  run -1 dbarrier -q -n 2 -w 0 slow
  [ "$output" = "" ]
  run -1 dbarrier -q -n 3 -w 0 --id x --expect x,y,z --report r slow
  jq -e '.outcome == "timeout" and .missing == ["y", "z"] and (.participants | map(.id)) == ["x"]' r
  arrive b y -n 3 --id y --expect x,y,z slow
  eventually there slow 1
  run -1 dbarrier -q -n 3 -w 0 --id x --expect x,y,z --report r slow
  jq -e '.outcome == "timeout" and .missing == ["z"] and (.participants | map(.id)) == ["x", "y"]' r
  run -77 dbarrier -n 3 -w 0 -E 77 --id x --expect x,y,z slow true
  run -0 dbarrier --reset slow
  eventually is_file y
}

@test "the first arrival fixes what all must ask for; an id is there once" {
  arrive b first -n 2 --id x terms
  eventually there terms 1
  run -64 dbarrier -n 3 terms
  [ "${#lines[@]}" -eq 1 ]
  run -64 dbarrier -n 2 --quorum 1 --after 1 terms
  run -64 dbarrier -n 2 --expect y terms
  run -64 on c dbarrier -n 2 --id x terms
  run -0 on c dbarrier -n 2 --id y terms
  wait
  [ "$(cat first)" = 0 ]
}

@test "a participant killed with -9 is not counted; with --break-on-death the others learn its name" {
  COORD_SOCKET=$group/b.sock dbarrier -n 2 --id dead count 3>&- &
  eventually there count 1
  kill -9 $!
  nobody() { ! dbarrier --status count >/dev/null; }
  eventually nobody
  run -1 dbarrier -n 2 -w 0.2 count
  arrive c survivor -n 3 --break-on-death --id s breaks
  COORD_SOCKET=$group/b.sock dbarrier -n 3 --id dead breaks 3>&- &
  victim=$!
  eventually there breaks 2
  kill -9 $victim
  eventually is_file survivor
  [ "$(cat survivor)" = 3 ]
  grep -q "dbarrier: breaks: broken: dead died" survivor.out
  [ "$(dbarrier --status --json breaks | jq -r '.outcome + " " + .trigger')" = "broken dead" ]
}

@test "COMMAND: all start together, and all wait for the last to end" {
  for i in 1 2; do
    mkfifo go$i
    arrive b p$i -n 3 --id p$i cmd -- sh -c "echo start >started$i; read line <go$i; echo end >ended$i; exit $i"
  done
  eventually there cmd 2
  [ ! -e started1 ]
  arrive c p3 -n 3 --id p3 cmd -- sh -c 'echo $DBARRIER_NAME $DBARRIER_GENERATION $DBARRIER_ID $DBARRIER_COUNT >env'
  eventually is_file started1
  eventually is_file started2
  echo >go1
  eventually is_file ended1
  runs() { dbarrier --status --json cmd | jq -e '[.participants[].status] == [1, null, 0]'; }
  eventually runs
  [ ! -e p1 ] && [ ! -e p3 ]
  [[ "$(dbarrier --list)" == *"1 command runs"* ]]
  echo >go2
  wait
  [ "$(cat p1 p2 p3)" = $'1\n2\n0' ]
  [ "$(cat env)" = "cmd 1 p3 3" ]
}

@test "COMMAND: --all-or-fail, a lost participant, and one that cannot be executed" {
  arrive b one -n 2 --all-or-fail fail -- true
  run -7 dbarrier -n 2 --all-or-fail fail -- sh -c 'exit 7'
  wait
  [ "$(cat one)" = 3 ]
  arrive b one -n 2 --all-or-fail fail -- true
  run -127 dbarrier -n 2 fail -- no-such-command-anywhere
  wait
  [ "$(cat one)" = 3 ]
  arrive b one -n 2 --all-or-fail fail -- true
  COORD_SOCKET=$group/c.sock dbarrier -n 2 --id lost fail -- sh -c 'echo $$ >pid; exec sleep 300' 3>&- &
  wrapper=$!
  eventually is_file pid
  kill -9 $wrapper
  still_runs() { dbarrier --status --json fail | jq -e '.participants[] | select(.id == "lost") | .status == null'; }
  still_runs # its wrapper is gone, and the others wait until it has ended
  kill -9 "$(cat pid)"
  eventually is_file one
  wait
  dbarrier --status --json fail | jq -e '.participants[] | select(.id == "lost") | .status == 3 and .lost'
}

@test "a quorum after its delay; the late pass with 4, who took part is early" {
  opts=(-n 3 --quorum 2 --after 0.3)
  arrive a one "${opts[@]}" --id one q
  arrive b two "${opts[@]}" --id two q
  wait
  [ "$(cat one two)" = $'0\n0' ]
  run -1 dbarrier "${opts[@]}" -w 0 --id one q
  run -4 dbarrier "${opts[@]}" --id three q -- touch ran
  [ ! -e ran ]
  run -1 dbarrier "${opts[@]}" -w 0 --id three q
  dbarrier --status --json q | jq -e '.generation == 1 and .quorum == 2 and ([.participants[] | select(.late)] | length) == 1'
}

@test "--reset sends the waiters away; a command that runs goes on" {
  run -1 dbarrier --reset none
  arrive b w -n 2 --id w reset
  eventually there reset 1
  run -0 on c dbarrier --reset reset
  wait
  [ "$(cat w)" = 3 ]
  grep -q "dbarrier: reset: reset" w.out
  mkfifo go
  arrive b r -n 1 reset -- sh -c 'echo x >started; read line <go; echo end >ended'
  eventually is_file started
  run -0 dbarrier --reset reset
  echo >go
  wait
  [ "$(cat r)" = 3 ]
  [ -s ended ]
}

@test "--report: JSON to a file, a table with bars to stderr" {
  arrive b one -n 2 --id one --report one.json rep -- sh -c 'exit 5'
  run -0 dbarrier -n 2 --id two --report - rep -- sleep 0.3
  wait
  [[ $output == *"rep, generation 1: released by "* ]]
  [[ $output == *"ID "*"ARRIVED"*"WAITED"*"RAN"*"STATUS"* ]]
  [[ $output == *"two"*"#####"* ]]
  jq -e '.schema == 1 and .name == "rep" and .outcome == "released" and .efficiency > 0 and .efficiency <= 1
    and (.participants | map({id, status}) == [{"id":"one","status":5},{"id":"two","status":0}])
    and .participants[1].run_s >= 0.3 and .participants[1].run_s < 10' one.json
  # A report that cannot be written is known before anybody is waited for; an earlier one does not stay.
  run -74 timeout 10 dbarrier -n 2 --report no/such/file rep
  run -0 dbarrier -n 1 --report kept rep
  is_file kept
  run -69 dbarrier --socket "$BATS_TEST_TMPDIR/none" -n 1 --report kept rep
  [ ! -s kept ]
  mkfifo pipe
  jq .outcome <pipe >piped 3>&- &
  run -0 dbarrier -n 1 --report pipe rep
  wait $!
  [ "$(cat piped)" = '"released"' ]
  run -74 dbarrier -n 1 --report /dev/full rep
  [ "${#lines[@]}" -eq 1 ]
  run -5 dbarrier -n 1 --report /dev/full rep -- sh -c 'exit 5'
}

@test "--list and --status show what is there, escaped" {
  name=$(printf 'n\033[2J\n\377 x')
  arrive b w -n 2 --id "$name" "$name"
  eventually there "$name" 1
  run -0 dbarrier --list
  [[ ${lines[0]} == NAME*GENERATION*COUNT*STATE*MISSING* ]]
  [[ $output == *'n\x1b[2J\n\xff x'*"1 of 2 are there"* ]]
  [[ $output != *$'\033'* ]]
  [ "$(dbarrier --status --json "$name" | jq -r .name_b64 | base64 -d)" = "$name" ]
  run -0 dbarrier --status --stale "$name"
  run -0 dbarrier -n 2 "$name"
  wait
  [[ "$(dbarrier --list)" != *'n\x1b'* ]]
  run -1 dbarrier --status never
  [ "$output" = "" ]
}

@test "bad input: one clear line and 64" {
  wrong() {
    echo "dbarrier $*"
    run -64 timeout 10 dbarrier "$@"
    [ "${#lines[@]}" -eq 1 ]
    [[ $output == "dbarrier: "*": "*": "* ]]
  }
  wrong
  wrong name
  wrong -n 0 name
  wrong -n 5000 name
  wrong -n x name
  wrong -n 2 -- -name
  wrong -n 2 --id '' name
  wrong -n 2 --id "$(printf 'x%.0s' $(seq 101))" name
  wrong -n 2 --quorum 1 name
  wrong -n 2 --after 1 name
  wrong -n 2 --quorum 3 --after 1 name
  wrong -n 2 --expect a,,b name
  wrong -n 2 a,b
  wrong -n 2 --expect a,b,c name
  wrong -n 2 -w -1 name
  wrong -n 2 --ttl 0.5 name
  wrong --json name
  wrong --status
  wrong --reset a b
  wrong --status --reset a
  wrong --status name -n 2
  wrong --status name -w 1
  wrong --reset name --quorum 1 --after 1
  wrong --list --expect a,b
  wrong -n 2 -E 256 name
}

@test "no peer: one line and 69" {
  run -69 dbarrier --socket "$BATS_TEST_TMPDIR/none" -n 2 name
  [ "${#lines[@]}" -eq 1 ]
  run -69 dbarrier --scope private -n 2 name
  [ "${#lines[@]}" -eq 1 ]
}

@test "the README's rolling deploy, on three hosts" {
  sed -n '/^## A rolling deploy/,/^## The programs/p' "$BATS_TEST_DIRNAME/../../README.md" | sed -n '/^```/,/^```/{/^```/!p}' >rollout
  [ "$(wc -l <rollout)" = 3 ]
  mkdir bin
  printf '#!/bin/sh\necho "$HOST_NAME"\n' >bin/hostname
  printf '#!/bin/sh\necho "begin $HOST_NAME" >>log; [ ! -e broken.$HOST_NAME ] || exit 9; echo "end $HOST_NAME" >>log\n' >bin/deploy-here
  printf '#!/bin/sh\necho "switch $HOST_NAME" >>log\n' >bin/switch-over
  chmod +x bin/*
  deploy_everywhere() {
    local peer host
    while read -r peer host; do
      {
        local status=0
        COORD_SOCKET=$group/$peer.sock HOST_NAME=$host PATH=$PWD/bin:$PATH sh rollout 2>"err.$host" || status=$?
        echo $status >"status.$host"
      } 3>&- &
    done <<<$'a alpha\nb beta\nc gamma'
    wait
  }
  deploy_everywhere
  [ "$(cat status.alpha status.beta status.gamma)" = $'0\n0\n0' ]
  # One at a time, in the order of the hosts, then the last step.
  [ "$(head -n 6 log | paste -sd,)" = "begin alpha,end alpha,begin beta,end beta,begin gamma,end gamma" ]
  [ "$(tail -n +7 log | sort | paste -sd,)" = "switch alpha,switch beta,switch gamma" ]
  rm log
  touch broken.beta
  deploy_everywhere
  [ "$(cat status.alpha status.beta status.gamma)" = $'3\n9\n3' ]
  [ "$(paste -sd, log)" = "begin alpha,end alpha,begin beta" ] # gamma is as it was
  grep -q "beta failed" err.gamma
}
