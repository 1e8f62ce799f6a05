#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# labels: release
# dcast on one host: cold with a private peer, listeners that are slow, stopped or ended, and what is refused.
bats_require_minimum_version 1.5.0
load peer_helpers

setup() {
  own_host
  cd "$BATS_TEST_TMPDIR" || return
}

teardown() {
  end_jobs TERM
  stop_own_host
}

# listen FILE [OPTION...]: to x in the background, and waits until it listens. Sets listener.
listen() {
  local file=$1
  shift
  env --default-signal=INT dcast --listen x "$@" >"$file" 2>"$file.err" 3>&- &
  listener=$!
}
listens() { grep -q '"listening"' "$1"; }
has_lines() { [ "$(wc -l <"$1")" -ge "$2" ]; }
payloads() { jq -r 'select(.event == "cast") | .payload' "$1"; }
heard() { [ "$(payloads "$1" | wc -l)" -ge "$2" ]; }

@test "cold: a cast that nobody hears is done; a listener hears what is cast from then on, once" {
  dcast x nobody
  listen out --json
  eventually listens out
  dcast x one
  dcast other 'not this one'
  printf 'two\nlines\377' | dcast x -
  dcast x -- --three
  eventually heard out 3
  run -0 jq -r 'select(.event == "cast") | [.name, .host, .user, .payload] | @tsv' out
  [ "${#lines[@]}" -eq 3 ]
  [[ ${lines[0]} == x$'\t'*$'\t'"$(id -un)"$'\t'one ]]
  [ "$(jq -r 'select(.payload_b64) | .payload_b64' out | base64 -d | od -An -c)" = "$(printf 'two\nlines\377' | od -An -c)" ]
  [ "$(jq -r 'select(.event == "cast") | .id' out | sort -u | wc -l)" -eq 3 ]
  run -0 dcast --json x four
  [ "$(jq -c '[.name, .members, .confirmed]' <<<"$output")" = '["x",0,false]' ]
}

@test "a line each, escaped; --count ends it; Ctrl-C and a reader that goes end it" {
  listen ready --json
  eventually listens ready
  mkfifo pipe
  dcast --listen x --count 2 >out 3>&- &
  counts=$!
  dcast --listen x >pipe 3>&- &
  piped=$!
  exec 5<pipe
  until_both() { dcast x hello && has_lines out 1 && read -t 0 -u 5; }
  eventually until_both
  dcast x $'a\tb\nc'
  wait "$counts"
  [ "$(head -1 out)" = hello ]
  read -r -t 20 line <&5
  [ "$line" = hello ]
  exec 5<&-
  dcast x more
  wait "$piped" || true
  kill -INT "$listener"
  status=0
  wait "$listener" || status=$?
  [ "$status" -eq 130 ]
  listen last
  dcast_once() { dcast x $'a\tb' && [ -s last ]; }
  eventually dcast_once
  [ "$(head -1 last)" = 'a\tb' ]
}

@test "a command for each, with the payload on its standard input, and whose it is in its environment" {
  dcast --listen x --count 3 -- sh -c 'cat >got.$DCAST_ID; echo "$DCAST_NAME $DCAST_USER" >>who; exit 0' 2>err 3>&- &
  listener=$!
  head -c 65536 /dev/urandom >big
  until_it_hears() { dcast x small && [ -s who ]; }
  eventually until_it_hears
  dcast x - <big
  dcast x ''
  wait "$listener" || true
  [ "$(sort -u who)" = "x $(id -un)" ]
  found=0
  for file in got.*; do ! cmp -s "$file" big || found=1; done
  [ "$found" -eq 1 ] || [ "$(wc -l <who)" -eq 3 ]
  run -126 dcast_with / 
  run -127 dcast_with ./missing
  run -7 dcast_with sh -c 'exit 7'
  run -143 dcast_with sh -c 'kill -TERM $$'
}
dcast_with() { # the status of a listener with this command, after one cast
  dcast --listen x --count 1 -- "$@" 3>&- &
  local pid=$!
  local end=$((SECONDS + 20))
  until gone "$pid" || [ $SECONDS -ge $end ]; do dcast x y; done
  wait "$pid"
}

