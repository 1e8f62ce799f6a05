#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Bad input of every kind: one clear line, `tool: object: what happened: what to do`, and the right status. What one tool alone takes is
# in its own file as well.
bats_require_minimum_version 1.5.0
load peer_helpers

setup() {
  own_host
  export COORD_AUTOSTART=no
  place=$(mktemp -d /tmp/coordutils-input.XXXXXX) # where other users may look, too
  chmod 755 "$place"
  cd "$place"
}

teardown() {
  cd /
  [ ! -e "$place/pid" ] || kill -9 "$(cat "$place/pid")" 2>/dev/null || true
  rm -rf "$place"
}

# refused STATUS PATTERN COMMAND...: one line of at least three parts, which matches, and the status
refused() {
  echo "${*:3}" | cut -c1-200
  run "-$1" timeout 10 "${@:3}"
  echo "$output"
  [ "${#lines[@]}" -eq 1 ]
  [[ $output == *": "*": "*": "* ]]
  # shellcheck disable=SC2053
  [[ $output == $2 ]]
}

# Sets as_somebody: the words before a command of a user who is neither root nor the owner of anything here.
need_somebody() {
  [ "$(id -u)" = 0 ] || skip "needs root"
  mkdir bin
  cp "$(command -v coordd)" "$(command -v dlock)" bin
  as_somebody=(setpriv --reuid 60012 --regid 60012 --clear-groups env -i PATH="$place/bin:/usr/bin:/bin" COORD_AUTOSTART=no)
}

@test "delect: options, values, combinations, names" {
  wrong() { refused 64 "delect: $1: *" delect "${@:2}"; }
  wrong --slot --slot '' n true
  wrong --slot --slot auto:5x n true
  wrong --slot --slot auto:0s n true
  wrong --slot --slot auto:99999999d n true
  wrong --slot --slot "$(printf 'k%.0s' {1..256})" n true
  wrong --attempts --attempts 3 n true
  wrong --attempts --slot k --attempts 0 n true
  wrong --attempts --slot k --attempts 1001 n true
  wrong --priority --priority many n true
  wrong --priority --priority 99999999999 n true
  wrong --value --value "$(printf 'v%.0s' {1..1025})" n true
  wrong --value --value "$(printf 'v%.0s' {1..1025})" --enroll n
  wrong --ttl --ttl 0.5 n true
  wrong --ttl --ttl 4000 n true
  wrong --grace --ttl 10 --grace 4.1 n true
  wrong -w -w soon n true
  wrong -n -n -w 1 n true
  wrong -E -E 256 n true
  wrong --max-age --max-age 5 n true
  wrong --on-gain --on-gain
  wrong --yes --yes n true
  wrong --json --json n true
  wrong --preempt --preempt --who n
  wrong -n -n --list
  wrong -E -E 5 --is-leader n
  wrong --slot --slot k --enroll n
  wrong --lead-file --lead-file f --last n
  wrong --report --report r --resign n
  wrong --priority --priority 1 --withdraw n
  wrong --value --value v --who n
  wrong --stale --stale n true
  wrong --scope --scope moon n true
  wrong --list --who --list n
  wrong --wobble --wobble
  wrong '*' --evict n </dev/null
  wrong NAME
  wrong NAME --last
  wrong COMMAND n
  wrong COMMAND n --
  wrong -c n -c
  wrong "*'true'" --enroll n true
  wrong name '' true
  wrong "name *" "$(printf 'x%.0s' {1..256})" true
  wrong "name *" --list -- -x
}

@test "configurations: absent, unreadable, no file, too large, wrong lines; for the peer and for every tool that looks for it" {
  printf 'name = "x"\nwobble = 1\n' >wobble
  printf 'name = "x"\nname = "y"\n' >twice
  printf 'name = "x"\nstate_dir = "q"\nsocket = "s"\nidle_exit = -1\n' >negative
  printf 'name = "\xff"\n' >bytes
  printf 'name = "x\n' >open
  head -c 3000000 /dev/zero | tr '\0' a >large
  mkdir directory
  for command in coordd 'dlock NAME true' 'delect NAME true' 'dbarrier --count 1 NAME' dpeers; do
    tool=${command%% *}
    with() { refused 69 "$tool: $2: *" $tool --config "$1" ${command#"$tool"}; }
    with none none
    with directory directory
    with large large
    with twice twice:2
    with bytes bytes:1
    with open 'open:*'
  done
  refused 69 'coordd: wobble:2: *' coordd --config wobble
  refused 69 'coordd: negative:4: *' coordd --config negative
  need_somebody
  chmod 600 wobble
  refused 69 "coordd: $place/wobble: *" "${as_somebody[@]}" coordd --config "$place/wobble"
  refused 69 "dlock: $place/wobble: *" "${as_somebody[@]}" dlock --config "$place/wobble" job true
}

@test "state directories: of another list, another group or none, not one's own, not writable, nowhere" {
  coordd --keygen >key
  chmod 600 key
  read -r -a ports < <(free_ports 3)
  two=a=127.0.0.1:${ports[0]},b=127.0.0.1:${ports[1]}
  coordd --name a --peers "$two" --key-file key --state-dir a --socket "$PWD/s" </dev/null >log 2>&1 3>&- &
  echo $! >pid
  eventually dpeers --socket s
  kill "$(cat pid)"
  wait
  rm pid
  for list in "$two,c=127.0.0.1:${ports[2]}" "${two/b=/c=}"; do
    refused 65 'coordd: a/segment-*: *' coordd --name a --peers "$list" --key-file key --state-dir a --socket "$PWD/s"
  done
  refused 65 'coordd: a/segment-*: *' coordd --name a --state-dir a --socket "$PWD/s"
  refused 65 "coordd: *: *" coordd --name b --peers "$two" --key-file key --state-dir a --socket "$PWD/s"
  refused 69 'coordd: nowhere/deeper: *' coordd --name a --state-dir nowhere/deeper --socket "$PWD/s"
  need_somebody
  mkdir roots
  as_its_own() { refused 69 "coordd: $place/$1*: *" "${as_somebody[@]}" coordd --name x --state-dir "$place/$1" --socket "$place/x"; }
  as_its_own roots
  as_its_own roots/deeper
  mkdir -m 555 closed
  chown 60012 closed
  as_its_own closed
}

@test "sockets: a path that is too long, of somebody else, no socket" {
  long=$PWD/$(printf 'x%.0s' {1..108})
  for command in 'dlock NAME true' 'delect NAME true' 'dbarrier --count 1 NAME' dpeers; do
    tool=${command%% *}
    refused 64 "$tool: *" $tool --socket "$long" ${command#"$tool"}
    touch file
    refused 69 "$tool: $PWD/file: *" $tool --socket "$PWD/file" ${command#"$tool"}
    refused 69 "$tool: none: *" $tool --socket none ${command#"$tool"}
  done
  refused 69 'coordd: *: *' coordd --name x --state-dir "$PWD/state" --socket "$long"
  refused 69 "coordd: $PWD/file: *" coordd --name x --state-dir "$PWD/state" --socket "$PWD/file"
}
