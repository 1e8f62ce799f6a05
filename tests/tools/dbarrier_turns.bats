#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# dbarrier --in-turn and --fail as a shell user runs them, over three peers.
# labels: release
bats_require_minimum_version 1.5.0
load shared_group

there() { [ "$(dbarrier --status --json "$1" | jq ".participants | length")" = "$2" ]; }
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
# in_turn PEER ID COMMAND: one of three
in_turn() { arrive "$1" "$2" -n 3 --in-turn --id "$2" "$name" -- sh -c "$3"; }
turn_of() { [ "$(dbarrier --status --json "$name" | jq -r .turn)" = "$1" ]; }

@test "--in-turn: the commands run one at a time, by id, however the participants came" {
  name=row
  in_turn b gamma 'echo begin gamma >>log; echo end gamma >>log'
  eventually there row 1
  in_turn c alpha 'echo begin alpha >>log; read line <go; echo end alpha >>log'
  eventually there row 2
  mkfifo go
  in_turn a beta 'echo begin beta >>log; echo end beta >>log'
  eventually turn_of alpha
  [[ $(dbarrier --status row) == *"alpha has its turn, 0 of 3 are done"* ]]
  [ "$(cat log)" = "begin alpha" ]
  echo >go
  wait
  [ "$(paste -sd, log)" = "begin alpha,end alpha,begin beta,end beta,begin gamma,end gamma" ]
  [ "$(cat alpha beta gamma)" = $'0\n0\n0' ]
  jq -e '.in_turn and .turn == null and .outcome == "released"' <<<"$(dbarrier --status --json row)"
}

@test "--in-turn: the first that fails ends it; nobody after it runs, all get 3 and its name" {
  name=fails
  in_turn a alpha 'echo alpha >>log'
  in_turn b beta 'echo beta >>log; exit 9'
  in_turn c gamma 'echo gamma >>log'
  wait
  [ "$(paste -sd, log)" = alpha,beta ]
  [ "$(cat alpha gamma)" = $'3\n3' ]
  [ "$(cat beta)" = 9 ] # its command's own
  for id in alpha beta gamma; do
    [ "$(cat $id.out)" = "dbarrier: fails: broken: beta failed, and nobody after it ran" ]
  done
  jq -e '.outcome == "broken" and .trigger == "beta" and .cause == "failed"' <<<"$(dbarrier --status --json fails)"
}

@test "--in-turn: a participant that is killed with its command ends it; so does one before its turn, when the other has ended" {
  name=lost
  mkfifo go
  in_turn a alpha 'echo $$ >alpha.pid; exec sleep 600'
  in_turn b beta 'echo beta >>log'
  in_turn c gamma 'echo gamma >>log'
  eventually is_file alpha.pid
  kill -9 "$(pgrep -f -- '--id alpha lost')" "$(cat alpha.pid)"
  eventually is_file gamma
  wait
  [ "$(cat beta gamma)" = $'3\n3' ]
  [ ! -e log ]
  grep -q "lost: broken: alpha was lost, and nobody after it ran" gamma.out

  name=waits
  in_turn a alpha 'echo x >begun; read line <go; echo alpha >>log'
  in_turn b beta 'echo beta >>log'
  in_turn c gamma 'echo gamma >>log'
  eventually is_file begun
  kill -9 "$(pgrep -f -- '--id gamma waits')"
  gamma_is_lost() { [ "$(dbarrier --status --json waits | jq '.participants[] | select(.id == "gamma").lost')" = true ]; }
  eventually gamma_is_lost
  [ ! -e log ]
  echo >go
  wait
  [ "$(cat log)" = alpha ]
  grep -q "waits: broken: gamma was lost, and nobody after it ran" beta.out
}

@test "--in-turn: who waits for its turn is past -w, and keeps its place when its peer is killed and started again" {
  name=again
  mkfifo go
  in_turn a alpha 'echo x >begun; read line <go; echo alpha >>log'
  arrive b beta -n 3 --in-turn --id beta -w 3 again -- sh -c 'echo beta >>log'
  in_turn b gamma 'echo gamma >>log'
  eventually is_file begun
  signal_peer KILL b
  eventually peer_gone b
  start_peer b "${calm[@]}"
  eventually sees_leader b
  sleep 3.5 # until -w would have been over
  echo >go
  wait
  [ "$(paste -sd, log)" = alpha,beta,gamma ]
  [ "$(cat alpha beta gamma)" = $'0\n0\n0' ]
}

