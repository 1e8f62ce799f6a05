#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# --live and --watch: what a person at a terminal sees, and what a program that reads them gets. Over three peers.
# labels: release
bats_require_minimum_version 1.5.0
load shared_group

terminal() { TERM=xterm NO_COLOR=1 python3 "$COORD_SOURCE/tests/tools/terminal.py" "$@"; }
screen() { python3 "$COORD_SOURCE/tests/tools/screen.py" "$@"; }
hide=$'\e[?25l' show=$'\e[?25h'

@test "--live: each listing is redrawn in place, and Ctrl-C ends it with 130 and the cursor where it was" {
  hold a job
  COORD_SOCKET=$group/b.sock delect boss -- sleep 600 3>&- &
  COORD_SOCKET=$group/b.sock dbarrier -n 2 meeting 3>&- 2>/dev/null &
  leads() { [ "$(delect --list --json boss | jq .leader)" != null ]; }
  eventually leads
  waits() { dbarrier --status meeting >/dev/null; }
  eventually waits
  for case in 'dpeers:a (here)' 'dlock --list:job' 'delect --list:boss' 'dbarrier --list:meeting'; do
    echo "case: $case"
    terminal ${case%%:*} --live=0.1 >shown <<EOS
expect ${case#*:}
expect ${case#*:}
expect ${case#*:}
key C
end
EOS
    tail -n 1 shown | grep -q 'status 130$'
    [ "$(screen 24 80 frames <shown)" -ge 3 ]
    sent=$(cat shown)
    [[ ${sent##*"$hide"} == *"$show"* ]] # the cursor is shown last
    [[ ${sent##*"$show"} != *"$hide"* ]]
    # One table, however often it was drawn.
    [ "$(screen 24 80 <shown | grep -c '^NAME ')" -eq 1 ]
    screen 24 80 <shown | head -n 1 | grep -q 'every 0.1 s; Ctrl-C ends'
  done
  release job
}

@test "--live: what changes is shown, what is gone is not" {
  terminal dlock --list --live=0.1 >shown 3>&- <<EOS &
expect nothing held
touch empty
expect job
touch held
expect nothing held
key C
end
EOS
  watcher=$!
  eventually is_file empty
  hold a job
  eventually is_file held
  release job
  wait "$watcher"
  screen 24 80 <shown >last
  grep -q '^nothing held' last
  ! grep -q '^job' last
}

@test "--live: no line is wider than the terminal, no table longer; a new size redraws it; cut is with an ellipsis" {
  for i in {1..30}; do dlock --acquire --pid $$ "lock-with-a-name-of-some-length-$i" >/dev/null; done
  terminal sh -c 'while [ "$(stty size)" != "12 50" ]; do sleep 0.05; done; exec dlock --list --live=600' >shown <<EOS
size 12 50
expect more lines
size 8 40
expect more lines
key C
end
EOS
  for i in {1..30}; do dlock --release --pid $$ "lock-with-a-name-of-some-length-$i"; done
  [ "$(screen 12 50 frames <shown)" -eq 2 ] # once for the new size, not after 600 s
  sent=$(cat shown)
  printf '%s' "${sent##*$'\e[H'}" | sed 's/status 130//' | screen 8 40 >last
  [ "$(wc -l <last)" -le 8 ]
  head -n 7 last | grep -q 'more lines$'
  grep '^lock' last | grep -q '\.\.\.$'
  sed -n '3,5p' last | grep -c '^lock-with' | grep -qx 3 # no line has gone on in the next row
}

@test "--live: a peer that goes away is told above the last table, and asked again when it is back" {
  hold a job
  COORD_SOCKET=$group/c.sock terminal dlock --list --live=0.1 >shown 3>&- <<EOS &
size 24 300
expect Ctrl-C ends
expect job
touch sees
expect c.sock: no peer answers
touch away
expect Ctrl-C ends
expect job
key C
end
EOS
  watcher=$!
  eventually is_file sees
  signal_peer KILL c
  eventually is_file away
  start_peer c "${calm[@]}"
  wait "$watcher"
  tail -n 1 shown | grep -q 'status 130$'
  # With the reason stood the last table.
  sent=$(cat shown)
  reason=${sent#*c.sock:}
  [[ ${reason%%$'\e[H'*} == *job* ]]
  release job
}

@test "--live: elsewhere than on a terminal each table follows the last, without a code; no reader, no program" {
  hold a job
  timeout 20 dlock --list --live=0.1 | head -n 7 >lines
  [ "$(grep -c '^NAME ' lines)" -eq 3 ]
  [ "$(grep -c '^$' lines)" -eq 2 ]
  ! grep -q $'\e' lines
  release job
  for wrong in 'dlock --live' 'dlock --list --live --json' 'dlock --list --live=0' 'dlock --list --live=soon' 'dpeers --live --json' \
    'dpeers --live level' 'dpeers --live --watch' 'delect --who x --live' 'dbarrier --status x --live'; do
    run -64 $wrong
    [ "${#lines[@]}" -eq 1 ]
  done
}

@test "an empty listing is said on stderr, to a person only" {
  for case in 'dlock --list:nothing held' 'delect --list:nobody leads or stands' 'dbarrier --list:nobody waits or runs at a barrier' \
    'dkv list:no keys' 'dpropose --list:nothing decided' 'dcommit --list:no transactions'; do
    run -0 ${case%%:*}
    [ "$output" = "" ]
    terminal sh -c "${case%%:*} >out; exec true" <<<end | grep -q "${case#*:}"
    [ ! -s out ]
    [[ $(terminal sh -c "${case%%:*} -q; exec true" <<<end) != *"${case#*:}"* ]]
  done
}

@test "ages are in the unit that fits, TOKEN is the last column" {
  hold a job
  [[ $(dlock --list job) =~ ^NAME.*COMMAND\ +TOKEN$'\n'.*\ [0-9]+\ s\ .*[0-9]+$ ]]
  [[ $(dpeers) =~ \ FOR\ .*[0-9]\ (s|min)\  ]]
  dkv put key value
  [[ $(dkv list) =~ ^KEY.*\ FOR\ .*$'\n'key.*[0-9]\ s\  ]]
  dpropose once value
  [[ $(dpropose --list) =~ ^NAME.*\ FOR\ .*$'\n'once.*[0-9]\ s\  ]]
  release job
}

@test "dpeers --watch: a line for each member and the leader now, then one at each event; as JSON too" {
  dpeers --watch --json >events 3>&- &
  watcher=$!
  dpeers --watch >lines 3>&- &
  has() { jq -e -s "any(.[]; .event == \"$1\" and .name == \"$2\")" events >/dev/null; }
  for name in a b c; do eventually has 'member up' $name; done
  first=$(leader_seen_by a)
  eventually has leader "$first"
  jq -se 'length == 4 and all(.[]; .schema == 1 and (.as_of | test("Z$")))' events
  # The host that does not lead goes and comes back; then the one that leads.
  other=$(printf 'b\nc\n' | grep -vx "$first" | head -n 1)
  signal_peer KILL "$other"
  eventually has 'member down' "$other"
  : >events.before && cp events events.before
  start_peer "$other" "${calm[@]}"
  came_back() { [ "$(jq -s "map(select(.event == \"member up\" and .name == \"$other\")) | length" events)" -eq 2 ]; }
  eventually came_back
  if [ "$first" != a ]; then
    signal_peer KILL "$first"
    eventually has 'member down' "$first"
    led_anew() { jq -se "[.[] | select(.event == \"leader\" and .name != null) | .name] | last != \"$first\"" events >/dev/null; }
    eventually led_anew
    start_peer "$first" "${calm[@]}"
    eventually group_has_leader
  fi
  grep -qE '^2[0-9-]+T[0-9:.]+Z member down '"$other"'$' lines
  grep -qE '^2[0-9-]+T[0-9:.]+Z leader '"$first"'$' lines
  kill "$watcher"
}

@test "dpeers --watch goes on when this host's peer was away" {
  COORD_SOCKET=$group/c.sock dpeers --watch >lines 2>said 3>&- & # no function: its process is this test's to end
  watcher=$!
  eventually grep -q 'member up c' lines
  signal_peer KILL c
  eventually grep -q 'waiting for it' said
  run ! grep -q 'member down b' lines
  start_peer c "${calm[@]}"
  eventually sees_leader c
  signal_peer KILL b
  eventually grep -q 'member down b' lines
  start_peer b "${calm[@]}"
  eventually sees_leader b
  kill "$watcher"
}
