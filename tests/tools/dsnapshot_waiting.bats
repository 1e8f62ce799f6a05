#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# What waits in a group of processes, and who does not have to: output while a state is asked for, lines that are not written
# yet, snapshots with a process that has ended, senders whose input goes on.
# labels: release
bats_require_minimum_version 1.5.0

load peer_helpers

setup() {
  cd "$BATS_TEST_TMPDIR"
  pids=()
  own_host
}

teardown() {
  [ "${#pids[@]}" -eq 0 ] || kill -KILL "${pids[@]}" 2>/dev/null || true
  wait
  stop_own_host
}

# process GROUP ID [OPTION...] -- COMMAND...: in the background.
process() {
  dsnapshot run "$@" </dev/null 2>>"err.$3" 3>&- &
  pids+=($!)
}
counts() { [ "$(dsnapshot ps "$1" --json | wc -l)" -eq "$2" ]; }
exists() { [ -e "$1" ]; }
has_lines() { [ -e "$1" ] && [ "$(wc -l <"$1")" -ge "$2" ]; }
# ended N: that one has.
ended() { ! kill -0 "${pids[$1]}" 2>/dev/null; }

# Says so many lines of 64 KiB when it is asked, and answers when there is a file `go`.
talker='
long=$(head -c 65000 /dev/zero | tr "\0" x)
while IFS= read -r line; do
  case $line in
    "!snapshot "*)
      [ -e asked ] || for n in $(seq "$1"); do printf "R\t%s %s\n" "$n" "$long"; done
      : >asked
      until [ -e go ]; do sleep 0.05; done
      echo "!state ${line#* } idle"
      ;;
  esac
