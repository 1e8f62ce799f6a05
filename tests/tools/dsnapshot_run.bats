#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Commands as processes of a group: one host where nothing runs, and three peers of which one is killed.
bats_require_minimum_version 1.5.0

load peer_helpers

setup() {
  cd "$BATS_TEST_TMPDIR"
  pids=()
  examples=$COORD_SOURCE/docs/examples
}

teardown() {
  [ "${#pids[@]}" -eq 0 ] || { kill "${pids[@]}" && kill -CONT "${pids[@]}"; } 2>/dev/null || true
  wait
  [ ! -e "$BATS_TEST_TMPDIR/group" ] || stop_group
}

# cold: nothing runs, nothing is configured.
cold() {
  export HOME=$BATS_TEST_TMPDIR/home XDG_RUNTIME_DIR=$BATS_TEST_TMPDIR/runtime
  mkdir -p "$HOME" "$XDG_RUNTIME_DIR"
  chmod 700 "$XDG_RUNTIME_DIR"
  unset COORD_SOCKET COORD_CONFIG
}

# process GROUP ID [OPTION...] -- COMMAND...: in the background.
process() {
  dsnapshot run "$@" </dev/null 2>>"err.$3" 3>&- &
  pids+=($!)
}
counts() { [ "$(dsnapshot ps "$1" --json | wc -l)" -eq "$2" ]; }
ends() { ! kill -0 "$1" 2>/dev/null; }

@test "cold: three tellers, a snapshot while they pay, the sum is right, wait sees the end, stop ends them" {
  cold
  process bank --id P1 -n 3 -- "$examples/teller.sh" 300 P2 P3
  process bank --id P2 -n 3 -- "$examples/teller.sh" 300 P3 P1
  process bank --id P3 -n 3 -- "$examples/teller.sh" 300 P1 P2
  eventually counts bank 3
  for i in 1 2 3 4 5; do
    dsnapshot take bank -o "bank.$i"
    dsnapshot check "bank.$i"
    [ "$(jq -s '[.[] | select(.type == "process").state | capture("has=(?<n>-?[0-9]+)").n | tonumber] + [.[] | select(.type == "channel").messages[].body | capture("pay=(?<n>[0-9]+)").n | tonumber] | add' "bank.$i")" -eq 300 ]
    dsnapshot check -q "$(jq -r 'select(.type == "snapshot").id' "bank.$i")" # this host's peer keeps it
  done
  run dsnapshot wait -w 60 bank
  [ "$status" -eq 0 ]
  [[ $output == "done: all idle, nothing on its way: P1, P2, P3 "* ]]
  dsnapshot stop bank
  for pid in "${pids[@]}"; do wait "$pid"; done
  pids=()
  run dsnapshot ps bank
  [ "$status" -eq 1 ]
}

@test "an id in use is refused with 64, and free again when its process has ended" {
  cold
  process g --id A -- cat
  eventually counts g 1
  run dsnapshot run g --id A -- true
  [ "$status" -eq 64 ]
  [[ $output == *"id 'A': is in use on "* ]]
  kill "${pids[0]}"
  wait "${pids[0]}" || true
  pids=()
  dsnapshot run g --id A -- true
}

@test "the command's status and signal are passed on, all that it says is sent before" {
  cold
  process g --id B -- sh -c 'while read -r line; do case $line in "!snapshot "*) echo "!state ${line#* } idle";; *) echo "$line" >>got;; esac; done'
  eventually counts g 1
  run dsnapshot run g --id A -- sh -c 'i=0; while [ $i -lt 1000 ]; do printf "B\tline %d\n" $i; i=$((i + 1)); done; exit 7'
  [ "$status" -eq 7 ]
  has_all() { [ "$(wc -l <got)" -eq 1000 ]; } # written to it; it reads when it does
  eventually has_all
  [ "$(tail -1 got)" = "$(printf 'A\tline 999')" ]
  run dsnapshot run g --id A -- sh -c 'kill -9 $$'
  [ "$status" -eq 137 ]
  run -127 dsnapshot run g --id A -- ./nothing
  [ "$status" -eq 127 ]
}

@test "bad lines are named by number, 65 with --strict" {
  cold
  run dsnapshot run g --id A --strict -- printf 'no tab\nB\thello\n'
  [ "$status" -eq 65 ]
  [[ $output == *"A: line 1 is not sent: it has no tab"* ]]
  [[ $output == *"A: line 2 is not sent: nobody in the group is 'B'"* ]]
  dsnapshot run g --id A -- printf 'no tab\n'
  run dsnapshot run g --id A --format json -- printf '{"to":\n'
  [[ $output == *"line 1 is not sent: it is no JSON object"* ]]
}

