#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# labels: release
# What all tools have in common, seen from a shell through a tool that has nothing else.

load traps

status_of() { "$@" >/dev/null 2>&1; echo $?; }

@test "help goes to stdout, fits a screen, ends with EXAMPLES, status 0" {
  clidemo --help >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err"
  [ ! -s "$BATS_TEST_TMPDIR/err" ]
  [ "$(wc -l <"$BATS_TEST_TMPDIR/out")" -le 24 ]
  [ "$(tail -n 2 "$BATS_TEST_TMPDIR/out" | head -n 1)" = EXAMPLES ]
  run -0 clidemo --version
  [[ $output =~ ^clidemo\ \(coordutils\)\ [0-9] ]]
}

@test "a usage error is one line on stderr and status 64" {
  run clidemo --wobble
  [ "$status" -eq 64 ]
  [ "$output" = "clidemo: --wobble: unknown option: see clidemo --help" ]
  clidemo --wobble 2>/dev/null >"$BATS_TEST_TMPDIR/out" || true
  [ ! -s "$BATS_TEST_TMPDIR/out" ]
  run clidemo
  [ "$status" -eq 64 ]
  CLIDEMO_LINES=many run clidemo lines
  [ "$status" -eq 64 ]
  [ "$output" = "clidemo: CLIDEMO_LINES: 'many' is not a whole number: give decimal digits" ]
}

@test "errors map to their statuses, an escaped exception is internal and one line" {
  [ "$(status_of clidemo no)" -eq 1 ]
  run clidemo unreachable
  [ "$status" -eq 69 ]
  [ "$output" = "clidemo: peer b: no answer: start coordd there" ]
  run clidemo throw
  [ "$status" -eq 70 ]
  [ "$output" = 'clidemo: internal error: a bug\nof ours: please report this' ]
}

@test "a full or closed stdout is 74, but only where something was written" {
  run bash -c 'clidemo lines >/dev/full'
  [ "$status" -eq 74 ]
  [[ $output == "clidemo: standard output: "* ]]
  run -74 bash -c 'clidemo -n 100000 lines >/dev/full' # more than is kept back
  [ "$output" = "clidemo: standard output: No space left on device: free the device or redirect it elsewhere" ]
  [ "$(bash -c 'clidemo -n 100000 lines >/dev/full 2>/dev/null; echo $?')" -eq 74 ]
  [ "$(bash -c 'clidemo lines 2>/dev/null >&-; echo $?')" -eq 74 ]
  [ "$(bash -c 'clidemo quiet >&- ; echo $?')" -eq 0 ]
  [ "$(bash -c 'clidemo --help 2>/dev/null >/dev/full; echo $?')" -eq 74 ]
  [ "$(bash -c 'clidemo quiet <&- >&- 2>&- ; echo $?')" -eq 0 ]
}

@test "a reader that went away ends the tool by SIGPIPE, silently; with SIGPIPE ignored it is 74" {
  run bash -c 'clidemo -n 1000000 lines | head -n 1; echo "${PIPESTATUS[0]}"'
  [ "${lines[0]}" = "line 0" ]
  [ "${lines[1]}" -eq 141 ]
  [ "${#lines[@]}" -eq 2 ]
  [ "$(bash -c 'trap "" PIPE; { clidemo -n 1000000 lines 2>/dev/null; echo $? >&3; } 3>&1 1> >(head -n 1 >/dev/null)')" -eq 74 ]
}

@test "options end at the operand; -- and -c directly after it" {
  [ "$(clidemo argv ls -n --help)" = "[ls][-n][--help]" ]
  [ "$(clidemo argv -- ls -- x)" = "[ls][--][x]" ]
  [ "$(SHELL='' clidemo argv -c 'a | b')" = "[/bin/sh][-c][a | b]" ]
}

@test "names: one JSON object a line, other bytes also as base64" {
  [ "$(clidemo --value 'a,b\,c,a' names)" = '{"schema":1,"name":"a"}
{"schema":1,"name":"b,c"}' ]
  clidemo --value "$(printf 'x\377\033[2J')" names | jq -e '.name == "x\\xff\\x1b[2J" and (.name_b64|@base64d|length) > 0' >/dev/null
  run clidemo --value 'a,,b' names
  [ "$status" -eq 64 ]
}

@test "no directory, no HOME, no environment at all" {
  mkdir "$BATS_TEST_TMPDIR/gone" && cd "$BATS_TEST_TMPDIR/gone" && rmdir "$BATS_TEST_TMPDIR/gone"
  run env -i "$(command -v clidemo)" lines
  cd /
  [ "$status" -eq 0 ]
  [ "$output" = "line 0" ]
}

@test "a table on a terminal has its width, in a pipe it is whole" {
  long=$(printf 'x%.0s' $(seq 120))
  [ "$(clidemo --value "$long" table | wc -L)" -eq 120 ]
  command -v script >/dev/null || skip "no script(1)"
  widest=$(script -qec "stty cols 40; NO_COLOR=1 clidemo --value $long table" /dev/null </dev/null | tr -d '\r' | wc -L)
  [ "$widest" -eq 40 ]
}