done'
# Answers, and puts the first word of each line into the file `got`.
reader='exec python3 -uc "
import sys
for line in iter(sys.stdin.readline, str()):
    if line.startswith(\"!snapshot \"):
        print(\"!state\", line.split()[1], \"idle\", flush=True)
    else:
        with open(\"got\", \"a\") as got: print(line.split()[1], file=got)
"'
slow_reader='while IFS= read -r line; do case $line in "!snapshot "*) echo "!state ${line#* } idle";; *) sleep 0.05;; esac; done'

@test "output that waits for the answer is in a file and not in memory, and arrives in its order" {
  mkdir spill
  export TMPDIR=$PWD/spill
  process g --id R -- sh -c "$reader"
  process g --id T -w 100 -- sh -c "$talker" sh 250
  eventually counts g 2
  # Its reader takes nothing meanwhile: all has to wait.
  stop_process "${pids[0]}"
  dsnapshot take g -w 60 -o s 3>&- &
  taker=$!
  eventually exists asked
  spilled() { find -L "/proc/${pids[1]}/fd" -type f -size +8M 2>/dev/null | grep -q .; }
  eventually spilled
  [ -z "$(ls -A spill)" ] # it has no name
  [ -n "${COORD_SANITIZE-}" ] || [ "$(awk '$1 == "VmHWM:" { print $2 }' "/proc/${pids[1]}/status")" -lt 20000 ]
  : >go
  kill -CONT "${pids[0]}"
  wait "$taker"
  dsnapshot check -q s
  dsnapshot check -q "$(head -n 1 s | jq -r .id)" # a large one is kept, too
  eventually has_lines got 250
  seq 250 | cmp - got
}

@test "more output than there is room for: the record is given up, the rest goes on" {
  process g --id R -- sh -c "$reader"
  process g --id T -w 100 -- sh -c "$talker" sh 1300
  eventually counts g 2
  stop_process "${pids[0]}"
  run -1 dsnapshot take g -w 15 -o s
  [[ $output == *T* ]]
  head -n 1 s | jq -e '.missing | any(. == "T")'
  kill -CONT "${pids[0]}"
  : >go
  eventually has_lines got 1300
  seq 1300 | cmp - got
  eventually grep -q 'T: the state for snapshot' err.T # it comes too late
}

@test "a process that has ended and waits for its last lines to be read makes no snapshot wait" {
  # R answers, and reads so slowly that E, which has ended, stays for long.
  process g --id R -- sh -c "$slow_reader"
  process g --id B -- sh -c "$reader"
  process g --id E -n 3 -- sh -c 'for n in $(seq 300); do printf "R\t%s %05000d\n" "$n" 0; done; : >said'
  eventually exists said
  begun=$SECONDS
  run -1 dsnapshot take g -w 60 -o s
  [ $((SECONDS - begun)) -lt 30 ]
  [[ $output == *E* ]]
  [ "$(jq -c 'select(.type == "snapshot") | [.missing, .why]' s)" = '[["E"],["left"]]' ]
  counts g 3 # it is there still
}

@test "lines that were not written to a command that ends come back to their sender, all of them" {
  # It reads one line and stops: more than a pipe holds waits in its run.
  process g --id R -- sh -c 'IFS= read -r line; until [ -e go ]; do sleep 0.05; done; exit 0'
  process g --id S -- sh -c 'read -r go; for n in $(seq 400); do printf "R\t%s %01000d\n" "$n" 0; done; : >said'
  eventually counts g 2
  dsnapshot send g S go
  eventually exists said
  : >go
  eventually ended 1
  wait "${pids[1]}" || true
  # What came back is the end of what was said, without a gap: what the pipe held went with the command.
  sed -n 's/^dsnapshot: S: not read, R has ended: \([0-9]*\) .*/\1/p' err.S >back
  [ "$(wc -l <back)" -ge 200 ]
  seq "$(head -n 1 back)" 400 | cmp - back
  grep -q "S: $(wc -l <back) lines of it were not read by others" err.S
}

@test "send -: what is there is sent before the input ends" {
  process g --id R -- sh -c "$reader"
  eventually counts g 1
  mkfifo input
  dsnapshot send g R - <input 3>&- &
  pids+=($!)
  exec 9>input
  echo "first" >&9
  eventually has_lines got 1
  echo "second" >&9
  eventually has_lines got 2
  exec 9>&-
  wait "${pids[1]}"
  [ "$(paste -sd' ' got)" = "first second" ]
}

@test "who is killed is gone from the next snapshot, though the others have not heard of it yet" {
  for round in 1 2 3; do
    pids=()
    process "g$round" --id A -- sh -c "$reader"
    process "g$round" --id B -- sh -c "$reader"
    eventually counts "g$round" 2
    kill -KILL "${pids[1]}"
    eventually counts "g$round" 1
    dsnapshot take "g$round" -o s
    [ "$(jq -r 'select(.type == "process").id' s)" = A ]
    dsnapshot stop "g$round"
    wait "${pids[0]}"
  done
  pids=()
}

@test "an id that cannot be one is refused with its fault, 64" {
  run -64 dsnapshot run g --id '' -- true
  [ "$output" = 'dsnapshot: --id: is missing, or empty: give --id ID' ]
  run -64 dsnapshot run g -- true
  [ "$output" = 'dsnapshot: --id: is missing, or empty: give --id ID' ]
  run -64 dsnapshot run g --id '!x' -- true
  [[ $output == *"id '!x': begins with '!'"* ]]
  run -64 dsnapshot run g --id 'a b' -- true
  [[ $output == *"contains a blank or a control character"* ]]
}

@test "two that read nothing and wait for room with each other: show names them, and the snapshot comes in time" {
  flood='while :; do printf "%s\t%060000d\n" "$1" 0; done'
  process g --id A -- sh -c "$flood" sh B
  process g --id B -- sh -c "$flood" sh A
  eventually counts g 2
  stuck() {
    dsnapshot take g -w 2 -o s || true
    dsnapshot show s | grep -q 'stuck: A > B > A: each waits for room in a full channel'
  }
  eventually stuck
}