@test "who does not answer is named with what helps, the snapshot is incomplete, and input flows again" {
  cold
  process g --id mute -w 0.3 -- sh -c 'while read -r line; do echo "$line" >>got; done'
  eventually counts g 1
  run dsnapshot take g -w 5
  [ "$status" -eq 1 ]
  [[ $output == *"mute: no answer"* ]]
  eventually grep -q 'mute has not answered snapshot .* stdbuf -oL' err.mute
  dsnapshot send g mute hello
  eventually grep -q hello got
  dsnapshot take g -w 5 -o incomplete || [ "$?" -eq 1 ]
  run dsnapshot check incomplete
  [ "$status" -eq 3 ]
}

@test "a state of another command is marked external, and wait never counts it" {
  cold
  process g --id A --state 'echo idle of $1' -- cat
  eventually counts g 1
  dsnapshot take g | jq -e 'select(.type == "process") | .external and (.state | startswith("idle of "))'
  run dsnapshot wait -w 0.5 g
  [ "$status" -eq 1 ]
  [[ $output == *"another command"* ]]
}

@test "wait: a message for who has ended is status 3, and its sender is told" {
  cold
  # B's wrapper is stopped when the message comes, and dies.
  process g --id A -- sh -c 'while read -r line; do case $line in "!snapshot "*) echo "!state ${line#* } idle";; *) printf "B\tlate\n";; esac; done'
  process g --id B -- cat
  eventually counts g 2
  stop_process "${pids[1]}"
  dsnapshot send g A go
  kill -KILL "${pids[1]}"
  eventually grep -q 'not read, B has ended: late' err.A
  run dsnapshot wait -w 10 g
  [ "$status" -eq 3 ]
  [[ $output == *"their receivers have ended"* ]]
}

# Neither reads any more when the other one speaks; a third one, stopped, keeps both there until then.
@test "two commands that end with unread lines for each other: both runs end, and name and count the lines" {
  cold
  process g --id D -n 3 -- sh -c 'while read -r line; do echo "$line" >>got; done'
  for id in A B; do
    other=$([ "$id" = A ] && echo B || echo A)
    process g --id "$id" -n 3 -- sh -c 'exec 0<&-; : >"closed.$2"; until [ -e stopped ]; do sleep 0.05; done; printf "D\tbye\n$1\tfirst\n$1\tsecond\n"' sh "$other" "$id"
  done
  closed() { [ -e closed.A ] && [ -e closed.B ]; }
  eventually closed
  stop_process "${pids[0]}"
  : >stopped
  for id in A B; do
    other=$([ "$id" = A ] && echo B || echo A)
    eventually grep -q "$id: not read, $other has ended: second" "err.$id"
    grep -q "$id: not read, $other has ended: first" "err.$id"
  done
  kill -CONT "${pids[0]}"
  for pid in "${pids[@]:1}"; do
    eventually ends "$pid"
    wait "$pid"
  done
  grep -q "A: 2 lines of it were not read by others" err.A
  grep -q "B: 2 lines of it were not read by others" err.B
  pids=("${pids[0]}")
}

@test "a command that reads nothing more: lines for it come back while it still waits to be read" {
  cold
  process g --id A -n 3 -- sh -c 'exec 0<&-; until [ -e stopped ]; do sleep 0.05; done; printf "B\thello\n"; : >said'
  process g --id B -n 3 -- sh -c 'while read -r line; do echo "$line" >>got; done'
  process g --id C -n 3 -- sh -c 'read -r go; printf "A\tone\nA\ttwo\n"'
  eventually counts g 3
  stop_process "${pids[1]}"
  : >stopped
  said() { [ -e said ]; }
  eventually said
  dsnapshot send g C go
  eventually grep -q 'C: 2 lines of it were not read by others' err.C
  wait "${pids[2]}"
  grep -q 'C: not read, A has ended: one' err.C
  grep -q 'C: not read, A has ended: two' err.C
  kill -CONT "${pids[1]}"
  wait "${pids[0]}"
  eventually grep -q hello got
}

@test "run -n ends when it is told to before all are there" {
  cold
  process g --id A -n 2 -- cat
  eventually counts g 1
  kill "${pids[0]}"
  eventually ends "${pids[0]}"
  pids=()
}

@test "wait: who has ended with 0 is idle, another end is status 3 and named, also when all have ended" {
  cold
  for verb in wait take stop; do
    run -1 dsnapshot "$verb" g
    [ "$output" = 'dsnapshot: g: nobody is in this group: start one with dsnapshot run' ]
  done
  run -1 dsnapshot send g A x
  dsnapshot run g --id A -- true
  dsnapshot wait g
  process g --id B -- cat
  eventually counts g 1
  run dsnapshot run g --id C -- sh -c 'exit 5'
  [ "$status" -eq 5 ]
  run dsnapshot wait -w 5 --idle '*' g
  [ "$status" -eq 1 ] # B, a cat, has not answered
  kill "${pids[0]}"
  wait "${pids[0]}" || true
  pids=()
  run dsnapshot wait g
  [ "$status" -eq 3 ]
  [[ $output == *"C has ended with 5"* || $output == *"B has"* ]]
}

