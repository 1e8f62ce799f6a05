#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# labels: release
# dcommit as a shell user runs it: cold, with nothing configured, and with a private peer: several participants on one host.
bats_require_minimum_version 1.5.0
load peer_helpers

setup() {
  cd "$BATS_TEST_TMPDIR"
  own_host
  line=(-n 2 --prepare 'echo prepare $DCOMMIT_ID >>log' --commit 'echo commit $DCOMMIT_ID >>log' --abort 'echo abort $DCOMMIT_ID >>log')
}

teardown() {
  end_jobs TERM
  stop_own_host
}

outcome_of() { dcommit --json --status "$1" | jq -r .outcome; }
has_voted() { [ "$(dcommit --json --status "$1" 2>/dev/null | jq .voted)" = "$2" ]; }
times() { grep -c "$1" log || true; }

@test "cold: a transaction of one commits, once" {
  dcommit one -n 1 --prepare 'echo prepare >>log' --commit 'echo commit >>log' --abort false
  [ "$(tr '\n' ' ' <log)" = 'prepare commit ' ]
  dcommit one -n 1 --prepare 'echo prepare >>log' --commit 'echo commit >>log' --abort false
  [ "$(tr '\n' ' ' <log)" = 'prepare commit ' ]
  [ "$(outcome_of one)" = committed ]
}

@test "both say yes: both commit, and nobody aborts" {
  dcommit t --id a "${line[@]}" 3>&- &
  a=$!
  eventually has_voted t 1
  [ "$(outcome_of t)" = open ]
  dcommit t --id b "${line[@]}"
  wait "$a"
  [ "$(sort log | tr '\n' ' ')" = 'commit a commit b prepare a prepare b ' ]
  [ "$(dcommit --json --status t | jq -c '[.scope, (.as_of | length > 20)]')" = '["private",true]' ]
  run -0 dcommit --status t
  [[ $output == *committed*"2 of 2 came"* ]]
}

@test "one says no: both abort, with 3, who and why" {
  dcommit t --id a "${line[@]}" 2>said 3>&- &
  a=$!
  eventually has_voted t 1
  run -3 --separate-stderr dcommit t --id b "${line[@]}" --prepare 'exit 7'
  [[ $stderr == *"aborted: b: --prepare ended with status 7"* ]]
  status=0
  wait "$a" || status=$?
  [ "$status" -eq 3 ]
  [[ $(cat said) == *"aborted: b: --prepare ended with status 7"* ]]
  [ "$(times abort)" -eq 2 ]
  [ "$(times commit)" -eq 0 ]
  run -3 dcommit t --id a "${line[@]}"
  [ "$(times abort)" -eq 2 ]
}

@test "not all come: 1, aborted, and who comes later prepares nothing" {
  run -1 --separate-stderr dcommit t --id a "${line[@]}" -w 0.3
  [[ $stderr == *"1 of 2 had come"* ]]
  [ "$(tr '\n' ' ' <log)" = 'prepare a abort a ' ]
  run -1 dcommit t --id b "${line[@]}"
  [ "$(times ' b')" -eq 0 ]
}

@test "all came, and one does not vote in time: 3" {
  mkfifo go
  dcommit t --id b "${line[@]}" --prepare 'read x <go' 3>&- &
  b=$!
  eventually outcome_of t
  run -3 --separate-stderr dcommit t --id a "${line[@]}" -w 0.5
  [[ $stderr == *"not voted: b"* ]]
  echo >go
  status=0
  wait "$b" || status=$?
  [ "$status" -eq 3 ]
  [ "$(times abort)" -eq 2 ]
}

@test "a --prepare that does not end by -w is stopped, and is a no" {
  run -3 --separate-stderr dcommit t --id a -n 1 --prepare 'sleep 600' --commit true --abort 'echo abort >>log' -w 0.3
  [[ $stderr == *"--prepare had not ended"* ]]
  [ "$(times abort)" -eq 1 ]
}

@test "killed after its vote, a participant runs the same line again, prepares nothing and is told" {
  dcommit t --id a "${line[@]}" 3>&- &
  a=$!
  eventually has_voted t 1
  kill -KILL "$a"
  dcommit t --id b "${line[@]}"
  [ "$(times 'commit b')" -eq 1 ]
  [[ $(dcommit --status t) == *outstanding* ]]
  dcommit t --id a "${line[@]}"
  [ "$(times 'prepare a')" -eq 1 ]
  [ "$(times 'commit a')" -eq 1 ]
  [[ $(dcommit --status t) != *outstanding* ]]
}

@test "killed while it prepares, a participant prepares again" {
  mkfifo go
  dcommit t --id a "${line[@]}" --prepare 'read x <go' 3>&- &
  a=$!
  eventually outcome_of t
  kill -KILL "$a"
  dcommit t --id a "${line[@]}" 3>&- &
  a=$!
  eventually has_voted t 1
  dcommit t --id b "${line[@]}"
  wait "$a"
  [ "$(times 'prepare a')" -eq 1 ]
}

@test "a --commit that fails is tried again until it succeeds, or -w is over" {
  dcommit t -n 1 --id a --prepare true --abort false --commit 'echo x >>tries; [ "$(wc -l <tries)" -ge 3 ]'
  [ "$(wc -l <tries)" -eq 3 ]
  run -9 dcommit u -n 1 --id a --prepare true --abort false --commit 'exit 9' -w 0.5
  [ "$(outcome_of u)" = committed ]
  [[ $(dcommit --status u) == *'failed 9'* ]]
  dcommit u -n 1 --id a --prepare false --abort false --commit true
  [[ $(dcommit --status u) == *done* ]]
}

