#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# The options of dsnapshot for processes, each as a shell user meets it: one host where nothing runs.
# labels: release
bats_require_minimum_version 1.5.0

load peer_helpers

setup() {
  cd "$BATS_TEST_TMPDIR"
  pids=()
  own_host
}

teardown() {
  [ "${#pids[@]}" -eq 0 ] || { kill "${pids[@]}" && kill -CONT "${pids[@]}"; } 2>/dev/null || true
  wait
  stop_own_host
}

# process GROUP ID [OPTION...] -- COMMAND...: in the background.
process() {
  dsnapshot run "$@" </dev/null 2>>"err.$3" 3>&- &
  pids+=($!)
}
counts() { [ "$(dsnapshot ps "$1" --json | wc -l)" -eq "$2" ]; }
has_lines() { [ "$(wc -l <"$1" 2>/dev/null || echo 0)" -ge "$2" ]; }

# Writes what it reads into the file got.ID, and is idle.
sink='while IFS= read -r line; do case $line in "!snapshot "*) echo "!state ${line#* } idle";; *) printf "%s\n" "$line" >>got.$DSNAPSHOT_ID;; esac; done'

@test "--sum: the member of a JSON state and of messages, live" {
  cat >answers.py <<'P'
import json, sys
for line in sys.stdin:
    said = json.loads(line)
    if "snapshot" in said:
        print(json.dumps({"state": said["snapshot"], "value": {"balance": 40.25, "doing": "idle"}}), flush=True)
P
  process g --id A --format json -- python3 answers.py
  process g --id B -- sh -c 'while read -r l; do case $l in "!snapshot "*) echo "!state ${l#* } idle balance=2";; esac; done'
  eventually counts g 2
  dsnapshot take g -o s
  dsnapshot check -q s
  [ "$(dsnapshot show --sum balance s)" = 42.25 ]
}

@test "--null: bytes with line ends go as they are, and are refused by a process of lines" {
  process g --id Z --null -- bash -c 'while IFS= read -r -d "" item; do printf "%s@" "$item" >>got.Z; done'
  process g --id L -- sh -c "$sink"
  eventually counts g 2
  dsnapshot run g --id A --null -- printf 'Z\tone\ntwo\0L\tx\n!snapshot y\0L\tplain\0'
  got_all() { [ "$(cat got.Z)" = $'A\tone\ntwo@' ]; }
  eventually got_all
  eventually has_lines got.L 1
  [ "$(cat got.L)" = $'A\tplain' ]
  eventually grep -q 'L: a message from A is not written to it: it contains the line terminator' err.L
}

@test "a line that is too long is named once, and its rest is no line" {
  process g --id B -- sh -c "$sink"
  eventually counts g 1
  run dsnapshot run g --id A --strict -- sh -c 'head -c 3000000 /dev/zero | tr "\0" "\t"; printf "B\trest\n"; printf "B\tgood\n"'
  [ "$status" -eq 65 ]
  [ "$output" = 'dsnapshot: A: line 1 is not sent: it is longer than 1 MiB' ]
  eventually has_lines got.B 1
  [ "$(cat got.B)" = $'A\tgood' ]
}

@test "--to: lines for others are bad lines" {
  process g --id B -- sh -c "$sink"
  process g --id C -- sh -c "$sink"
  eventually counts g 2
  run dsnapshot run g --id A --to B --strict -- printf 'C\tno\nB\tyes\n'
  [ "$status" -eq 65 ]
  [ "$output" = "dsnapshot: A: line 1 is not sent: --to does not name 'C'" ]
  eventually has_lines got.B 1
  [ ! -e got.C ]
}

@test "--line-buffered: a program whose output is buffered answers in time" {
  program='{ if ($1 == "!snapshot") print "!state " $2 " idle" }'
  cat >buffered.py <<'P'
import sys
for line in iter(sys.stdin.readline, ""):
    if line.startswith("!snapshot "):
        sys.stdout.write("!state " + line.split()[1] + " idle\n")
P
  process g --id py -w 0.3 -- env -u PYTHONUNBUFFERED python3 buffered.py
  eventually counts g 1
  run -1 dsnapshot take g -w 2 -o s
  [[ $output == *'py has not answered; is its output buffered? stdbuf -oL, awk fflush(), python3 -u'* ]]
  kill "${pids[0]}"
  wait "${pids[0]}" || true
  pids=()
  # sed holds its output back on a pipe, unless it is told: stdbuf sets the environment.
  process h --id sed --line-buffered -- sed -n 's/^!snapshot \(.*\)/!state \1 idle/p'
  eventually counts h 1
  dsnapshot take h -w 10 -o s
  [ "$(jq -r 'select(.type == "process").state' s)" = idle ]
}

@test "--state: ten at once of a command that cannot answer are all external" {
  process g --id A --state 'echo "has=7 $1"' -- cat
  eventually counts g 1
  takers=()
  for i in 1 2 3 4 5 6 7 8 9 10; do
    dsnapshot take g -o "s.$i" 3>&- &
    takers+=($!)
  done
  for taker in "${takers[@]}"; do wait "$taker"; done
  for i in 1 2 3 4 5 6 7 8 9 10; do
    jq -e 'select(.type == "process") | .external and (.state | startswith("has=7 "))' "s.$i"
    [[ $(dsnapshot check "s.$i") == *'not exact: the state of A is external'* ]]
  done
}

