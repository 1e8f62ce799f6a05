#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# chordctl over three peers: what one host puts every host gets, whichever one is killed.
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

end_peer() {
  signal_peer KILL "$1"
  eventually peer_gone "$1"
}
all_join() {
  for peer in a b c; do on "$peer" chordctl join -w 60; done
}
gets() { [ "$(on "$1" chordctl get -w 5 "$2" 2>/dev/null)" = "$3" ]; }
checks() { on "$1" chordctl ring --check >/dev/null 2>&1; }

@test "before a host joins its ring is its own, and nothing of it goes to others" {
  on a chordctl put k v
  run -1 on b chordctl get k
  run -0 on a chordctl ring --check
  [[ ${lines[0]} == "ring main: 1 host, 1 copy of each key; this host's own, until one joins" ]]
  [ "$(on a chordctl ring --json | jq -r .host | sort -u)" = a ]
  [ "$(on a chordctl lookup k)" = "owner	a" ]
  run -1 on a chordctl leave
}

@test "what a host had before it joined comes along by dump before and load after" {
  head -c 100000 /dev/urandom >bytes
  on a chordctl put k v
  on a chordctl put bytes - <bytes
  version=$(on a chordctl get --all k | cut -f1)
  on a chordctl put two one
  on a chordctl put --resolve "$version" two other
  on a chordctl dump >kept
  all_join
  run -1 on a chordctl get k
  on a chordctl load <kept
  [ "$(on c chordctl get k)" = v ]
  on b chordctl get bytes | cmp - bytes
  run -3 on c chordctl get two
  [ "$(on c chordctl dump | jq -r .value_b64 | sort)" = "$(jq -r .value_b64 kept | sort)" ]
  on a chordctl leave -w 60
  [ "$(on a chordctl get k)" = v ]
}

@test "three hosts join, and one is killed: every key is found, and the host that comes back finds all too" {
  all_join
  head -c 900000 /dev/urandom >large
  on b chordctl put large - <large
  for i in $(seq 20); do on a chordctl put "k$i" "v$i"; done
  end_peer b
  for i in $(seq 20); do [ "$(on c chordctl get "k$i")" = "v$i" ]; done
  on c chordctl get large | cmp - large
  on c chordctl put k1 newer
  on a chordctl rm k2
  start_peer b "${calm[@]}"
  eventually gets b k1 newer
  run -1 on b chordctl get k2
  [ "$(on b chordctl keys | wc -l)" -eq 20 ]
  eventually checks b
}

@test "a ring of one's own by its name @/ is one ring on all hosts" {
  for peer in a b c; do on "$peer" chordctl --ring @/mine join -w 60; done
  on a chordctl --ring @/mine put k v
  [ "$(on b chordctl --ring @/mine get k)" = v ]
  [ "$(on c chordctl --ring "@$(id -un)/mine" get k)" = v ]
  on c chordctl --ring @/mine ring --check
  on b chordctl --ring @/mine put @/k own
  [ "$(on c chordctl --ring @/mine get --json @/k | jq -r '.key + " " + .value')" = "@$(id -un)/k own" ]
  on a chordctl --ring @/mine leave -w 60
  run -1 on a chordctl --ring @/mine get k
}

@test "hosts that join or leave at once do so one after the other; without a wait: refused" {
  jobs=()
  for peer in a b c; do
    on "$peer" chordctl join 3>&- &
    jobs+=($!)
  done
  for job in "${jobs[@]}"; do wait "$job"; done
  eventually checks a
  [ "$(on a chordctl ring --json | jq -r .host | sort -u | tr -d '\n')" = abc ]
  on a chordctl put k v
  # b is stopped, so that c cannot go before it goes on; and c's command is interrupted.
  signal_peer STOP b
  COORD_SOCKET=$group/c.sock chordctl leave 3>&- &
  leaves=$!
  comes_or_goes() { [[ $(on a chordctl ring -w 5) == *"a host comes or goes"* ]]; }
  eventually comes_or_goes
  kill -KILL "$leaves"
  wait "$leaves" || true
  run -3 on a chordctl leave -n
  [[ $output == *"another host comes or goes"* ]]
  run -1 on a chordctl leave -w 2
  [[ $output == *"another host comes or goes"* ]]
  signal_peer CONT b
  # The next one that waits for it ends that change, and has its own turn.
  on a chordctl leave -w 60
  [ "$(on b chordctl ring --json | jq -r .host | sort -u)" = b ]
  [ "$(on b chordctl get k)" = v ]
}

