#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# labels: release
# dlock --algorithm: the classical algorithms for mutual exclusion between real peers, with peers that are killed, stopped and started again.
bats_require_minimum_version 1.5.0
load shared_group

is_there() { on "$1" dlock --list >/dev/null 2>&1; }
# enter PEER NAME [OPTION...]: in the background until `echo >go.PEER`, as job_PEER; its token in in.PEER.
enter() {
  local peer=$1
  rm -f "in.$peer" "go.$peer"
  mkfifo "go.$peer"
  COORD_SOCKET=$group/$peer.sock dlock --algorithm "${with-ricart-agrawala}" "${@:3}" "$2" -- sh -c 'echo $DLOCK_TOKEN >"$1"; read line <"$2"' sh "in.$peer" "go.$peer" 2>"said.$peer" 3>&- &
  declare -g "job_$peer=$!"
}
found_circle() { on c dlock --waits --algorithm cmh --json >circle; [ -s circle ]; }
is_in() { [ -s "in.$1" ]; }
takes_no_part() { [ -z "$(on b dlock --list --json "$1")" ] || [ "$(on b dlock --list --json "$1" | jq '.holders | length')" -eq 0 ]; }
takes_part() { [ "$(on "$1" dlock --list --json "$2" | jq '.holders | length')" -ge "$3" ]; }

@test "each algorithm: commands on all hosts run one at a time, with tokens that rise" {
  for algorithm in ricart-agrawala lamport maekawa token-ring suzuki-kasami; do
    : >log
    jobs=()
    for peer in a b c a b c; do
      on $peer dlock --algorithm $algorithm "door-$algorithm" -- sh -c 'mkdir inside || echo two >>log; echo $DLOCK_TOKEN >>log; rmdir inside' 3>&- &
      jobs+=($!)
    done
    for job in "${jobs[@]}"; do wait "$job"; done
    [ "$(wc -l <log)" -eq 6 ]
    sort -c -n -u log
  done
}

@test "ricart-agrawala: the report counts 2(N-1) messages and two delays, and the command's status is dlock's" {
  run -7 dlock --algorithm ricart-agrawala --report report alone -- sh -c 'exit 7'
  [ "$(jq -c '[.outcome, .algorithm, (.sites | sort), .messages, .delays, .delays_from, .exit_status]' report)" = '["ran","ricart-agrawala",["a","b","c"],{"reply":2,"request":2},2,"wish",7]' ]
  [ "$(jq .token report)" != null ]
}

@test "delays of whoever waited for another one count from the exit of that one: one message" {
  enter a shut
  eventually is_in a
  on b dlock --algorithm ricart-agrawala --report after shut true 3>&- &
  waiter=$!
  eventually takes_part a shut 2
  sleep 0.3  # its request is on the way to a
  echo >go.a
  wait "$job_a"
  wait "$waiter"
  [ "$(jq -c '[.delays, .delays_from]' after)" = '[1,"exit"]' ]
}

@test "a second entry of a name: with -n a site that has stopped ends it after 1 s (69)" {
  dlock --algorithm ricart-agrawala often true
  signal_peer STOP c
  began=$(date +%s%N)
  run -69 --separate-stderr dlock --algorithm ricart-agrawala -n --report report often true
  took=$(( ($(date +%s%N) - began) / 1000000 ))
  signal_peer CONT c
  [[ $stderr == *"no answer from c"* ]]
  echo "$took ms"
  [ "$took" -ge 900 ]
}

@test "the algorithm runs beside the log: also for one that the log refuses, which holds up nobody" {
  dlock --algorithm ricart-agrawala door true
  run -64 dlock --algorithm lamport door true
  on b dlock --algorithm ricart-agrawala -w 1 door true
  dlock --algorithm ricart-agrawala --log events door true
  [ "$(grep -c 'wants to enter' events)" -eq 3 ]
  [ "$(grep -c ' enters' events)" -eq 2 ]
}