@test "ten snapshots at once of three processes that pay do not disturb each other" {
  teller=$COORD_SOURCE/docs/examples/teller.sh
  process bank --id P1 -n 3 -- "$teller" 200 P2 P3
  process bank --id P2 -n 3 -- "$teller" 200 P3 P1
  process bank --id P3 -n 3 -- "$teller" 200 P1 P2
  eventually counts bank 3
  takers=()
  for i in 1 2 3 4 5 6 7 8 9 10; do
    dsnapshot take bank -o "s.$i" 3>&- &
    takers+=($!)
  done
  for taker in "${takers[@]}"; do wait "$taker"; done
  for i in 1 2 3 4 5 6 7 8 9 10; do
    dsnapshot check -q "s.$i"
    [ "$(dsnapshot show --sum has,pay "s.$i" | paste -sd+ | bc)" -eq 300 ]
  done
}

@test "a state of several lines, up to the word that the command has chosen" {
  process g --id A -- sh -c 'while read -r l; do case $l in "!snapshot "*) printf "!state %s <<END\nidle has=1\n!state x has=2\nEND\n" "${l#* }";; esac; done'
  eventually counts g 1
  dsnapshot take g -o s
  [ "$(jq -r 'select(.type == "process").state' s)" = $'idle has=1\n!state x has=2' ]
  [ "$(dsnapshot show --sum has s)" = 3 ]
}

@test "take -o: whole, and never through a link of another; a pipe stays a pipe" {
  process g --id A -- sh -c "$sink"
  eventually counts g 1
  echo precious >precious
  ln -s precious s.new
  dsnapshot take g -o s
  dsnapshot check -q s
  [ "$(cat precious)" = precious ]
  [ ! -e s.new ]
  mkfifo pipe
  cat pipe >through 3>&- &
  local reader=$!
  dsnapshot take g -o pipe
  wait "$reader"
  [ -p pipe ]
  dsnapshot check -q through
  run -74 dsnapshot take g -o none/s
  [[ $output == 'dsnapshot: none/s: '* ]]
}

@test "take --every --keep: the newest is FILE, the older ones are numbered, no more of them" {
  process g --id A -- sh -c "$sink"
  eventually counts g 1
  dsnapshot take g --every 0.05 --keep 3 -o s 3>&- &
  taker=$!
  eventually test -e s.2
  oldest=$(jq -r 'select(.type == "snapshot").id' s.2)
  moved_on() { [ "$(jq -r 'select(.type == "snapshot").id' s.2)" != "$oldest" ]; }
  eventually moved_on
  kill -TERM "$taker" # INT is ignored in the background of a script
  wait "$taker" || true
  for file in s s.1 s.2; do dsnapshot check -q "$file"; done
  [ ! -e s.3 ]
  jq -r 'select(.type == "snapshot").at' s.2 s.1 s >times
  sort -c times
  run -64 dsnapshot take g --keep 3 -o s
  run -64 dsnapshot take g --every 1 --keep 3
}

@test "an id that is run again is a new process: lines for the old one come back to their sender" {
  process g --id A -- sh -c 'while read -r l; do case $l in "!snapshot "*) echo "!state ${l#* } idle";; *) printf "B\tfor the old one\n";; esac; done'
  process g --id B -- sh -c "$sink"
  eventually counts g 2
  first=$(dsnapshot ps g --json | jq 'select(.id == "B").life')
  stop_process "${pids[1]}"
  dsnapshot send g A go
  kill -KILL "${pids[1]}"
  eventually grep -q 'A: not read, B has ended: for the old one' err.A
  process g --id B -- sh -c "$sink"
  eventually counts g 2
  [ "$(dsnapshot ps g --json | jq 'select(.id == "B").life')" -gt "$first" ]
  dsnapshot send g A again
  eventually has_lines got.B 1
  [ "$(grep -c . got.B)" -eq 1 ]
}

@test "--log: a recorded run is a log that dclock validates and draws" {
  teller=$COORD_SOURCE/docs/examples/teller.sh
  process bank --id P1 -n 2 --log P1.log -- "$teller" 20 P2
  process bank --id P2 -n 2 --log P2.log -- "$teller" 20 P1
  dsnapshot wait -w 60 bank || eventually dsnapshot wait -w 60 bank
  dsnapshot stop bank
  for pid in "${pids[@]}"; do wait "$pid"; done
  pids=()
  [ "$(grep -c ' sent to P2: pay=3' P1.log)" -eq 20 ]
  [ "$(grep -c ' received from P1: pay=3' P2.log)" -eq 20 ]
  dclock validate P1.log P2.log
  dclock draw P1.log P2.log | grep -q 'pay=3'
  # A message that is received before it was sent is found.
  sed '0,/"P1":[0-9]*/s//"P1":99/' P2.log >bad.log
  run ! dclock validate P1.log bad.log
  [[ $output == *'unknown-event: P2: knows P1=99'* ]]
}

@test "send: lines of standard input in order; nobody of that id is 1" {
  process g --id A -- sh -c "$sink"
  eventually counts g 1
  seq 500 | dsnapshot send g A -
  eventually has_lines got.A 500
  [ "$(cut -f2 got.A)" = "$(seq 500)" ]
  [ "$(cut -f1 got.A | sort -u)" = '!' ]
  run -1 dsnapshot send g B hello
  [[ $output == 'dsnapshot: g: nobody has the id B' ]]
}