@test "without a majority of its copies a key is neither read nor written (69), and with one it is again" {
  all_join
  on a chordctl put k v
  end_peer b
  end_peer c
  run -69 on a chordctl put -w 1 k w
  run -69 on a chordctl get -w 1 k
  run -69 on a timeout 10 chordctl put -n k w
  run -69 on a timeout 10 chordctl rm -n k
  run -69 on a timeout 10 chordctl get -n k
  # How much is here needs nobody else.
  [[ $(on a timeout 10 chordctl status) == "ring main: 3 hosts, 3 copies of each value, here:"* ]]
  start_peer c "${calm[@]}"
  eventually gets a k v
  on a chordctl put -w 20 k w
  [ "$(on c chordctl get k)" = w ]
}

@test "who leaves has handed over, and the last host goes only with --discard" {
  all_join
  for i in $(seq 20); do on a chordctl put "k$i" "v$i"; done
  on a chordctl leave -w 60
  on b chordctl leave -w 60
  for i in $(seq 20); do [ "$(on c chordctl get "k$i")" = "v$i" ]; done
  run -1 on a chordctl get k1
  run -3 on c chordctl leave
  [[ $output == *--discard* ]]
  [ "$(on c chordctl get k1)" = v1 ]
  on c chordctl leave --discard
  run -0 on c chordctl ring
  [[ $output == *"this host's own"* ]]
  run -1 on c chordctl get k1
}

# a's host, alone in its ring, leaves. Its peer does not hear the order to end the ring before the file go is there: all
# that comes before, it has heard.
leaves_late() {
  rm -f held go go.held
  python3 "$COORD_SOURCE/tests/tools/held_back.py" "$group/a.sock" "$PWD/held" 7 "$PWD/go" 3>&- &
  between=$!
  eventually test -S held
  COORD_SOCKET=$PWD/held chordctl leave >said 2>&1 3>&- &
  leaves=$!
  eventually test -e go.held
}

@test "leave of the last host is interrupted: join takes it back, and an order that comes later is void" {
  on a chordctl join -w 60
  leaves_late
  run -69 on a chordctl put -w 1 k v
  [[ $output == *"about to leave the ring"* ]]
  kill -KILL "$leaves"
  wait "$leaves" || true
  run -69 on a chordctl put -w 1 k v
  on a chordctl join -w 60
  touch go
  wait "$between" || true
  on a dkv put round 1
  run -0 on a chordctl ring
  [[ $output != *"this host's own"* ]]
  # Not interrupted, and late.
  leaves_late
  on a chordctl join -w 60
  on a chordctl put -w 20 k v
  touch go
  status=0
  wait "$leaves" || status=$?
  [ "$status" -eq 3 ]
  [[ $(cat said) == *--discard* ]]
  [ "$(on a chordctl get -w 20 k)" = v ]
  run -3 on a chordctl leave
  [ "$(on a chordctl get k)" = v ]
}

# Its tool has looked before, and has not counted yet.
@test "leave of a host that was closed with a value in it opens it" {
  on a chordctl join -w 60
  rm -f held go go.held
  python3 "$COORD_SOURCE/tests/tools/held_back.py" "$group/a.sock" "$PWD/held" 4 "$PWD/go" 3>&- &
  eventually test -S held
  COORD_SOCKET=$PWD/held chordctl leave >said 2>&1 3>&- &
  leaves=$!
  eventually test -e go.held
  on a chordctl put -w 20 k v
  kill -KILL "$leaves"
  wait "$leaves" || true
  touch go
  is_closed() { run on a chordctl get -w 1 k; [ "$status" -eq 69 ]; }
  eventually is_closed
  run -3 on a chordctl leave
  [[ $output == *--discard* ]]
  [ "$(on a chordctl get -w 10 k)" = v ]
}

@test "leave of the last host is late, and another host has come: it ends when all is handed over" {
  on a chordctl join -w 60
  leaves_late
  on b chordctl join -w 60
  on a chordctl put -w 20 k v
  touch go
  wait "$leaves"
  run -0 on b chordctl ring
  [[ $output != *"a host comes or goes"* ]]
  [ "$(on b chordctl ring --json | jq -r .host | sort -u)" = b ]
  [ "$(on b chordctl get -w 20 k)" = v ]
}

