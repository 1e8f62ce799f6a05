#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# The examples of the man pages do what they say: every one is run, with stand-ins for the programs that they name.
# labels: release
bats_require_minimum_version 1.5.0
load peer_helpers

setup() {
  own_host
  cd "$BATS_TEST_TMPDIR"
  mkdir stand-ins
  for program in backup.sh make-report deploy fetch-all transfer.sh job.sh rebuild-cache curl; do
    printf '#!/bin/sh\necho "%s $*" >>"%s/ran"\necho "of %s"\n' "$program" "$PWD" "$program" >"stand-ins/$program"
    chmod +x "stand-ins/$program"
  done
  ln -s stand-ins/deploy deploy
  PATH=$PWD/stand-ins:$PATH
}

teardown() {
  jobs -p | xargs -r kill -9 2>/dev/null || true
  [ ! -e peers ] || xargs kill -9 <peers || true
  stop_own_host
}

# examples PAGE: fills `examples`.
examples() {
  mapfile -d '' -t examples < <(python3 "$COORD_SOURCE/tests/tools/man_examples.py" "$COORD_SOURCE/man/$1.scd")
  [ "${#examples[@]}" -ge "$2" ]
}

@test "dlock(1)" {
  examples dlock.1 10
  hold_here other
  for example in "${examples[@]}"; do
    echo "example: $example"
    run -0 bash -c "$example"
    echo "$output"
  done
  for program in backup.sh make-report deploy fetch-all transfer.sh job.sh rebuild-cache curl; do grep -q "^$program" ran; done
  [ "$(cat report)" = "of make-report" ]
  [[ $output == *$'other\t'*$'\t'"sh -c "* ]] # the last one lists who holds what
  release other
  # Somebody else deploys: the status of one's own is not the command's.
  hold_here deploy
  for example in "${examples[@]}"; do
    [[ $example != *somebody* ]] || run -0 bash -c "${example/-w 10/-w 0.1}"
  done
  release deploy
  wait
}

@test "dcast(1)" {
  examples dcast.1 7
  printf '#!/bin/sh\necho "pull $*" >>"%s/ran"\n' "$PWD" >stand-ins/pull
  chmod +x stand-ins/pull
  cp /etc/hosts hosts
  listeners=()
  for example in "${examples[@]}"; do
    case $example in
      *@root/*) ;; # of the whole machine
      *--listen* | *--answer*)
        timeout 60 bash -c "exec ${example//\/etc\//$PWD/}" >>heard 2>&1 3>&- &
        listeners+=($!)
        ;;
    esac
  done
  [ "${#listeners[@]}" -eq 4 ]
  said() { dcast release 1.4.2 && grep -qx 'pull 1.4.2' ran; }
  eventually said
  said() { dcast conf/hosts - </etc/hosts && cmp -s hosts.new /etc/hosts; }
  eventually said
  said() { dcast --ask load | grep -q '^[^ ]*: [0-9]' && dcast --ask load --reduce max | grep -qx '[0-9.]*'; }
  eventually said
  said() { dcast go now && grep -qx now heard; }
  eventually said
  wait "${listeners[2]}" # it has come once, and that is enough
  for example in "${examples[@]}"; do
    case $example in
      *--listen* | *--answer*) ;;
      *) run -0 bash -c "$example" ;;
    esac
  done
  kill "${listeners[@]:0:2}" "${listeners[3]}"
  wait "${listeners[@]}" || true
}

@test "dpeers(1)" {
  examples dpeers.1 4
  run -0 dlock any true
  for example in "${examples[@]}"; do
    echo "example: $example"
    case $example in
      *doctor) run bash -c "$example"; [ "$status" -le 1 ]; echo "$output"; [[ $output == *socket* ]] ;;
      *'wait -n 2 -w 60'*) run -1 bash -c "${example/-w 60/-w 0.1}" ;;
      *'>= 2'*) run -1 bash -c "$example" ;; # a peer alone is no majority of three
      *replace* | *transfer* | *move*) run -64 bash -c "$example"; [[ $output == *"there is no group"* ]] ;;
      *leader*) run -0 bash -c "$example"; [ "$output" = private ] ;;
      *) run -0 bash -c "$example" ;;
    esac
  done
}

@test "coordd(8)" {
  examples coordd.8 4
  read -r -a ports < <(free_ports 3)
  for example in "${examples[@]}"; do
    example=${example//7411/${ports[0]}} example=${example//7412/${ports[1]}} example=${example//7413/${ports[2]}}
    echo "example: $example"
    case $example in
      *'/etc/'*) continue ;; # not this machine's
      *'for name'*)
        timeout 60 bash -c "$example"$'\njobs -p >peers' 3>&- >out 2>&1
        [ "$(wc -l <peers)" -eq 3 ]
        ;;
      COORD_SOCKET*)
        eventually test -S a.sock
        run -0 bash -c "$example"
        [ "$output" = "of backup.sh" ]
        [ "$(COORD_SOCKET=a.sock dpeers --json | jq -s length)" -eq 3 ]
        ;;
      *) run -0 bash -c "$example" ;;
    esac
  done
  [ "$(stat -c %a key)" = 600 ]
}
