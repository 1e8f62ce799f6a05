#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Leaders while hosts die: one at a time leads, in a later term than all before, and work is done once. What a partition does is in
# partitions.bats.
bats_require_minimum_version 1.5.0
load load

setup() {
  cd "$BATS_TEST_TMPDIR"
  new_group "$BATS_TEST_TMPDIR/g" a b c
  start_group
  # Says when it began and that it still runs; ends when told.
  cat >lead <<'SH'
#!/usr/bin/env bash
trap "" TERM
echo "$DELECT_TERM $$" >"led.$1"
until [ -e "go.$1" ]; do
  echo "${EPOCHREALTIME/./}" >>"writes.$1"
  sleep 0.01
done
SH
  chmod +x lead
}

teardown() {
  local host
  for host in a b c; do
    [ ! -e "led.$host" ] || [ -e "status.$host" ] || kill -KILL "$(cat "delect.$host")" "$(command_of $host)" 2>/dev/null || true
  done
  jobs -p | xargs -r kill -KILL 2>/dev/null || true
  stop_group
  wait
}

# campaign PEER NAME [OPTION...]: with the command above; status.PEER gets its end. Sets campaigner.
campaign() {
  local peer=$1 name=$2
  shift 2
  rm -f "led.$peer" "go.$peer" "writes.$peer" "status.$peer"
  {
    local status=0
    COORD_SOCKET=$group/$peer.sock delect --ttl 2 "$@" "$name" -- "$PWD/lead" "$peer" &
    echo $! >"delect.$peer"
    wait $! || status=$?
    echo $status >"status.$peer"
  } 2>"err.$peer" 3>&- &
}
term_of() { cut -d' ' -f1 "led.$1"; }
command_of() { cut -d' ' -f2 "led.$1"; }
first_write() { head -n 1 "writes.$1"; }
last_write() { tail -n 1 "writes.$1"; }
stands() { [ "$(on "$1" delect --who --json "$2" | jq '.candidates | length')" -ge "$3" ]; } # PEER NAME COUNT

@test "a leader's host is lost: another one leads after it, in a later term" {
  campaign b job
  eventually is_file led.b
  campaign c job
  eventually stands a job 1
  # All of the host: its peer, delect, and the command.
  kill -KILL "$(cat delect.b)" "$(command_of b)" "$(pid_of b)"
  eventually is_file led.c
  [ "$(term_of c)" -gt "$(term_of b)" ]
  [ "$(first_write c)" -gt "$(last_write b)" ]
  [ "$(on a delect --who --json job | jq -r .leader.peer)" = c ]
  touch go.c
  eventually is_file status.c
  [ "$(cat status.c)" = 0 ]
}

@test "only the leader's peer is killed and started again: it leads on, in the same term" {
  campaign b job --ttl 4
  eventually is_file led.b
  campaign c job
  eventually stands a job 1
  term=$(on a delect --who --json job | jq -r .term)
  signal_peer KILL b
  eventually peer_gone b
  start_peer b
  eventually sees_leader b
  later=$(($(now_us) + 6000000))
  passed() { [ "$(last_write b)" -gt $later ]; } # longer than the lease
  eventually passed
  [ ! -e led.c ]
  [ "$(on a delect --who --json job | jq -r .term)" = "$term" ]
  touch go.b
  eventually is_file led.c
  [ "$(cat status.b)" = 0 ]
  touch go.c
}

@test "a majority is lost and comes back: the command is stopped, nobody leads meanwhile, and slots are remembered" {
  run -0 on a delect --slot monday once -- sh -c 'echo ran >>once'
  campaign a job
  eventually is_file led.a
  signal_peer KILL b
  signal_peer KILL c
  eventually is_file status.a
  [ "$(cat status.a)" = 75 ]
  gone "$(command_of a)"
  first=$(term_of a)
  run -69 on a delect --is-leader job
  run -69 on a delect -n job true
  run -69 on a delect --slot monday -w 0.5 once -- sh -c 'echo ran >>once'
  start_peer b
  start_peer c
  eventually group_has_leader
  run -0 on c delect --slot monday once -- sh -c 'echo ran >>once'
  [ "$(cat once)" = ran ]
  campaign b job
  eventually is_file led.b
  [ "$(term_of b)" -gt "$first" ]
  touch go.b
  eventually is_file status.b
  [ "$(cat status.b)" = 0 ]
}

@test "the runner of a slot is lost with its host: it is begun again elsewhere, and done once" {
  campaign b job --slot today
  eventually is_file led.b
  { COORD_SOCKET=$group/c.sock delect --ttl 2 --slot today job -- sh -c 'echo "attempt $DELECT_ATTEMPT" >>done'; echo $? >status.c; } 3>&- &
  eventually stands a job 1
  kill -KILL "$(cat delect.b)" "$(command_of b)" "$(pid_of b)"
  eventually is_file status.c
  [ "$(cat status.c) $(cat done)" = "0 attempt 2" ]
  run -0 on a delect --slot today job -- sh -c 'echo again >>done'
  [ "$(cat done)" = "attempt 2" ]
}