@test "the first entry of a name is no entry of the log that is refused" {
  index() { dpeers --json | jq 'select(.local) | .commit_index'; }
  before=$(index)
  dlock --algorithm ricart-agrawala --report report "fresh" true
  eventually test "$(index)" -ge $((before + 2))
  [ "$(index)" -eq $((before + 2)) ] # takes part, and ends
}

@test "a name in use by an algorithm is refused to all others (64), for a minute after the last or until it is forgotten" {
  enter a door
  eventually is_in a
  run -64 on b dlock -n door true
  [[ $output == *"--algorithm"* ]]
  run -64 on b dlock --algorithm maekawa door true
  run -1 on b dlock --algorithm ricart-agrawala -w 0.3 --report busy door true
  [ "$(jq -c '[.outcome, .epoch, .delays]' busy)" = '["not_acquired","0",null]' ]
  run -5 on b dlock --algorithm ricart-agrawala -w 0.1 -E 5 door true
  run -1 on c dlock --forget-algorithm door
  echo >go.a
  wait "$job_a"
  run -64 on b dlock -n door true
  on c dlock --forget-algorithm door
  run -1 on c dlock --forget-algorithm door
  [[ $output == *"no --algorithm"* ]]
  on b dlock -n door true
  token=$(on b dlock door -c 'echo $DLOCK_TOKEN')
  [ "$token" -gt "$(cat in.a)" ]
}

@test "a name that is held or waited for without an algorithm: who is to take part waits its turn, and says once for whom" {
  on b dlock plainly -- sh -c 'echo >in.b; mkfifo go.b; read line <go.b; echo b >>order' 3>&- &
  holder=$!
  eventually test -e in.b
  run -1 dlock --algorithm ricart-agrawala -n plainly true
  run -1 --separate-stderr dlock --algorithm ricart-agrawala -w 0.3 plainly true
  [[ $stderr == *"plainly is held by "* && $(grep -c waiting <<<"$stderr") -eq 1 ]]
  run -1 --separate-stderr dlock --algorithm ricart-agrawala -q -w 0.1 plainly true
  [ -z "$stderr" ]
  on c dlock plainly -- sh -c 'echo c >>order' 3>&- &
  second=$!
  eventually waits_for c plainly
  on a dlock --algorithm ricart-agrawala plainly -- sh -c 'echo a >>order' 2>said 3>&- &
  third=$!
  eventually test -s said
  run -64 on b dlock plainly true
  run -64 on b dlock --algorithm maekawa plainly true
  eventually test -p go.b
  echo >go.b
  wait $holder $second $third
  [ "$(tr -d '\n' <order)" = bca ]
  run -64 on b dlock plainly true
  run -1 dlock own -- dlock --algorithm lamport own true
}

@test "what cannot be with an algorithm is said at once" {
  for option in -s -x '--slots 2' --join '--min-hold 1' '--lock-delay 1' '--rate 1/1'; do
    run -64 dlock --algorithm ricart-agrawala $option door true
  done
  run -64 dlock --algorithm ricart-agrawala a,b true
  run -64 dlock --algorithm peterson door true
  run -64 dlock --algorithm ricart-agrawala --acquire door
  run -64 dlock --algorithm ricart-agrawala --native door true
  run -64 dlock --algorithm ricart-agrawala --fence file --token 7 -- true
  [ ! -e file ]
}

