#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# dlock --break and --check: somebody else's hold, ended by its own host, and a token looked at.
# labels: release
bats_require_minimum_version 1.5.0
load shared_group

teardown() { end_jobs KILL; }

status_of_holder() { status=0; wait $holder || status=$?; }

@test "--break from another host: shown, TERM, a grace, and the lock is free when the command has ended" {
  dlock --ttl 10 --grace 3 --report r job -- bash -c 'trap "sleep 0.5; echo ${EPOCHREALTIME/./} >ended; exit 3" TERM
    echo x >ready; while :; do sleep 0.01; done' 3>&- 2>errors &
  holder=$!
  eventually is_file ready
  run -0 on b dlock --break job --yes
  [ "$(now_us)" -gt "$(cat ended)" ]
  [[ ${lines[0]} == NAME*COMMAND*TOKEN* ]]
  [[ ${lines[1]} == *" holds "*"$holder"* ]]
  run -0 on b dlock -n job true
  status_of_holder
  [ $status -eq 75 ]
  jq -e '.outcome == "lost" and .exit_status == 3' r
  grep -q "lost: broken by $(id -un)" errors
}

@test "--break kills what does not heed TERM, background descendants too" {
  dlock --ttl 10 --grace 0.5 job -- bash -c 'trap "" TERM; setsid bash -c "trap \"\" TERM; while :; do sleep 0.01; done" &
    echo $! >child; while :; do sleep 0.01; done' 3>&- 2>/dev/null &
  holder=$!
  eventually is_file child
  run -0 dlock --break job --yes
  status_of_holder
  [ $status -eq 75 ]
  eventually gone "$(cat child)"
}

@test "--break of one after the other: whoever holds next is not taken for the one before" {
  # The file system gives the file of a session soon to come the inode number that the last one's had.
  for round in 1 2 3 4 5; do
    rm -f command
    dlock --grace 0.1 --ttl 5 job -- bash -c 'trap "" TERM; echo $$ >command; while :; do sleep 0.05; done' 3>&- 2>/dev/null &
    wrapper=$!
    eventually is_file command
    kill -9 $wrapper # so that it is the peer who kills
    run -0 dlock --break --yes job
    for next in {1..20}; do run -0 dlock "next $next" true; done
  done
}

@test "--break of a hold whose wrapper is gone: its peer stops the command" {
  hold b job --ttl 10 --grace 0.3
  kill -9 "$holder"
  run -0 dlock --break job --yes
  run -0 dlock -n job true
  eventually gone "$command"
}

@test "--break of a shared lock ends every holder; of a free one it is 1" {
  hold a job -s
  first=$holder
  hold b other -s # the helper's FIFO is by name
  dlock -s job sleep 60 3>&- 2>/dev/null &
  holder=$!
  eventually is_held a job 2
  run -0 dlock --break job --yes
  run -0 dlock -n job true
  run -1 dlock --break job --yes
  [[ $output == "dlock: job: nobody holds it: look with --list" ]]
  run -0 dlock --break other --yes
}

@test "--break asks at a terminal, and without one it is 64" {
  hold a job
  run -64 dlock --break job </dev/null
  [ "${#lines[@]}" -eq 1 ]
  run -0 python3 "$COORD_SOURCE/tests/tools/terminal.py" bash --norc -c 'dlock --break job; echo "said $?"' <<'EOS'
expect break it? [y/N]
send n
expect said 1
end
EOS
  kill -0 "$command"
  run -0 python3 "$COORD_SOURCE/tests/tools/terminal.py" bash --norc -c 'dlock --break job; echo "said $?"' <<'EOS'
expect break it? [y/N]
send y
expect said 0
end
EOS
  run ! kill -0 "$command"
}

@test "only the holder's user and root may break" {
  [ "$(id -u)" = 0 ] || skip "needs root"
  getent passwd nobody >/dev/null || skip "needs the user nobody"
  # nobody's own peer, in the same group: by its word who asks there is nobody.
  list=$(cat "$group/peers")
  signal_peer KILL c
  eventually peer_gone c
  theirs=$(mktemp -d)
  cp "$group/key" "$theirs/key"
  cp -r "$group/c" "$theirs/c"
  chown -R nobody "$theirs"
  setpriv --reuid nobody --clear-groups coordd --name c --peers "$list" --key-file "$theirs/key" --state-dir "$theirs/c" \
    --socket "$theirs/c.sock" "${calm[@]}" </dev/null >>log 2>&1 3>&- &
  peer=$!
  disown
  as_nobody() { COORD_SOCKET=$theirs/c.sock setpriv --reuid nobody --clear-groups "$@"; }
  serves() { as_nobody dlock --list >/dev/null 2>&1; }
  if ! eventually serves; then cat log; false; fi
  hold a job
  run -1 as_nobody dlock -q --break job --yes
  [[ $output == *"not broken: only its holder's user and root"* ]]
  kill -0 "$command"
  as_nobody dlock theirs sleep 60 3>&- 2>/dev/null &
  eventually is_held a theirs
  run -0 dlock --break theirs --yes
  kill -9 $peer
  eventually gone $peer
  rm -rf "$group/c" # an old copy by now, which no peer may be given
  cp -r "$theirs/c" "$group/c"
  rm -rf "$theirs"
  start_peer c "${calm[@]}"
  release job
  wait $holder
}

@test "--break without a quorum is 69, and one whose host is gone ends with its lease" {
  hold b job --ttl 2
  signal_peer STOP b
  kill -9 "$holder" "$command"
  answers() { dlock --list >/dev/null 2>&1; }
  eventually answers # if b led, somebody else has to
  run -0 dlock --break job --yes
  run -0 dlock -n job true
  signal_peer STOP c
  eventually sees_none a
  run -69 dlock --break job --yes
  signal_peer CONT b
  signal_peer CONT c
  eventually group_has_leader
}

@test "--check: 0 for a current holder's token, 1 for others, 69 without a quorum, 64 without a token" {
  eventually group_has_leader
  hold a job
  token=$(dlock --list --json job | jq -r '.holders[0].token')
  run -0 on b dlock --check job --token "$token"
  [ -z "$output" ]
  run -1 dlock --check job --token $((token - 1))
  run -1 dlock --check other --token "$token"
  run -64 dlock --check job
  run -64 dlock --check job --token x
  release job
  wait $holder
  run -1 dlock --check job --token "$token"
  signal_peer STOP b
  signal_peer STOP c
  eventually sees_none a
  run -69 dlock --check job --token "$token"
  signal_peer CONT b
  signal_peer CONT c
}