@test "a listener that is stopped holds up nobody, and is told how many it has missed" {
  listen out --json
  eventually listens out
  stopped=$listener
  stop_process "$stopped"
  listen second --json
  eventually listens second
  head -c 60000 /dev/zero | tr '\0' x >big
  for ((i = 0; i < 150; i++)); do dcast x - <big; done # 9 MB, more than 4 MiB and what is on its way
  eventually heard second 150
  kill -CONT "$stopped"
  is_told() { [ "$(jq -s 'map(if .event == "cast" then 1 elif .event == "lost" then .count else 0 end) | add' out)" -eq 150 ]; }
  eventually is_told
  [ "$(jq -s 'map(select(.event == "lost").count) | add > 0' out)" = true ]
  dcast x again
  ends_with_again() { [ "$(payloads out | tail -1)" = again ]; }
  eventually ends_with_again
}

@test "--ask: the answer of a command on this host, its status, and one that is too long or too slow" {
  run -1 --separate-stderr dcast --ask q
  [[ $stderr == *'nobody answers'* ]]
  dcast --json --answer q -- sh -c 'read -r what; eval "$what"' >out 2>err 3>&- &
  answerer=$!
  eventually grep -q '"answering"' out
  [ "$(dcast --ask q 'echo hello' | cut -d: -f2)" = ' hello' ]
  [ "$(dcast --ask q 'echo "$DCAST_NAME $DCAST_USER"' --json | jq -r 'select(.answer) | .answer')" = "q $(id -un)" ]
  run -1 --separate-stderr dcast --ask q 'echo 5; exit 3' --json --reduce sum
  [ "$(jq -c 'select(.answer) | [.answer, .status]' <<<"$output")" = '["5",3]' ]
  [ "$(jq -c 'select(.type) | [.value, .answered]' <<<"$output")" = '[null,0]' ]
  run -1 --separate-stderr dcast --ask q 'echo five' --reduce sum
  [[ $stderr == *'not counted'* ]]
  run -1 --separate-stderr dcast --ask q 'head -c 20000 /dev/zero'
  [[ $stderr == *'status 65'* ]]
  [ "$(dcast --ask q 'head -c 16384 /dev/zero | tr "\0" x' --json | jq -r 'select(.answer) | .answer | length')" -eq 16384 ]
  run -1 --separate-stderr dcast --ask q 'sleep 30' -w 1
  [[ $stderr == *'no answer of'* ]]
  [ "$(dcast --ask q 'echo 7' --reduce sum)" = 7 ]
  # What nobody waits for any more when its turn comes is not run.
  dcast --ask q 'echo >begun; sleep 30' -w 3 2>/dev/null 3>&- &
  eventually [ -e begun ]
  run -1 dcast --ask q 'echo >ran' -w 0.5
  [ "$(dcast --ask q 'echo 8' --reduce sum -w 20)" = 8 ]
  [ ! -e ran ]
  kill "$answerer"
}

@test "kill -9 of the peer: the listener comes back, and hears what is cast later" {
  listen out --json
  eventually listens out
  dcast x one
  eventually heard out 1
  pkill -KILL -f -- "--socket $XDG_RUNTIME_DIR/"
  twice() { [ "$(grep -c '"listening"' out)" -ge 2 ]; }
  eventually twice
  dcast x two
  eventually heard out 2
  [ "$(payloads out | xargs)" = "one two" ]
}

@test "what cannot be meant is refused with 64" {
  head -c 65537 /dev/zero >big
  refused() {
    run -64 --separate-stderr dcast "$@"
    [[ $stderr == dcast:* ]]
  }
  refused
  [[ $stderr == "dcast: NAME: is missing"* ]]
  refused --listen
  [[ $stderr == "dcast: NAME: is missing"* ]]
  refused x
  [[ $stderr == "dcast: PAYLOAD: is missing"* ]]
  refused -x y
  refused '' y
  refused x y z
  refused x y -- true
  refused --listen x y
  refused --listen x --json -- true
  refused --count 1 x y
  refused --listen x --count 0
  refused --listen x -w 1
  refused --answer x
  refused x y --reduce sum
  refused --ask x --reduce product
  refused --ask x y z
  run -64 dcast x - <big
  run -69 dcast --no-autostart --socket "$PWD/none" x y
}
