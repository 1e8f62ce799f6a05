#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# labels: release
# delect --algorithm: leaders that three real peers find among themselves.
bats_require_minimum_version 1.5.0
load peer_helpers

setup() {
  new_group "$BATS_TEST_TMPDIR/g" a b c
  start_group "${calm[@]}"
  export COORD_SOCKET=$group/a.sock
  cd "$BATS_TEST_TMPDIR"
}

teardown() {
  end_jobs TERM
  stop_group
}

bully=(--algorithm bully --bound 0.4 --i-know)
race=(--algorithm lease-race --ttl 1)
stand() { # PEER OPTION...: in the background as job_PEER; in.PEER is there while its command runs
  COORD_SOCKET=$group/$1.sock delect "${@:2}" reports -- sh -c 'trap "rm -f $1; exit 0" TERM; echo $DELECT_ALGORITHM >$1; while :; do sleep 0.05; done' sh "in.$1" 3>&- &
  declare -g "job_$1=$!"
}
leads() { [ -s "in.$1" ]; }
leads_no_more() { [ ! -e "in.$1" ]; }
believes() { [ "$(on "$1" delect --algorithm "$2" --who reports --json | jq -r .leader)" = "$3" ]; }

@test "bully: the last by name leads; when its peer is killed its command ends, and the next one leads" {
  for peer in a b c; do stand $peer "${bully[@]}"; done
  eventually leads c
  eventually believes a bully c
  [ ! -e in.a ] && [ ! -e in.b ]
  on c delect --algorithm bully --is-leader reports
  run -1 on a delect --algorithm bully --is-leader reports
  run -1 on a delect "${bully[@]}" -n reports true
  signal_peer KILL c
  eventually leads_no_more c
  eventually leads b
  status=0
  wait "$job_c" || status=$?
  [ "$status" -eq 75 ]
  eventually believes a bully b
}

@test "--log: the events of a leadership at each host, which merged validate and draw" {
  stand b "${bully[@]}" --log b.log
  eventually leads b
  run -0 on c delect "${bully[@]}" --log c.log reports -- true
  status=0
  wait "$job_b" || status=$?
  [ "$status" -eq 75 ]
  for event in stands 'is elected' leads 'leads no more'; do
    for peer in b c; do grep -q " $event\$" $peer.log; done
  done
  grep -q ' from c$' b.log
  dclock merge --cut b.log c.log >whole.log
  run -0 dclock validate whole.log
  dclock draw whole.log >drawn
  run -64 delect --log c.log plain -- true
  [[ $output == *"--algorithm"* ]]
  run -0 on a delect "${race[@]}" --log a.log other -- true
  grep -q ' leads$' a.log
}

@test "lease-race: who asked first leads, then the next; a peer that is stopped loses it in time" {
  stand b "${race[@]}"
  eventually leads b
  stand c "${race[@]}"
  eventually believes a lease-race b
  run -1 on a delect "${race[@]}" -n reports true
  signal_peer STOP b
  eventually leads_no_more b
  eventually leads c
  signal_peer CONT b
}

@test "lease-race: who was stopped when it was told that it leads begins nothing when another one leads" {
  stand b "${race[@]}"
  eventually leads b
  COORD_SOCKET=$group/c.sock delect --verbose "${race[@]}" reports sh -c 'echo >began' 2>said 3>&- &
  waiter=$!
  eventually grep -q "standing by" said
  stop_process "$waiter"
  kill -TERM "$job_b"
  eventually on c delect --algorithm lease-race --is-leader reports
  signal_peer KILL c
  stand a "${race[@]}"
  eventually leads a
  kill -CONT "$waiter"
  status=0
  wait "$waiter" || status=$?
  [ "$status" -eq 69 ]
  [ ! -e began ]
}

@test "lease-race: a command goes on for as long as its lease is renewed, and the next one begins at once" {
  on b delect "${race[@]}" reports sleep 2.2
  on b delect "${race[@]}" -w 3 reports true
  on c delect "${race[@]}" -w 3 reports true
}

@test "what can happen is said, and what does not go together is refused" {
  run -64 --separate-stderr delect --algorithm bully --bound 1 reports true
  [[ $stderr == *"two hosts lead"*"--i-know"* ]]
  run -64 delect --algorithm bully --i-know reports true
  run -64 delect --algorithm lease-race --bound 1 reports true
  run -64 delect "${race[@]}" --slot x reports true
  run -64 delect "${race[@]}" --priority 3 reports true
  run -64 delect --algorithm raft reports true
  run -1 delect --algorithm bully --who reports
  [[ $output == *"nobody leads, as far as this host knows"* ]]
  run -7 delect "${bully[@]}" --report report reports -- sh -c 'exit 7'
  jq -e '.outcome == "ran" and .algorithm == "bully" and .exit_status == 7 and .messages.election >= 1 and (.sites | length) == 3' report
}