@test "what goes with an algorithm does what it does with the log: -c, -o, --max-run, --grace" {
  run -7 dlock --algorithm lamport run -c 'exit 7'
  dlock --algorithm lamport -o run -- sh -c 'ls /proc/self/fd | wc -l >without'
  dlock --algorithm lamport run -- sh -c 'ls /proc/self/fd | wc -l >with'
  [ "$(cat without)" -lt "$(cat with)" ]
  # What ignores TERM is killed a grace later.
  began=$(date +%s%N)
  run -124 --separate-stderr dlock --algorithm lamport --max-run 0.3 --grace 0.5 --report report run -- sh -c 'trap "" TERM; while :; do sleep 0.05; done'
  took=$(( ($(date +%s%N) - began) / 1000000 ))
  [[ $stderr == *"--max-run: 0.3 s are over"* ]]
  [ "$(jq -c '[.outcome, .algorithm]' report)" = '["max_run","lamport"]' ]
  [ "$took" -ge 800 ]
  on b dlock --algorithm lamport -w 10 run true
}

@test "each algorithm: -n is refused while another is inside (1), and gets in after that, with -F too" {
  for algorithm in ricart-agrawala lamport maekawa token-ring suzuki-kasami; do
    with=$algorithm enter a "busy-$algorithm"
    eventually is_in a
    for peer in a b c; do run -1 on $peer dlock --algorithm $algorithm -n "busy-$algorithm" echo in; done
    [ -z "$output" ]
    echo >go.a
    wait "$job_a"
    [ "$(on c dlock --algorithm $algorithm -n -F "busy-$algorithm" echo in)" = in ]
  done
}

@test "among: the sites are those that are named, by all alike, and this host is one of them" {
  dlock --algorithm ricart-agrawala --among a,b --report report few true
  [ "$(jq -c '[.sites, .messages]' report)" = '[["a","b"],{"reply":1,"request":1}]' ]
  run -64 dlock --algorithm ricart-agrawala few true
  run -64 on c dlock --algorithm ricart-agrawala --among a,b few true
  [[ $output == *"no site"* ]]
  run -64 on b dlock --algorithm ricart-agrawala --among a,b,c few true
  run -69 dlock --algorithm ricart-agrawala --among a,zed few true
  on b dlock --algorithm ricart-agrawala --among a,b few true
}

@test "one that is stopped while it waits is passed over, and gets in when it goes on" {
  enter a door
  eventually is_in a
  enter b door
  eventually takes_part b door 2
  stop_process "$job_b"
  echo >go.a
  wait "$job_a"
  [ "$(on c dlock --algorithm ricart-agrawala -w 20 door echo in)" = in ]
  ! is_in b
  kill -CONT "$job_b"
  eventually is_in b
  echo >go.b
  wait "$job_b"
}

@test "one whose peer is restarted while it waits takes part anew" {
  enter a door
  eventually is_in a
  enter c door
  eventually takes_part c door 2
  signal_peer KILL c
  eventually peer_gone c
  start_peer c "${calm[@]}"
  eventually is_there c
  eventually is_file said.c
  echo >go.a
  wait "$job_a"
  eventually is_in c
  echo >go.c
  wait "$job_c"
}

@test "alone: one site is enough, but for a ring" {
  unset COORD_SOCKET
  own_host
  [ "$(dlock --algorithm lamport door echo in)" = in ]
  run -64 dlock --algorithm token-ring ring true
  [[ $output == *"at least 2"* || $output == *"two"* ]]
  stop_own_host
}

@test "a wrapper that is killed leaves nobody in as long as its command runs" {
  enter a door
  eventually is_in a
  enter b door
  eventually takes_part b door 2
  kill -KILL "$job_a"
  run -1 on c dlock --algorithm ricart-agrawala -w 0.5 door true
  ! is_in b
  echo >go.a
  eventually is_in b
  [ "$(cat in.b)" -gt "$(cat in.a)" ]
  echo >go.b
  wait "$job_b"
}