@test "maelstrom: an echo node and three broadcast nodes in Python" {
  cold
  process echo --id n1 --format maelstrom -- python3 -u "$examples/echo.py"
  eventually counts echo 1
  dsnapshot send echo n1 '{"type":"echo","msg_id":7,"echo":"hello"}'
  dsnapshot take echo | jq -e 'select(.type == "process").state == "idle answered=1"'
  for i in 1 2 3; do process cast --id n$i -n 3 --format maelstrom -- python3 -u "$examples/broadcast.py"; done
  eventually counts cast 3
  dsnapshot send cast n2 '{"type":"broadcast","message":42}'
  dsnapshot wait -w 30 --idle '*"idle"*' cast
  [ "$(dsnapshot take cast | jq -r 'select(.type == "process").state | fromjson.heard' | sort -u)" = 1 ]
}

@test "three peers: ten snapshots of five tellers while a peer is killed and started again" {
  new_group "$BATS_TEST_TMPDIR/group" a b c
  start_group "${calm[@]}"
  ids=(P1 P2 P3 P4 P5)
  hosts=(a b c a b)
  for i in 0 1 2 3 4; do
    others=("${ids[@]:i+1}" "${ids[@]:0:i}")
    on "${hosts[i]}" process bank --id "${ids[i]}" -n 5 -- "$examples/teller.sh" 2000 "${others[@]}"
  done
  eventually on c counts bank 5
  for i in 1 2 3 4 5 6 7 8 9 10; do
    on c dsnapshot take bank -w 20 -o "bank.$i" || echo "snapshot $i is incomplete"
    if [ "$i" -eq 3 ]; then
      signal_peer KILL b
      eventually peer_gone b
      start_peer b "${calm[@]}"
    fi
  done
  complete=0
  for i in 1 2 3 4 5 6 7 8 9 10; do
    dsnapshot check -q "bank.$i" || continue
    complete=$((complete + 1))
    [ "$(jq -s '[.[] | select(.type == "process").state | capture("has=(?<n>-?[0-9]+)").n | tonumber] + [.[] | select(.type == "channel").messages[].body | capture("pay=(?<n>[0-9]+)").n | tonumber] | add' "bank.$i")" -eq 500 ]
  done
  echo "$complete complete"
  [ "$complete" -ge 3 ]
  on a dsnapshot wait -w 100 bank
  on b dsnapshot stop bank
  for pid in "${pids[@]}"; do wait "$pid"; done
  pids=()
  [ ! -s err.P1 ]
}

# readme PROMPT: the README's lines at that prompt, for sh.
readme() { sed -n '/^## dsnapshot/,/^## dclock/p' "$COORD_SOURCE/README.md" | sed -n "s/^$1\\$ //p"; }
has_none() { [ "$(dsnapshot ps "$1" --json | wc -l)" -eq 0 ]; }

@test "the README's bank on three hosts, line by line" {
  cp "$examples"/* .
  new_group "$BATS_TEST_TMPDIR/group" a b c
  start_group "${calm[@]}"
  on a sh -c "$(readme a)" </dev/null 2>>err 3>&-
  on b sh -c "$(readme b)" </dev/null 2>>err 3>&-
  on c process bank --id P3 -n 5 -- ./teller.sh 2000 P4 P5 P1 P2
  on a process bank --id P4 -n 5 -- ./teller.sh 2000 P5 P1 P2 P3
  on b process bank --id P5 -n 5 -- ./teller.sh 2000 P1 P2 P3 P4
  eventually on c counts bank 5
  readme c >lines
  [ "$(wc -l <lines)" -eq 4 ]
  for i in 1 2 3; do # each complete one has all the money
    on c sh -e <(sed -n 1,3p lines) >said
    [[ $(head -n 1 said) == 'consistent: 5 processes, '*' on the way' ]]
    [ "$(tail -n 2 said | paste -sd+ | bc)" -eq 500 ]
  done
  run on c timeout 100 sh -e <(sed -n 4p lines)
  [ "$status" -eq 0 ]
  [[ $output == 'done: all idle, nothing on its way: P1, P2, P3, P4, P5 '* ]]
  eventually on a has_none bank
  for pid in "${pids[@]}"; do wait "$pid"; done
  pids=()
}

@test "the README's broadcast, line by line" {
  cold
  cp "$examples"/* .
  readme '' >lines
  [ "$(wc -l <lines)" -eq 3 ]
  for i in 1 2 3; do sh -c "$(sed -n 1p lines | sed "s/n1 /n$i /")" </dev/null 2>>err 3>&-; done
  eventually counts cast 3
  sh -e <(sed -n 2,3p lines)
  [ "$(dsnapshot take cast | jq -r 'select(.type == "process").state | fromjson.heard' | sort -u)" = 1 ]
  dsnapshot stop cast
  eventually has_none cast
}
