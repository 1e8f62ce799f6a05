#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# dlock --fence: a file that remembers the highest token. No peer runs here, and none may be started.
# labels: release
bats_require_minimum_version 1.5.0
load traps

setup() {
  unset COORD_SOCKET COORD_CONFIG DLOCK_TOKEN
  export COORD_AUTOSTART=no
  cd "$BATS_TEST_TMPDIR"
}

teardown() {
  jobs -p | xargs -r kill 2>/dev/null || true
  wait
}

# Waits until the command succeeds, at most ten seconds.
eventually() {
  local i
  for i in $(seq 1000); do
    if "$@"; then return 0; fi
    sleep 0.01
  done
  return 1
}
is_file() { [ -s "$1" ]; }

@test "higher and equal tokens run, lower ones are refused with 1 in one line" {
  run -0 dlock --fence data --token 5 -- sh -c 'echo five >data'
  run -0 dlock --fence data --token 5 true
  run -1 dlock --fence data --token 4 -- sh -c 'echo four >data'
  [ "$output" = "dlock: data: token 4 is refused: 5 was here already: the lock has passed on" ]
  [ "$(cat data)" = five ]
  run -0 dlock --fence data --token 9007199254740991 true
  run -7 dlock -E 7 --fence data --token 6 true
}

@test "the command's own status, standard streams, arguments and -c" {
  run -3 dlock --fence data --token 5 -- sh -c 'exit 3'
  run -137 bash -c 'dlock --fence data --token 5 -- sh -c "kill -9 \$\$"'
  [ "$(echo in | dlock --fence data --token 5 cat)" = in ]
  [ "$(dlock --fence data --token 5 -- printf '[%s]' -n --token 'a b' '')" = "[-n][--token][a b][]" ]
  [ "$(dlock --fence data --token 5 -c 'echo $DLOCK_TOKEN')" = 5 ]
  run -127 dlock --fence data --token 5 no-such-command-anywhere
  run -126 dlock --fence data --token 5 /etc/passwd
}

@test "the token of the lock that it runs under is the default; none is 64" {
  DLOCK_TOKEN=8 run -0 dlock --fence data true
  DLOCK_TOKEN=7 run -1 dlock --fence data true
  DLOCK_TOKEN=7 run -0 dlock --fence data --token 9 -- printenv DLOCK_TOKEN
  [ "$output" = 9 ]
  run -64 dlock --fence data true
  [ "${#lines[@]}" -eq 1 ]
  for wrong in x -1 0 9007199254740992 1e3; do DLOCK_TOKEN=$wrong run -64 dlock --fence data true; done
}

@test "one at a time: -n and -w while the command runs, and while what it left behind does" {
  mkfifo go
  dlock --fence data --token 5 -- sh -c 'echo $$ >inside; (read line <go) & exit 0' 3>&- &
  eventually is_file inside
  wait $!  # the command has ended, its background process has not
  run -1 dlock -n --fence data --token 6 true
  run -1 dlock -w 0.2 --verbose --fence data --token 6 true
  [ "$output" = "dlock: data: in use by another holder" ]
  dlock -w 10 --fence data --token 6 -- sh -c 'echo six >six' 3>&- &
  echo >go
  wait $!
  [ "$(cat six)" = six ]
}

@test "a token that waited while a higher one passed is refused" {
  mkfifo go
  dlock --fence data --token 7 -- sh -c 'echo >inside; read line <go' 3>&- &
  eventually is_file inside
  dlock --fence data --token 6 -- touch written 2>refused 3>&- &
  older=$!
  echo >go
  status=0
  wait $older || status=$?
  [ "$status" -eq 1 ]
  grep -q 'token 6 is refused: 7' refused
  [ ! -e written ]
}

@test "the file may be replaced, be absent, be reached by other paths, and stays free for flock" {
  run -0 dlock --fence data --token 5 -- sh -c 'echo new >next && mv next data && flock -n data true'
  mkdir sub
  ln -s ../data sub/link
  run -1 dlock --fence sub/link --token 4 true
  run -1 dlock --fence "$PWD/sub/../data" --token 4 true
  rm data
  run -1 dlock --fence ./data --token 4 true
  run -0 dlock --fence sub/ --token 4 true
  [ -e sub.fence ]
  ln -s nowhere dangling
  run -74 dlock --fence dangling --token 4 true
  [ "${#lines[@]}" -eq 1 ]
}

@test "the record removed while somebody waits for it: nobody runs on a record that is gone" {
  mkfifo go
  dlock --fence data --token 5 -- sh -c 'echo >inside; read line <go' 3>&- &
  eventually is_file inside
  dlock --fence data --token 3 -- touch ran 3>&- &
  waiter=$!
  eventually sh -c "grep -q flock /proc/$waiter/wchan || grep -q locks /proc/$waiter/wchan || [ \"\$(cat /proc/$waiter/syscall | cut -d' ' -f1)\" = 73 ]"
  rm data.fence
  echo >go
  wait $waiter
  [ -e ran ]
  run -1 dlock --fence data --token 2 true  # token 3 is in the record that is there now
}

@test "what is no record, or cannot be one, is refused and left alone" {
  echo mine >data.fence
  run -65 dlock --fence data --token 5 touch ran
  [ "${#lines[@]}" -eq 1 ]
  [ "$(cat data.fence)" = mine ]
  head -c 9000 /dev/urandom >noise.fence
  run -65 dlock --fence noise --token 5 touch ran
  mkfifo pipe.fence
  run -65 dlock --fence pipe --token 5 touch ran
  mkdir folder.fence
  run -74 dlock --fence folder --token 5 touch ran
  ln -s /etc/passwd link.fence
  run -74 dlock --fence link --token 5 touch ran
  run -74 dlock --fence no/such/place --token 5 touch ran
  [ ! -e ran ]
}

@test "options that make no sense together are 64" {
  for wrong in '-s' '--ttl 5' '--slots 2' '--max-run 3' '--report r' '--list'; do
    run -64 dlock $wrong --fence data --token 5 true
  done
  run -64 dlock --token 5 name true
  run -64 dlock --fence data --token 0 true
  run -64 dlock --fence data --token 5
}

@test "killed anywhere in it: no lower token gets in afterwards" {
  for i in $(seq 100 160); do
    dlock --fence data --token "$i" -- sh -c "echo $i >>inside" 3>&- &
    pid=$!
    for ((spin = 0; spin < (i % 20) * 200; spin++)); do :; done
    kill -9 $pid 2>/dev/null || true
    wait $pid 2>/dev/null || true
    last=$(tail -n 1 inside 2>/dev/null || echo 0)
    [ "$last" -eq 0 ] || run -1 dlock --fence data --token $((last - 1)) true
  done
  [ -s inside ]
}

@test "a full disk: nothing is run" {
  [ "$(id -u)" = 0 ] || skip "needs root"
  mkdir full
  mount -t tmpfs -o size=64k none full || skip "no mounts here"
  cat /dev/zero >full/zeros 2>/dev/null || true
  run dlock --fence full/data --token 5 touch ran
  umount full
  [ "$status" -eq 74 ]
  [ "${#lines[@]}" -eq 1 ]
  [ ! -e ran ]
}
