#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# dpeers backup and coordd --found-from: a group whose majority is lost for good begins again; who is of the former one stays out.
# labels: release
bats_require_minimum_version 1.5.0
load peer_helpers

setup() {
  cd "$BATS_TEST_TMPDIR"
  new_group "$BATS_TEST_TMPDIR/g" a b c
}

teardown() {
  end_jobs TERM
  stop_group
}

token() { on "$1" dlock "$2" -- sh -c 'echo $DLOCK_TOKEN'; }
# found NAME SOURCE
found() {
  coordd --name "$1" --peers "$(cat "$group/peers")" --key-file "$group/key" --state-dir "$group/$1" \
    --socket "$group/$1.sock" --found-from "$2"
}
end_peer() {
  signal_peer KILL "$1"
  eventually peer_gone "$1"
}
# doctor NAME: of that host, though it finds faults
doctor() {
  printf 'name = "%s"\npeers = ["%s"]\nkey_file = "%s"\nstate_dir = "%s"\nsocket = "%s"\n' \
    "$1" "$(sed 's/,/", "/g' "$group/peers")" "$group/key" "$group/$1" "$group/$1.sock" >"$group/$1.toml"
  COORD_AUTOSTART=no dpeers doctor --json --config "$group/$1.toml" || true
}
says() { grep -q "$2" "$group/$1.log"; } # PEER TEXT

@test "two disks of three are lost: the third's state begins a new group, with higher tokens, and the former peer stays out" {
  start_group "${calm[@]}"
  on a dkv put colour blue
  before=$(token b job)
  for name in a b c; do end_peer $name; done
  mv "$group/a" "$group/a.old" # it comes back later
  rm -r "$group/b"
  mv "$group/c" "$group/c.former"

  # What is left of the former group would count for the new one.
  mkdir -p "$group/c"
  touch "$group/c/member"
  run -69 found c "$group/c.former"
  [[ $output == *"holds the state of a peer already"* ]]
  rm -r "$group/c"
  run -0 found c "$group/c.former"
  [[ ${lines[0]} == "$group/c: group "*", with all up to entry "*"; its tokens are above "* ]]
  [[ ${lines[2]} == *"ssh c cat $group/c/founding | coordd --found-from -"* ]]
  [ "$(stat -c %a "$group/c/founding")" = 600 ]
  run -0 found b - <"$group/c/founding"
  [[ ${lines[0]} == "$group/b: group $(cat "$group/c/group"), with all up to entry "* ]]
  run -0 found a "$group/c/founding"
  start_group "${calm[@]}"
  [ "$(on a dkv get colour)" = blue ]
  after=$(token c job)
  [ "$after" -gt "$before" ]

  # The disk of the former a is put back: it reaches nobody, and both sides say why.
  end_peer a
  mv "$group/a" "$group/a.new"
  mv "$group/a.old" "$group/a"
  start_peer a "${calm[@]}"
  eventually says a "its group was founded anew, as $(cat "$group/c/group"): this host has the state of the former one"
  eventually says c "it is of the former group, and this one was founded anew"
  doctor a | jq -es 'any(.check == "state" and .status == "fail" and (.remedy | contains("mv '"$group/a $group/a.former"'")))'
  run -69 on a dlock -n job true
  [ "$(on b dkv get colour)" = blue ]

  # With its own disk it is back.
  end_peer a
  mv "$group/a" "$group/a.old"
  mv "$group/a.new" "$group/a"
  start_peer a "${calm[@]}"
  eventually sees_leader a
  [ "$(on a dkv get colour)" = blue ]
}

@test "a disk of the new group is lost: its host comes back with the file group and --rejoin" {
  start_group "${calm[@]}"
  on a dkv put colour blue
  for name in a b c; do end_peer $name; done
  for name in a b c; do mv "$group/$name" "$group/$name.former"; done
  found a "$group/a.former"
  found b "$group/a/founding"
  found c "$group/a/founding"
  start_group "${calm[@]}"
  end_peer c
  rm -r "$group/c"
  install -d -m 700 "$group/c"
  start_peer c "${calm[@]}"
  # Its own doctor says what to do in one line, the others' where to ask.
  id=$(cat "$group/a/group")
  remedy() { doctor $1 | jq -r 'select(.status == "fail" and .check == "'$2'") | .remedy' | grep -F "$3"; }
  eventually remedy c state "rm $group/c/segment-* && echo $id >$group/c/group && touch $group/c/rejoin"
  [ "$(doctor c | jq -r 'select(.status == "fail") | .check' | sort -u)" = state ]
  eventually remedy a peer "run dpeers doctor there"
  eventually says c "this host has no state: empty its directory (but for .keys.), write that id into the file .group. in it, and start with --rejoin"
  remedy=$(remedy c state echo)
  end_peer c
  eval "${remedy%, and restart the peer}"
  start_peer c "${calm[@]}"
  votes_again() { [ ! -e "$group/c/rejoin" ]; }
  eventually votes_again
  end_peer a
  eventually sees_leader c
  on b dlock other true # b and c are a majority
}

@test "a group of which a disk was lost once is founded anew: all its founders go by their names again" {
  start_group "${calm[@]}"
  at_level_2() { [ "$(on a dpeers level --json | jq .level)" = 2 ]; }
  eventually at_level_2
  end_peer c
  rm -r "$group/c"
  mkdir "$group/c"
  on a dpeers remove c -w 20
  start_peer c "${calm[@]}"
  eventually says c 'comes to the group again, under another number'
  eventually on c dkv put colour blue
  on a dpeers backup --state-dir "$group/a" kept
  for name in a b c; do end_peer $name; done
  rm -r "$group/a" "$group/b" "$group/c"
  found a kept
  found b - <"$group/a/founding"
  found c - <"$group/a/founding"
  start_group "${calm[@]}"
  [ "$(on c dkv get colour)" = blue ]
  on c dlock -w 10 job true
}

