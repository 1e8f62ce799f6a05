#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# dcommit over three peers: a release that is deployed on all three hosts or on none, with a host that fails, one that dies after its vote, and
# one that is cut off.
bats_require_minimum_version 1.5.0
load peer_helpers

setup() {
  new_group "$BATS_TEST_TMPDIR/g" a b c
  start_group "${calm[@]}"
  export COORD_SOCKET=$group/a.sock
  cd "$BATS_TEST_TMPDIR"
  for host in a b c; do echo 1.4.1 >"$host.current"; done
}

teardown() {
  end_jobs TERM
  stop_group
}

end_peer() {
  signal_peer KILL "$1"
  eventually peer_gone "$1"
}
begin() { # HOST [OPTION...]: the same line on each host, in the background, as job_HOST
  COORD_SOCKET=$group/$1.sock dcommit deploy-1.4.2 -n 3 --prepare "echo 1.4.2 >$1.new" --commit "mv $1.new $1.current" \
    --abort "rm -f $1.new" "${@:2}" 2>"said.$1" >"told.$1" 3>&- &
  declare -g "job_$1=$!"
}
ends_with() { # HOST STATUS
  local job="job_$1" status=0
  eventually gone "${!job}"
  wait "${!job}" || status=$?
  [ "$status" -eq "$2" ] || { cat "said.$1" >&2; return 1; }
}
has_voted() { [ "$(on "$1" dcommit --json --status deploy-1.4.2 2>/dev/null | jq .voted)" = "$2" ]; }
said() { [[ $(cat "said.$1") == *"$2"* ]]; }
versions() { cat {a,b,c}.current | tr '\n' ' '; }

@test "all three hosts deploy" {
  for host in a b c; do begin $host --report report.$host; done
  for host in a b c; do ends_with $host 0; done
  [ "$(versions)" = '1.4.2 1.4.2 1.4.2 ' ]
  # From the last vote to who leads, a majority and back, and here.
  for host in a b c; do jq -e '.delays >= 2 and .delays <= 4' report.$host; done
  [ "$(on b dcommit --json --status deploy-1.4.2 | jq -r '.participants[] | .id + .vote + .status' | tr '\n' ' ')" = 'ayesdone byesdone cyesdone ' ]
}

@test "a host that fails: none deploys" {
  begin a
  begin b
  begin c --prepare 'echo 1.4.2 >c.new; exit 5'
  for host in a b c; do ends_with $host 3; done
  [ "$(versions)" = '1.4.1 1.4.1 1.4.1 ' ]
  [ ! -e a.new ] && [ ! -e b.new ] && [ ! -e c.new ]
  said a "c: --prepare ended with status 5"
}

@test "a host that dies after its vote: the others deploy, and it does when it is back" {
  begin a
  eventually has_voted b 1
  kill -KILL "$job_a"
  end_peer a
  begin b
  begin c
  ends_with b 0
  ends_with c 0
  [ "$(versions)" = '1.4.1 1.4.2 1.4.2 ' ]
  on b dcommit --json --status deploy-1.4.2 | jq -e '.participants[] | select(.id == "a") | .status == "outstanding"'
  start_peer a "${calm[@]}"
  eventually on a dcommit --list
  begin a
  ends_with a 0
  [ "$(versions)" = '1.4.2 1.4.2 1.4.2 ' ]
}

@test "a host that is cut off with its vote: 76 there, and the same line is told the outcome" {
  begin c -w 6 --json
  eventually has_voted a 1
  signal_peer STOP a
  signal_peer STOP b
  eventually sees_none c # so that its word at the end of -w is in nobody's log
  ends_with c 76
  said c "this host has voted"
  jq -e '.outcome == "blocked" and .id == "c" and .participants[0].id == "c"' told.c
  # The same line knows that an earlier run has voted.
  begin c -w 1 --json
  ends_with c 76
  said c "this host has voted"
  jq -e '.outcome == "blocked" and .participants[0].vote == "yes"' told.c
  [ "$(cat c.new)" = 1.4.2 ]
  signal_peer CONT a
  signal_peer CONT b
  begin a
  begin b
  ends_with a 0
  ends_with b 0
  begin c
  ends_with c 0
  [ "$(versions)" = '1.4.2 1.4.2 1.4.2 ' ]
}

# ---- docs/examples/deploy.sh, by the group's log and by 2pc

deploys() { # HOST VERSION [OPTION...]: in the background, as job_HOST
  COORD_SOCKET=$group/$1.sock "$COORD_SOURCE/docs/examples/deploy.sh" "$2" 3 "$PWD/from-$1" "$PWD/root-$1" "${@:3}" 2>"said.$1" >"told.$1" 3>&- &
  declare -g "job_$1=$!"
}
release() { # VERSION: at all sources
  local host
  for host in a b c; do
    mkdir -p "from-$host/$1"
    echo "$1" >"from-$host/$1/version"
  done
}
running() { cat root-{a,b,c}/current/version | tr '\n' ' '; }