@test "ring shows hosts and shares, lookup the owner first, and both as JSON" {
  all_join
  run -0 on a chordctl ring
  [[ ${lines[0]} == "ring main: 3 hosts, 3 copies of each key; with so few hosts, each keeps all" ]]
  [ "${#lines[@]}" -eq 5 ]
  [ "${lines[1]}" = $'HOST\tPLACES\tSHARE\tBAR' ]
  [ "$(on b chordctl ring --json | jq -s 'map(.share) | add | . > 0.999 and . < 1.001')" = true ]
  on a chordctl ring --svg "$BATS_TEST_TMPDIR/ring.svg"
  [ "$(grep -c '<path ' "$BATS_TEST_TMPDIR/ring.svg")" -eq 24 ]
  [ "$(grep -c '>8 places' <(on a chordctl ring --svg - | sed 's/[0-9.]* %, />/g'))" -eq 3 ]
  run -64 on a chordctl ring --svg - --json
  # A person sees the circle and its legend, a line of the terminal each.
  run -0 on a script -qec "stty cols 80; chordctl ring" /dev/null
  [[ $output == *HOST*PLACES*SHARE* ]]
  [ "$(printf '%s\n' "$output" | tr -cd ABC | tr -d '\n' | wc -c)" -gt 40 ]
  [ "$(printf '%s\n' "$output" | tr -d '\r' | wc -L)" -le 80 ]
  run -0 on b chordctl lookup k
  [[ ${lines[0]} == owner$'\t'* ]]
  [ "$(printf '%s\n' "$output" | cut -f2 | sort | tr -d '\n')" = abc ]
  [ "$(on c chordctl lookup k)" = "$output" ]
  on a chordctl ring --check
  end_peer b
  end_peer c
  eventually sees_none a
  run on a chordctl ring --check
  [ "$status" -ne 0 ]
}

@test "two hosts that write at once leave siblings, which every host sees" {
  all_join
  on a chordctl put k v
  version=$(on a chordctl get --all k | cut -f1)
  on b chordctl put --resolve "$version" k one
  on c chordctl put --resolve "$version" k two
  run -3 on a chordctl get k
  [ "$(on b chordctl get --all k | wc -l)" -eq 2 ]
  on c chordctl put k three
  [ "$(on a chordctl get k)" = three ]
}

@test "a wait of nothing is long enough for hosts that are well, in a ring of several and of one's own" {
  run -1 on a chordctl get -w 0 k
  all_join
  on a chordctl put -w 0 k v
  [ "$(on b chordctl get -w 0 k)" = v ]
  run -1 on c chordctl get -w 0 none
  run -1 on c chordctl get -w 0.001 none
  end_peer b
  end_peer c
  run -69 on a chordctl get -w 0 k
}

# in_small_disks COMMAND: `disks` names the peers whose state has 20 MB.
in_small_disks() {
  [ "$(id -u)" = 0 ] || skip "needs root to mount"
  unshare -m true || skip "needs a mount namespace"
  run -0 unshare -m bash -euc '
    source "$COORD_SOURCE/tests/tools/peer_helpers.bash"
    new_group "$PWD/small" a b c
    for peer in '"$disks"'; do mount -t tmpfs -o size=20m,mode=0700 tmpfs "small/$peer"; done
    trap stop_group EXIT
    start_group "${calm[@]}"
    for peer in a b c; do on "$peer" chordctl join -w 60; done
    on a chordctl put k kept
    head -c 4000000 /dev/zero >value
    '"$1"'
    for peer in a b c; do [ "$(on "$peer" chordctl get -w 10 k)" = kept ]; done'
}

@test "the disks of two of three are full: 76, and it says how many copies there are; gets go on" {
  disks='b c' in_small_disks '
    for i in $(seq 10); do
      on a chordctl put "big$i" - <value 2>>errors || { echo "put: $?"; break; }
    done'
  [ "$output" = "put: 76" ]
  grep -q "2 of 3 wanted, 1 stored" errors
}

@test "the disks of all are full: 3 without a wait's end, and gets go on" {
  disks='a b c' in_small_disks '
    for i in $(seq 20); do
      status=0
      on a chordctl put "big$i" - <value 2>>errors || status=$?
      [ "$status" -eq 0 ] || [ "$status" -eq 76 ] || { echo "put: $status"; break; }
    done'
  [ "$output" = "put: 3" ]
  grep -q "not stored: there is no room" errors
}