@test "a backup of a group that runs is restored: what was there then is there, later words are not" {
  start_group "${calm[@]}"
  on b dkv put colour blue
  eventually on a dkv get colour
  run -0 on a dpeers backup --state-dir "$group/a" kept
  [[ $output == "kept: all up to entry "*" bytes" ]]
  [ "$(stat -c %a kept)" = 600 ]
  on b dkv put colour red
  before=$(token b job)
  for name in a b c; do end_peer $name; done
  rm -r "$group/a" "$group/b" "$group/c"
  found b kept
  found a - <"$group/b/founding"
  found c - <"$group/b/founding"
  start_group "${calm[@]}"
  [ "$(on c dkv get colour)" = blue ]
  [ "$(token c job)" -gt "$before" ]
}

@test "a lock that was held when the majority was lost: its command is stopped, its token is below all of the new group" {
  start_group "${calm[@]}"
  on a dkv put colour blue
  run -0 on c dpeers backup --state-dir "$group/c" kept # before the lock is taken: the new group knows nothing of it
  on a dlock other true
  dlock --socket "$group/a.sock" --report report job -- sh -c 'echo $DLOCK_TOKEN >token; exec sleep 600' 3>&- &
  holder=$!
  eventually is_file token
  held=$(cat token)
  for name in a b c; do end_peer $name; done
  status=0
  wait $holder || status=$?
  echo "status $status: $(cat report)"
  [ "$status" = 75 ] # stopped in time, with no peer left to tell it
  [ "$(jq -r .outcome report)" = lost ]
  mv "$group/a" "$group/a.old"
  rm -r "$group/b" "$group/c"
  run -0 found c kept
  tokens_above=$(sed -n 's/.*its tokens are above \([0-9]*\)$/\1/p' <<<"${lines[0]}")
  [ "$tokens_above" -ge "$held" ]
  found a - <"$group/c/founding"
  found b - <"$group/c/founding"
  start_group "${calm[@]}"
  touch fenced
  for name in a b c; do
    new=$(token $name job)
    [ "$new" -gt "$tokens_above" ] && [ "$new" -gt "$held" ]
    run -0 on $name dlock --fence fenced --token "$new" -- true
  done
  # The former holder comes late to the resource.
  run ! on a dlock --fence fenced --token "$held" -- touch spoilt
  [ ! -e spoilt ]
  [ "$(on b dkv get colour)" = blue ]
}

@test "a lock that is held while two of three are lost: the third's state has it, and its token is free again" {
  start_group "${calm[@]}"
  dlock --socket "$group/c.sock" job -- sh -c 'echo $DLOCK_TOKEN >token; exec sleep 600' 3>&- &
  holder=$!
  eventually is_file token
  for name in a b c; do end_peer $name; done
  status=0
  wait $holder || status=$?
  echo "status $status"
  [ "$status" = 75 ]
  for name in a b; do rm -r "$group/$name"; done
  mv "$group/c" "$group/c.former"
  found c "$group/c.former"
  found a - <"$group/c/founding"
  found b - <"$group/c/founding"
  start_group "${calm[@]}"
  [ "$(token b job)" -gt "$(cat token)" ] # waits until the hold of the former group has ended with its lease
}

@test "founded twice, or with nothing: they do not go together, and say so" {
  start_group "${calm[@]}"
  on a dkv put colour blue
  for name in a b c; do end_peer $name; done
  for name in a b c; do mv "$group/$name" "$group/$name.former"; done
  found a "$group/a.former"
  found b "$group/a.former" # not the file `founding`: another group
  found c "$group/a/founding"
  for name in a b c; do start_peer $name "${calm[@]}"; done
  eventually says b "both were founded anew, as $(cat "$group/b/group") here and as $(cat "$group/a/group") there"
  for name in a b c; do end_peer $name; done
  rm -r "$group/b"
  install -d -m 700 "$group/b"
  cp "$group/a/group" "$group/b/group" # its id, and not its state
  for name in a b c; do start_peer $name "${calm[@]}"; done
  eventually says b "was given another beginning than this peer"
  run -69 on b dlock -n job true
}

@test "what is no source is refused and changes nothing; nothing is ever founded over a state" {
  start_group "${calm[@]}"
  run -69 found a "$group/a"
  [[ $output == *"move it away first: mv $group/a $group/a.former"* ]]
  run -69 found b "$group/a" # its peer runs
  run ! found a /dev/null
  run ! found a "$group/nowhere"
  run ! found a - </dev/null
  on a dpeers backup --state-dir "$group/a" kept
  run -69 found b kept
  [[ $output == *"it holds the state of a peer already"* ]]
  head -c 100 kept >cut
  run ! found b cut
  [[ $output == *"is no backup, or it is cut or damaged"* ]]
  run -64 dpeers backup
  run -64 dpeers doctor kept
  run -64 dpeers --state-dir "$group/a"
  run ! dpeers backup --state-dir "$group/nowhere" other
  [ ! -e other ] && [ ! -e "$group/nowhere" ]
  run -64 coordd --found-from kept --rejoin
}

@test "a backup takes the place of a regular file only" {
  own_host
  run -0 dlock any true
  cd "$BATS_TEST_TMPDIR"
  mkfifo pipe
  run -64 dpeers backup pipe
  [[ $output == *"pipe: it is there and no regular file"* ]]
  [ -p pipe ]
  echo earlier >file
  run -0 dpeers backup file
  ! grep -q earlier file
  stop_own_host
}