@test "the example deploys a release on three hosts or on none: one fails, one dies after its vote, one is cut off" {
  for protocol in majority 2pc; do
    by=(--protocol $protocol --i-know)
    [ $protocol = 2pc ] || by=()
    rm -rf root-* from-*
    release 1.0-$protocol
    for host in a b c; do deploys $host 1.0-$protocol "${by[@]}"; done
    for host in a b c; do ends_with $host 0; done
    [ "$(running)" = "1.0-$protocol 1.0-$protocol 1.0-$protocol " ]

    release 1.1-$protocol # whose self-test fails on c
    printf '#!/bin/sh\nexit 9\n' >from-c/1.1-$protocol/self-test
    chmod +x from-c/1.1-$protocol/self-test
    for host in a b c; do deploys $host 1.1-$protocol "${by[@]}"; done
    for host in a b c; do ends_with $host 3; done
    said a "c: --prepare ended with status 9"
    [ "$(running)" = "1.0-$protocol 1.0-$protocol 1.0-$protocol " ]
    [ ! -e root-a/1.1-$protocol.new ]
  done

  release 1.2
  deploys a 1.2
  has_voted_on_it() { [ "$(on b dcommit --json --status deploy-1.2 2>/dev/null | jq .voted)" = 1 ]; }
  eventually has_voted_on_it
  kill -KILL "$job_a"
  for host in b c; do deploys $host 1.2; done
  for host in b c; do ends_with $host 0; done
  [ "$(running)" = "1.0-2pc 1.2 1.2 " ]
  deploys a 1.2
  ends_with a 0
  [ "$(running)" = "1.2 1.2 1.2 " ]

  release 1.3
  deploys c 1.3 -w 6
  has_voted_on_it() { [ "$(on a dcommit --json --status deploy-1.3 2>/dev/null | jq .voted)" = 1 ]; }
  eventually has_voted_on_it
  signal_peer STOP a
  signal_peer STOP b
  eventually sees_none c
  ends_with c 76
  [ "$(running)" = "1.2 1.2 1.2 " ]
  signal_peer CONT a
  signal_peer CONT b
  for host in a b c; do deploys $host 1.3; done
  for host in a b c; do ends_with $host 0; done
  [ "$(running)" = "1.3 1.3 1.3 " ]
}

@test "without a majority nothing begins: 69, and nothing was prepared" {
  end_peer b
  end_peer c
  eventually sees_none a
  begin a -w 0.5
  ends_with a 69
  [ ! -e a.new ]
}

@test "the leader dies between the votes and the outcome: all are told the same" {
  begin a
  begin b
  eventually has_voted a 2
  leader=$(leader_seen_by a)
  end_peer "$leader"
  start_peer "$leader" "${calm[@]}"
  eventually sees_leader "$leader"
  begin c
  for host in a b c; do ends_with $host 0; done
  [ "$(versions)" = '1.4.2 1.4.2 1.4.2 ' ]
}

by() { # PROTOCOL HOST [OPTION...]
  begin "$2" --protocol "$1" --i-know "${@:3}"
}
came() { [ "$(on "$1" dcommit --json --status deploy-1.4.2 2>/dev/null | jq .came)" = "$2" ]; }
prepared() { [ -e "$1.new" ]; }

@test "by 2pc, and by 3pc, all three hosts deploy" {
  for protocol in 2pc 3pc; do
    for host in a b c; do by $protocol $host --json --log log.$protocol.$host; done
    for host in a b c; do ends_with $host 0; done
    [ "$(versions)" = '1.4.2 1.4.2 1.4.2 ' ]
    for host in a b c; do [ -s log.$protocol.$host ]; done
    run -0 --separate-stderr dclock merge --cut log.$protocol.{a,b,c} # a host may be told more when its dcommit has ended
    grep -q vote <<<"$output"
    printf '%s\n' "$output" >whole.log
    dclock validate whole.log
    jq -e --arg protocol $protocol '.protocol == $protocol and .messages.vote == 1' told.b
    on a dcommit --forget deploy-1.4.2
  done
}

has_stored() { compgen -G "$group/$1/agreement-[1-9]*" >/dev/null; }
# a coordinates. c's disk takes no vote, so that a waits for it, with b's yes; then a's peer is killed.
votes_without_coordinator() { # PROTOCOL [OPTION...]: of b
  mkdir "$group/c/agreement-tmp"
  by "$1" a ${bound:+--bound $bound}
  eventually came a 1
  by "$1" c
  eventually came a 2
  by "$1" b "${@:2}"
  eventually has_stored b
  end_peer a
  kill -KILL "$job_a"
  ends_with c 76
  said c "disk cannot be written"
}

@test "by 2pc: without its coordinator who has voted ends with 76, and names it. It comes back, and all abort" {
  votes_without_coordinator 2pc -w 3 --json
  ends_with b 76
  said b "waits for a"
  jq -e '.outcome == "blocked" and .waits_for[0] == "a"' told.b
  # It may have voted before, whatever it cannot learn now: 76, never 69.
  python3 "$COORD_SOURCE/tests/tools/held_back.py" "$group/b.sock" "$PWD/held" 4 "$PWD/go" 3>&- &
  eventually test -S held
  by 2pc b --socket "$PWD/held" -w 0.5
  ends_with b 76
  end_peer b
  mkdir away
  mv "$group"/b/agreement-* away
  start_peer b "${calm[@]}"
  eventually on b dcommit --list
  by 2pc b -w 1
  ends_with b 76
  said b "disk was replaced"
  signal_peer STOP c
  eventually sees_none b
  by 2pc b -w 0.5
  ends_with b 76
  signal_peer CONT c
  end_peer b
  rm "$group"/b/agreement-*
  mv away/* "$group/b"
  start_peer b "${calm[@]}"
  rmdir "$group/c/agreement-tmp"
  end_peer c
  for host in a c; do start_peer $host "${calm[@]}"; done
  eventually on a dcommit --list
  for host in a b c; do by 2pc $host; done
  for host in a b c; do ends_with $host 3; done
  [ "$(versions)" = '1.4.1 1.4.1 1.4.1 ' ]
}

@test "by 3pc: without its coordinator the others settle it" {
  bound=0.2 votes_without_coordinator 3pc
  ends_with b 3
}

@test "by 2pc: what is open is forgotten with --i-know only" {
  by 2pc a
  eventually came a 1
  run -1 on a dcommit --forget deploy-1.4.2
  on a dcommit --forget --i-know deploy-1.4.2
  ends_with a 69
}
