#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# labels: release
# Users of one peer, and what each may touch of the others': names that begin with @USER/, leaderships, barriers.
bats_require_minimum_version 1.5.0
load peer_helpers

setup() {
  [ "$(id -u)" = 0 ] || skip "needs root"
  unset COORD_SOCKET COORD_CONFIG
  export COORD_AUTOSTART=no
  place=$(mktemp -d /tmp/coordutils-users.XXXXXX)  # where other users may look, too
  mkdir "$place/bin"
  for tool in coordd dlock delect dbarrier; do cp "$(command -v "$tool")" "$place/bin"; done
  chmod 755 "$place" "$place/bin"
  PATH=$place/bin:$PATH
  cd "$place"
  mkdir state
  coordd --name one --state-dir "$PWD/state" --socket "$PWD/sock" --admit games </dev/null >>log 2>&1 3>&- &
  peer=$!
  eventually dlock --socket "$PWD/sock" --list
  export COORD_SOCKET=$PWD/sock
}

teardown() {
  [ -z "${peer-}" ] || kill -KILL "$peer" 2>/dev/null || true
  wait 2>/dev/null || true
  cd /
  [ -z "${place-}" ] || rm -rf "$place"
}

# as USER COMMAND...: a member of the admitted group
as() { setpriv --reuid "$1" --regid "$1" --groups "$(getent group games | cut -d: -f3)" -- "${@:2}"; }

# Whose names are refused: 64, with the owner and what to do.
foreign() {
  run -64 "$@"
  [[ $output == *"belongs to user mail: names of your own begin with @/"* ]]
}

@test "@/NAME is one's own, whatever the user is called, and nobody else's but root's" {
  as mail dlock '@/job' -- true
  run -0 dlock --history '@mail/job' --json
  [[ $output == *'"name":"@mail/job"'* ]]
  as mail dlock '@mail/job' -- true
  as 60001 dlock '@/job' -- true
  run -0 dlock --history '@#60001/job' --json
  [[ $output == *'"name":"@#60001/job"'* ]]
  foreign as backup dlock '@mail/job' -- true
  foreign as backup dlock -n 'plain,@mail/job' -- true
  foreign as backup dlock --rate 1/3600 '@mail/job' -- true
  foreign as backup delect '@mail/job' -- true
  foreign as backup delect --slot x '@mail/job' -- true
  foreign as backup delect --enroll '@mail/job'
  foreign as backup dbarrier -n 1 '@mail/job'
  foreign as backup dbarrier --reset '@mail/job'
  dlock '@mail/job' -- true
  delect --slot x '@mail/job' -- true
  as backup dlock '@daily' -- true  # no `@USER/`: everybody's
  run -64 as 60001 dlock '@60001/job' -- true  # the number is not a name
}

@test "everybody sees in a listing who holds whose names" {
  as mail dlock '@/job' -- sleep 60 3>&- &
  job=$!
  held_by_mail() {
    as backup dlock --list --json | jq -se 'any(.name == "@mail/job" and .holders[0].user == "mail")' >/dev/null
  }
  eventually held_by_mail
  kill "$job"
  wait "$job" || true
}

@test "preempting needs the leader's user, or root" {
  as mail delect --priority 1 job -- sleep 60 3>&- &
  job=$!
  leads() { as mail delect --who --json job | jq -e '.leader != null' >/dev/null; }
  eventually leads
  run -64 as backup delect --priority 9 --preempt job -- true
  [[ $output == *"it is another user's: only that user and root may"* ]]
  run -0 as mail delect --priority 9 --preempt job -- echo mine
  [ "$output" = mine ]
  wait "$job" || [ $? -eq 75 ]
  as mail delect --priority 1 job -- sleep 60 3>&- &
  job=$!
  eventually leads
  run -0 delect --priority 9 --preempt job -- echo root
  [ "$output" = root ]
}

@test "a barrier is reset by root, or by the user of all who arrived" {
  arrived() { [ "$(dbarrier --status --json "$1" | jq '.participants | length')" = "$2" ]; }
  as mail dbarrier -n 3 --id one gate 3>&- &
  job=$!
  eventually arrived gate 1
  run -64 as backup dbarrier --reset gate
  [[ $output == *"other users take part: only root may reset it"* ]]
  as mail dbarrier --reset gate
  wait "$job" || [ $? -eq 3 ]
  as mail dbarrier -n 3 --id one gate 3>&- &
  job=$!
  as backup dbarrier -n 3 --id two gate 3>&- &
  job=$!
  eventually arrived gate 2
  run -64 as mail dbarrier --reset gate
  dbarrier --reset gate
  wait "$job" || [ $? -eq 3 ]
}

@test "a name that is too long once it is one's own is refused" {
  run -64 as mail dlock "@/$(printf 'x%.0s' {1..252})" -- true
  [[ $output == *"the name is too long with its user's: shorten it"* ]]
}
