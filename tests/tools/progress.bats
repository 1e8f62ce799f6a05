#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# What takes longer than a second tells a person at a terminal how far it is, and nobody else.
# labels: release
bats_require_minimum_version 1.5.0
load traps

setup() { cd "$BATS_TEST_TMPDIR"; }

terminal() { TERM=xterm python3 "$COORD_SOURCE/tests/tools/terminal.py" "$@"; }

# Logs of two hosts that are longer than a pipe holds.
big_logs() {
  for host in a b; do
    awk -v h=$host 'BEGIN { for (i = 1; i <= 40000; i++) printf "%s {\"%s\":%d} something happened here\n", h, h, i }' >$host.log
  done
}

# One that no order explains, and that takes longer to find out than anybody waits.
hard_history() {
  for i in {1..40}; do
    echo "{\"client\":$i,\"op\":\"enqueue\",\"name\":\"q\",\"start_ns\":0,\"end_ns\":1000,\"ok\":true,\"value\":$((i % 2 + 1))}"
  done
  echo '{"client":1,"op":"dequeue","name":"q","start_ns":2000,"end_ns":3000,"ok":true,"value":9}'
}

# Reads that are to be held against many writes each.
long_history() {
  awk 'BEGIN {
    for (i = 1; i <= 20000; i++) printf "{\"client\":1,\"op\":\"write\",\"name\":\"r\",\"start_ns\":%d,\"end_ns\":%d,\"ok\":true,\"value\":%d}\n", i * 10, i * 10 + 5, i
    for (i = 1; i <= 200000; i++) printf "{\"client\":2,\"op\":\"read\",\"name\":\"r\",\"start_ns\":%d,\"end_ns\":%d,\"ok\":true,\"value\":20000}\n", 300000 + i * 10, 300005 + i * 10
  }'
}

@test "dsim sweep: so many of so many seeds, and what is left; its line is gone when it ends" {
  terminal dsim sweep ricart-agrawala --seeds 1000000000 >shown <<EOS
expect  of 1000000000 seeds, 
expect  left
key C
end
EOS
  grep -q 'sweep: [0-9]* of 1000000000 seeds, [0-9]* [a-z]* left' shown
  run --separate-stderr -0 dsim sweep ricart-agrawala --seeds 20
  [ "$stderr" = "" ]
}

@test "dsim check: how much of what it may try is tried, of a history that takes long" {
  hard_history >history
  for how in '' --weak; do
    terminal dsim check history --model queue --limit 1000000000 $how >shown <<EOS
expect  of 1000000041 configurations that --limit allows, 
expect  left
key C
end
EOS
    grep -q 'check: [0-9]* of 1000000041 configurations' shown
  done
}

@test "dsim check --level: how many of the reads are judged; nothing where nobody looks" {
  long_history >history
  terminal dsim check history --level regular >shown <<EOS
expect  of 200000 reads, 
expect  left
key C
end
EOS
  head -n 100 history >short
  run --separate-stderr -0 dsim check short --level regular
  [ "$stderr" = "" ]
}

@test "dsim check: how much of a long history is read" {
  hard_history >history
  yes "$(head -n 1 history)" | head -c 400000000 >>history
  terminal dsim check history --model queue >shown <<EOS
expect read: 
expect  left
key C
end
EOS
}

@test "dclock merge: the share of the logs that was read; nothing where nobody looks" {
  big_logs
  terminal sh -c 'dclock merge a.log b.log | (sleep 1.5; cat >merged)' >shown <<EOS
end
EOS
  grep -q 'merge: [0-9]* %' shown
  [ "$(wc -l <merged)" -eq 80000 ]
  sent=$(cat shown)
  [[ ${sent##*merge: } == *$'\r\e[K'* || ${sent##*merge: } == *$'\e[K'* ]] # it is gone at the end
  run --separate-stderr -0 sh -c 'dclock merge a.log b.log | (sleep 1.5; cat >merged)'
  [ "$stderr" = "" ]
}

@test "with-progress: a build's and a test's lines are counted on a terminal; output and status are the command's" {
  cat >build <<'EOS'
#!/bin/sh
for i in 1 2 3 4; do echo "[$i/4] Building $i"; sleep 0.8; done
echo whole
exit 7
EOS
  chmod +x build
  terminal "$COORD_SOURCE/scripts/with-progress" build log ./build >shown <<<end
  grep -q 'build: [1-4] of 4' shown
  grep -q ' s left' shown
  grep -q 'status 7' shown
  [ "$(tail -n 1 log)" = whole ]
  run -7 "$COORD_SOURCE/scripts/with-progress" build log ./build
  [ "$output" = "" ]
  printf '#!/bin/sh\necho "  3/50 Test  #3: x ... Passed"; sleep 2\n' >build
  terminal "$COORD_SOURCE/scripts/with-progress" test log ./build <<<end | grep -q 'test: 3 of 50'
  run -64 "$COORD_SOURCE/scripts/with-progress" build
}
