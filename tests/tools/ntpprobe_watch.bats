#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Measuring again and again, on a pipe and on a terminal.
# labels: release
bats_require_minimum_version 1.5.0
load ntp_helpers

watch_for() { # SECONDS OPTION... : what it printed, and its status
  local seconds=$1
  shift
  timeout --preserve-status -s INT "$seconds" ntpprobe --watch 0.1 "$@"
}

@test "a line each time, until interrupted; status 0 while there is an offset" {
  start_server --offset 0.5
  run -0 --separate-stderr watch_for 1.05 "127.0.0.1:$port"
  [ "${#lines[@]}" -ge 4 ]
  [ "${#lines[@]}" -le 12 ]
  for line in "${lines[@]}"; do
    [[ $line =~ ^20[0-9-]+T[0-9:.]+Z\ \+0\.(5|49)[0-9]+\ 0\.0[0-9]+\ 1/1$ ]]
  done
}

@test "lines come as they are measured, not when the buffer is full" {
  start_server
  (watch_for 3 "127.0.0.1:$port" >"$BATS_TEST_TMPDIR/out") 3>&- &
  watcher=$!
  sleep 0.7
  [ "$(wc -l <"$BATS_TEST_TMPDIR/out")" -ge 3 ]
  wait $watcher
}

@test "no offset: a line with the reason, status 1, and it goes on" {
  run -1 --separate-stderr watch_for 0.55 -w 0.05 "127.0.0.1:$(free_port)"
  [[ ${lines[0]} == *"Z - - 0/1 no usable reply (unreachable 1)" ]]
  [ "${#lines[@]}" -ge 3 ]
}

@test "JSON, CSV and the bare number, each time" {
  start_server
  run -0 --separate-stderr watch_for 0.55 --json "127.0.0.1:$port"
  jq -se 'map(select(.type == "combined")) | length >= 3 and all(.majority)' <<<"$output"
  run -0 --separate-stderr watch_for 0.55 --csv "127.0.0.1:$port"
  [ "$(grep -c ^type, <<<"$output")" -eq 1 ]
  [ "$(grep -c ^combined, <<<"$output")" -ge 3 ]
  run -0 --separate-stderr watch_for 0.55 -q "127.0.0.1:$port"
  [ "$(grep -cE '^[+-]0\.[0-9]{9}$' <<<"$output")" -eq "${#lines[@]}" ]
}

@test "a server that comes late is measured when it is there, one that goes is missed" {
  port=$(free_port)
  (timeout --preserve-status -s INT 2.5 ntpprobe --watch 0.1 -w 0.05 "127.0.0.1:$port" >"$BATS_TEST_TMPDIR/out") 3>&- &
  watcher=$!
  sleep 0.4
  start_server --port "$port"
  wait $watcher
  head -n 1 "$BATS_TEST_TMPDIR/out" | grep -q ' - - 0/1 '
  tail -n 1 "$BATS_TEST_TMPDIR/out" | grep -qE ' [+-]0\.0000[0-9]+ 0\.0000[0-9]+ 1/1$'
}

@test "on a terminal: the second screen with a table and a plot, and the first one back at the end" {
  start_server --offset 0.5
  run -0 script -qec "stty cols 100 rows 30; timeout --preserve-status -s INT 0.8 ntpprobe --watch 0.1 127.0.0.1:$port" /dev/null
  [[ $output == *$'\e[?1049h'*SERVER*truechimer*"offset +0."*$'\e[?1049l'* ]]
  [[ $output =~ \+(500|499|501)\ ms ]]
  [[ $output == *$'\e[?25l'* && $output == *$'\e[?25h'* ]]
}

@test "RATE is obeyed over the rounds" {
  start_server --fault kiss-rate --fault-count 1
  run -0 --separate-stderr watch_for 3 -i 0.1 --json "127.0.0.1:$port"
  jq -se 'map(select(.type == "server" and .received == 1)) | length > 10' <<<"$output"
}

@test "a reader that goes away ends it" {
  start_server
  run -0 timeout 5 bash -c "ntpprobe --watch 0.05 127.0.0.1:$port | head -n 2"
  [ "${#lines[@]}" -eq 2 ]
}