@test "a peer that is restarted is missing, is named, and takes part in the next epoch" {
  enter a door
  eventually is_in a
  signal_peer KILL c
  eventually peer_gone c
  start_peer c "${calm[@]}"
  eventually is_there c
  enter b door
  enter c door
  eventually is_file said.b
  [[ $(cat said.b) == *"c was restarted: waiting for the next epoch"* ]]
  ! is_in b
  ! is_in c
  echo >go.a
  wait "$job_a"
  release_one() {
    local peer job
    for peer in b c; do
      job="job_$peer"
      is_in $peer && [ -p go.$peer ] || continue
      echo >go.$peer
      rm go.$peer
      wait "${!job}"
      return
    done
    return 1
  }
  eventually release_one
  eventually release_one
  [ "$(cat in.b)" -ne "$(cat in.c)" ]
}

@test "a peer that is killed while its command is inside: that is stopped when its time is over (75), and nobody is let in before" {
  enter a door --ttl 15
  eventually is_in a
  enter b door
  eventually takes_part b door 2
  signal_peer KILL a
  eventually peer_gone a
  start_peer a "${calm[@]}"
  eventually is_there a
  eventually is_file said.b
  run -1 is_in b
  ended=0
  wait "$job_a" || ended=$?
  [ "$ended" -eq 75 ]
  grep -q 'door: lost: the peer restarted: the command is stopped' said.a
  eventually is_in b
  echo >go.b
  wait "$job_b"
}

@test "a peer that is killed while its command is inside: that may end by itself before its time is over" {
  enter a door --ttl 30 --report report
  eventually is_in a
  signal_peer KILL a
  eventually peer_gone a
  start_peer a "${calm[@]}"
  eventually is_there a
  echo >go.a
  wait "$job_a"
  [ "$(jq -r .outcome report)" = ran ]
  eventually takes_no_part door
}

@test "--log: the events of an entry, which dclock validates and draws" {
  dlock --algorithm ricart-agrawala --log mine.log one-log -- true
  [ "$(grep -c 'request (\|request to\|request ' mine.log)" -ge 2 ]
  grep -q ' enters$' mine.log
  grep -q ' leaves$' mine.log
  [[ $(head -1 mine.log) == 'a {"a":1} @'* ]]
  run -64 dlock --log mine.log plain -- true
}

@test "--log of all hosts: merged up to where the first one ends they validate and draw" {
  for peer in a b c; do on $peer dlock --algorithm ricart-agrawala --log log.$peer three-logs -- true; done
  run -1 dclock validate log.a log.b log.c # b has answered c after its log was written
  run -0 --separate-stderr dclock merge --cut log.a log.b log.c
  [ -n "$output" ]
  [[ $stderr == *"left out"* ]]
  printf '%s\n' "$output" >whole.log
  run -0 dclock validate whole.log
  dclock draw whole.log >drawn
  [ "$(grep -c ' enters$' whole.log)" -ge 1 ]
}

@test "--waits --algorithm cmh: a circle through a name that is entered by an algorithm" {
  dlock --waits --algorithm cmh
  mkfifo go.plain
  # a's command is inside of door and asks for plain; b's holds plain and asks to enter door.
  on b dlock plain -- sh -c 'echo >in.plain; read line <go.plain; exec dlock --algorithm ricart-agrawala door true' 3>&- &
  eventually test -s in.plain
  on a dlock --algorithm ricart-agrawala door -- sh -c 'echo >in.door; exec dlock plain true' 3>&- &
  eventually test -s in.door
  eventually waits_for a plain
  dlock --waits --algorithm cmh
  echo >go.plain
  eventually found_circle
  [ "$(jq -r '.circle | map(.name + (.classical | tostring)) | sort | join(" ")' circle)" = 'doortrue plainfalse' ]
  run -1 on c dlock --waits --algorithm cmh
  [[ $output == *"to enter"*door* ]]
  run -64 dlock --waits --algorithm lamport
  run -64 dlock --algorithm cmh door true
}

@test "--waits --algorithm cmh: a host that does not answer is named (69)" {
  signal_peer STOP b
  run -69 dlock --waits --algorithm cmh
  [[ $output == *"no answer from b"* ]]
  signal_peer CONT b
  eventually is_there b
}
