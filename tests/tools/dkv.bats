#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# dkv as a shell user runs it: cold, with nothing configured, and with a private peer.
bats_require_minimum_version 1.5.0
load peer_helpers

setup() {
  cd "$BATS_TEST_TMPDIR"
  own_host
}

teardown() {
  end_jobs TERM
  stop_own_host
}

there() { dkv get "$1" >/dev/null 2>&1; }
not_there() { ! there "$1"; }
lines_seen() { [ "$(wc -l <"$1")" -ge "$2" ]; }
version_of() { dkv --json get "$1" | jq .version; }

@test "cold: what is put is got, byte for byte, and gone when it is removed" {
  dkv put k 'one line'
  [ "$(dkv get k)" = 'one line' ]
  head -c 65536 /dev/urandom >value
  dkv put k - <value
  dkv get k >got
  cmp value got
  printf 'no newline' | dkv put k
  dkv get k >got
  printf 'no newline' | cmp - got
  dkv put empty ''
  [ "$(dkv get empty | wc -c)" -eq 0 ]
  dkv rm k
  run -1 --separate-stderr dkv get k
  [ "$output" = "" ]
  [[ $stderr == *"k: there is no such key"* ]]
  run -1 dkv rm k
}

@test "cold: a get finds nothing, status 1" {
  run -1 --separate-stderr dkv get nothing
  [ "$output" = "" ]
}

@test "what other programs call a command is answered with its name here" {
  for word in ls del delete set; do
    run -64 dkv "$word" k
    case $word in ls) verb=list ;; set) verb=put ;; *) verb=rm ;; esac
    [ "$output" = "dkv: '$word': is not a command of dkv: did you mean $verb?" ]
  done
}

@test "--report: - is standard error" {
  run -0 --separate-stderr dkv put node up --session --report - -- true
  [ "$(jq -r .outcome <<<"$stderr")" = ran ]
  [ ! -e ./- ]
  run -0 --separate-stderr dpropose --report - p v
  [ "$output" = v ]
  [ "$(jq -r .outcome <<<"$stderr")" = decided ]
  run -0 --separate-stderr dlock --report - job echo done
  [ "$output" = done ]
  [ "$(jq -r .outcome <<<"$stderr")" = ran ]
}

@test "a wrong version changes nothing, ends with 1 and says which it is" {
  dkv put --if-absent k one
  v=$(version_of k)
  run -1 --separate-stderr dkv put --if-absent k two
  [ "$stderr" = "dkv: k: version $v: the key is there already: dkv get shows it" ]
  run -1 dkv put --if-absent k two --session -- true
  [ "$output" = "dkv: k: version $v: the key is there already: dkv get shows it" ]
  run -1 dkv put nokey x --if-version 5
  [ "$output" = "dkv: nokey: there is no such key" ]
  run -1 --separate-stderr dkv put k two --if-version $((v + 1))
  [ "$stderr" = "dkv: k: version $v: the key has another version: read it again" ]
  [ "$(dkv get k)" = one ]
  dkv put k two --if-version "$v"
  [ "$(dkv get k)" = two ]
  run -1 dkv rm k --if-version "$v"
  dkv rm k --if-version "$(version_of k)"
  run -1 dkv get k
}

@test "a value beyond 64 KiB is a usage error, and what is wrong else is too" {
  head -c 65537 /dev/zero >value
  run -64 dkv put k - <value
  run -64 dkv put ''
  run -64 dkv put -- -k v
  run -64 dkv put k v --session
  run -64 dkv put k v -- true
  run -64 dkv put k v --if-absent --if-version 3
  run -64 dkv
  run -64 dkv frobnicate
}

@test "with --session the key is there while the command runs, whose status is dkv's" {
  run -0 --separate-stderr dkv put node up --session -- sh -c 'dkv get node; echo " $DKV_KEY $DKV_VERSION"'
  [[ $output =~ ^up\ node\ [0-9]+$ ]]
  run -1 dkv get node
  run -7 dkv put node up --session -- sh -c 'exit 7'
  run -127 dkv put node up --session -- no-such-command-anywhere
  run -1 dkv get node
  printf 'from stdin' | dkv put node - --session -- sh -c 'dkv get node >got'
  [ "$(cat got)" = 'from stdin' ]
}

@test "a key that lives with a command is changed by nobody else, and goes with it when dkv is killed" {
  mkfifo go
  dkv put node up --session -- sh -c 'read line <go' 3>&- &
  dkv=$!
  eventually there node
  run -1 --separate-stderr dkv put node down
  [[ $stderr == *"as long as a command runs"* ]]
  run -1 dkv rm node
  run -1 dkv put node mine --session -- true
  [ "$(dkv get node)" = up ]
  dkv list --json node | jq -e '.pid > 0' >/dev/null
  kill -KILL "$dkv"
  echo >go
  eventually not_there node
}

@test "keys are listed, by how they begin" {
  dkv put a/1 x
  dkv put a/2 xy
  dkv put b/1 x
  [ "$(dkv list a/ --json | jq -r .key | tr '\n' ' ')" = 'a/1 a/2 ' ]
  [ "$(dkv list --json | jq -s length)" -eq 3 ]
  run -0 dkv list a/
  [[ $output == KEY*VERSION*BYTES*USER* ]]
  [ "${#lines[@]}" -eq 3 ]
}

@test "watch says the value now, at every change, and that it is gone" {
  dkv put k one
  dkv watch k >seen 3>&- &
  eventually lines_seen seen 1
  dkv put k "two
lines"
  dkv rm k
  eventually lines_seen seen 3
  [ "$(cut -d' ' -f2- seen | sed -n 1,2p | tr '\n' '|')" = 'one|two\nlines|' ]
  [ "$(sed -n 3p seen)" = 0 ]
}

@test "what was put is there after the peer was killed with -9" {
  dkv put k v
  stop_own_host
  [ "$(dkv get k)" = v ]
}