@test "an --abort that fails is tried again until it succeeds, or -w is over, and the status stays that of the outcome" {
  run -3 dcommit t -n 1 --id a --prepare false --commit false --abort 'echo x >>tries; [ "$(wc -l <tries)" -ge 3 ]'
  [ "$(wc -l <tries)" -eq 3 ]
  [ "$(outcome_of t)" = aborted ]
  [[ $(dcommit --status t) == *done* ]]
  run -3 dcommit u -n 1 --id a --prepare false --commit false --abort 'exit 9' -w 0.5
  [ "$(outcome_of u)" = aborted ]
  [[ $(dcommit --status u) == *'failed 9'* ]]
  run -3 dcommit u -n 1 --id a --prepare false --commit false --abort true
  [[ $(dcommit --status u) == *done* ]]
}

@test "what is wrong is a usage error" {
  run -64 dcommit t
  run -64 dcommit t -n 0 --prepare true --commit true --abort true
  run -64 dcommit t -n 2 --prepare true --commit true
  run -64 dcommit t -n 2 --protocol 4pc --prepare true --commit true --abort true
  run -64 dcommit '' "${line[@]}"
  run -64 dcommit --status t -n 2
  run -1 dcommit t --id a "${line[@]}" -w 0.5
  run -64 dcommit t --id b "${line[@]}" -n 3
  run -1 dcommit --status other
  run -1 dcommit --forget other
}

@test "a third participant of two is refused, and one that is decided is forgotten" {
  dcommit t --id a "${line[@]}" 3>&- &
  a=$!
  eventually has_voted t 1
  run -1 dcommit --forget t
  dcommit t --id b "${line[@]}"
  wait "$a"
  run -64 dcommit t --id c "${line[@]}"
  [ "$(dcommit --list --json | jq -r .name)" = t ]
  dcommit --forget t
  run -1 dcommit --status t
  [ "$(dcommit --list --json | wc -l)" -eq 0 ]
}

by() { # PROTOCOL ID [OPTION...]
  dcommit t --protocol "$1" --i-know --id "$2" "${line[@]}" "${@:3}"
}

@test "2pc and 3pc say what can happen, and want --i-know" {
  run -64 --separate-stderr dcommit t --protocol 2pc "${line[@]}"
  [[ $stderr == *"neither commit nor abort"*"--i-know"* ]]
  run -64 --separate-stderr dcommit t --protocol 3pc "${line[@]}"
  [[ $stderr == *"one host may commit and another one abort"*"--i-know"* ]]
  run -64 dcommit t --protocol 2pc --bound 1 --i-know "${line[@]}"
  [ ! -e log ]
}

@test "by 2pc, and by 3pc: both say yes, both commit, and the messages are counted" {
  for protocol in 2pc 3pc; do
    rm -f log
    by $protocol a 3>&- &
    a=$!
    eventually outcome_of t
    by $protocol b --report report
    wait "$a"
    [ "$(sort log | tr '\n' ' ')" = 'commit a commit b prepare a prepare b ' ]
    jq -e --arg protocol $protocol '.protocol == $protocol and .outcome == "committed" and .messages.vote == 1 and .delays >= 3' report
    [ "$(dcommit --json --status t | jq -r '.participants[] | .told + .status' | tr '\n' ' ')" = 'committeddone committeddone ' ]
    by $protocol a
    [ "$(times 'prepare a')" -eq 1 ]
    dcommit --forget t
  done
}

@test "by 2pc: one says no: both abort, with 3, who and why" {
  by 2pc a 2>said 3>&- &
  a=$!
  eventually outcome_of t
  run -3 --separate-stderr by 2pc b --prepare 'exit 7'
  [[ $stderr == *"aborted: b: --prepare ended with status 7"* ]]
  status=0
  wait "$a" || status=$?
  [ "$status" -eq 3 ]
  [[ $(cat said) == *"aborted: b: --prepare ended with status 7"* ]]
  [ "$(times abort)" -eq 2 ]
}

@test "by 2pc: not all come: 1, and who comes later prepares nothing" {
  run -1 --separate-stderr by 2pc a -w 0.3
  [[ $stderr == *"1 of 2 had come"* ]]
  run -1 by 2pc b
  [ "$(times ' b')" -eq 0 ]
  run -64 dcommit t --id a "${line[@]}"
}

@test "by 2pc: who is not told by -w whether it has voted neither prepares nor says yes" {
  by 2pc a --prepare 'echo prepare a >>log; sleep 5' 3>&- &
  first=$!
  eventually outcome_of t
  by 2pc b 2>said 3>&- &
  b=$!
  eventually grep -qs 'prepare a' log
  eventually grep -qs 'prepare b' log
  kill -KILL $first
  # The peer hears the question how it stands, and all that follows, when -w is over.
  python3 "$COORD_SOURCE/tests/tools/held_back.py" "$(find "$XDG_RUNTIME_DIR" -type s)" "$PWD/held" 5 "$PWD/go" 3>&- &
  eventually test -S held
  run -76 by 2pc a --socket "$PWD/held" -w 0.5
  test -e go.held
  touch go
  status=0
  wait $b || status=$?
  [ $status -eq 3 ]
  [ "$(times 'prepare a')" -eq 1 ]
  [ "$(times commit)" -eq 0 ]
}

@test "by 2pc: all came, and one that waits no longer says no" {
  mkfifo go
  by 2pc b --prepare 'read x <go' 3>&- &
  b=$!
  eventually outcome_of t
  run -3 --separate-stderr by 2pc a -w 0.5
  [[ $stderr == *"a: it waited no longer"* ]]
  echo >go
  status=0
  wait "$b" || status=$?
  [ "$status" -eq 3 ]
  [ "$(times abort)" -eq 2 ]
}