@test "--in-turn: the peer of whose turn it is is killed: started again, the turn goes on; not, the command is stopped and the turn lost" {
  export COORD_SOCKET=$group/b.sock
  name=killed
  mkfifo go
  in_turn a alpha 'echo x >begun; read line <go; echo alpha >>log'
  in_turn b beta 'echo beta >>log'
  in_turn c gamma 'echo gamma >>log'
  eventually is_file begun
  signal_peer KILL a
  eventually peer_gone a
  start_peer a "${calm[@]}"
  eventually sees_leader a
  turn_of alpha
  [ ! -e log ]
  echo >go
  wait
  [ "$(paste -sd, log)" = alpha,beta,gamma ]
  [ "$(cat alpha beta gamma)" = $'0\n0\n0' ]

  name=gone
  rm alpha beta gamma log
  in_turn a alpha 'echo $$ >alpha.pid; exec sleep 600'
  in_turn b beta 'echo beta >>log'
  in_turn c gamma 'echo gamma >>log'
  eventually is_file alpha.pid
  signal_peer KILL a
  eventually is_file beta
  gone "$(cat alpha.pid)" # before anybody hears that the turn is over
  wait
  [ ! -e log ]
  [ "$(cat beta gamma)" = $'3\n3' ]
  grep -q "gone: broken: alpha was lost, and nobody after it ran" beta.out
  start_peer a "${calm[@]}"
  eventually sees_leader a
}

@test "--fail breaks it for those who wait and for those who come later, also if it is the first" {
  arrive a alpha -n 3 --id alpha ready
  eventually there ready 1
  run -0 on b dbarrier --fail -n 3 --id beta ready "disk full"
  [ "$output" = "" ]
  wait
  [ "$(cat alpha)" = 3 ]
  [ "$(cat alpha.out)" = "dbarrier: ready: broken: beta failed: disk full" ]
  run -3 on c dbarrier -n 3 --id gamma ready true
  [ "$output" = "dbarrier: ready: broken: beta failed: disk full" ]
  jq -e '.outcome == "broken" and .cause == "said" and .trigger == "beta" and .why == "disk full"' <<<"$(dbarrier --status --json ready)"

  run -0 dbarrier --fail -n 2 first
  run -3 on b dbarrier -n 2 first
  [[ $output == *"first: broken: "*" failed" ]]
  run -1 on b dbarrier -n 2 -w 0.2 first # all of the count have heard it
}

@test "--fail: a reset takes it back; after the release it is late; another -n or a COMMAND is a mistake" {
  run -0 dbarrier --fail -n 2 --id x taken
  run -0 dbarrier --reset taken
  run -1 dbarrier --reset taken
  run -1 dbarrier -n 2 -w 0.2 --id y taken
  run -0 dbarrier -n 3 --quorum 1 --after 0 --id y quorum
  run -4 dbarrier --fail -n 3 --id x quorum
  [[ $output == *"too late"* ]]
  arrive b waits -n 2 --id w mistake
  eventually there mistake 1
  for wrong in '--fail -n 3 mistake' '--fail mistake' '--fail -n 2 mistake why true' '--fail -n 2 --in-turn mistake' \
    "--fail -n 2 mistake $(printf '%0256d' 0)" '-n 2 --in-turn mistake' '-n 2 --in-turn --quorum 1 --after 0 mistake true'; do
    run -64 dbarrier $wrong
    [ "${#lines[@]}" -eq 1 ]
  done
  run -0 dbarrier --reset mistake
  wait
}

@test "--fail: without a quorum 69, or 76 if it may be ordered later; without a peer 69" {
  signal_peer STOP b
  signal_peer STOP c
  run dbarrier --fail -n 2 alone
  [ "$status" -eq 69 ] || [ "$status" -eq 76 ]
  [ "${#lines[@]}" -eq 1 ]
  signal_peer CONT b
  signal_peer CONT c
  eventually group_has_leader
  run -69 dbarrier --socket "$BATS_TEST_TMPDIR/none" --fail -n 2 alone
}
