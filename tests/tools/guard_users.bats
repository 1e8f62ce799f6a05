#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Commands of ordinary users, for whom no control group can be made and whose guards have no priority: what was forked twice, or forks on
# and on, is found all the same, by the wrapper alone and by the peer alone.
# labels: release
bats_require_minimum_version 1.5.0
load peer_helpers
load guard_helpers

user=60013

setup() {
  [ "$(id -u)" = 0 ] || skip "needs root, to become an ordinary user"
  place=$(mktemp -d /tmp/coordutils-users.XXXXXX) # where that user may look, too
  mkdir "$place/bin" "$place/real"
  for tool in coordd dlock dpeers; do
    cp "$(command -v $tool)" "$place/real"
    printf '#!/bin/sh\nexec setpriv --reuid %s --regid %s --clear-groups %s "$@"\n' $user $user "$place/real/$tool" >"$place/bin/$tool"
  done
  chmod -R 755 "$place"
  PATH=$place/bin:$PATH
  cd "$place"
  new_group "$place/g" a b c
  chown -R $user "$place"
  export COORD_SOCKET=$group/a.sock
  start_group "${calm[@]}"
  cat >beats <<'SH'
trap '' TERM HUP INT
if [ "$1" = bare ]; then
  for fd in /proc/self/fd/*; do eval "exec ${fd##*/}>&-"; done
fi
while :; do echo "${EPOCHREALTIME/./}" >>writes; sleep 0.01; done
SH
}

teardown() {
  [ -n "${place-}" ] || return 0
  stop_group
  pkill -KILL -u $user || true
  end_jobs KILL
  cd /
  rm -rf "$place"
}

# run_here COMMAND: by dlock, in the background, until something is written. Sets wrapper.
run_here() {
  rm -f writes
  dlock --ttl $ttl job -- bash -c "$1" 3>&- 2>/dev/null &
  wrapper=$!
  eventually is_file writes
  [[ $(ps -o comm= -p $wrapper) == dlock ]]
  run -1 group_of_command "$(pgrep -P $wrapper -x bash | head -n 1)"
}

# only_guard WHO: the other one cannot do anything; nobody renews.
only_guard() {
  if [ "$1" = peer ]; then
    kill -STOP $wrapper
    cut_off b c
  else
    cut_off a b c
  fi
}

over() {
  kill -CONT $wrapper
  wait $wrapper || true
  for name in "${names[@]}"; do signal_peer CONT $name; done
  eventually group_has_leader
}

@test "orphans: forked twice, in a session of their own, with the hold and without anything" {
  for guard in peer wrapper; do
    for how in kept bare; do
      run_here "trap '' TERM; ( setsid env -i PATH=/bin:/usr/bin bash beats $how & ); exec sleep 60"
      only_guard $guard
      stopped_in_time
      over
    done
  done
}

@test "eight chains that fork and exit have ended before anybody else may begin" {
  ttl=4
  for guard in peer wrapper; do
    run_here "trap '' TERM; chain() { echo \${EPOCHREALTIME/./} >>writes; chain & }; for i in 1 2 3 4 5 6 7 8; do chain & done; exec sleep 60"
    only_guard $guard
    eventually still
    after=$(($(tail -n 1 writes) - since))
    echo "$guard: the last write $after us after the cut"
    [ $after -lt $((ttl * 1000000)) ]
    over
  done
}

@test "children that were the caller's before it became dlock are not the command's" {
  cat >caller <<'SH'
sleep 321 &
echo $! >bystander
exec dlock --ttl 2 job -- bash beats kept
SH
  chmod 644 caller
  setpriv --reuid $user --regid $user --clear-groups env PATH="$place/real:$PATH" bash caller 3>&- 2>/dev/null &
  wrapper=$!
  eventually is_file writes
  only_guard peer
  stopped_in_time
  kill -0 "$(cat bystander)"
  [[ $(ps -o stat= -p "$(cat bystander)") == S* ]]
  over
  kill "$(cat bystander)"
}
