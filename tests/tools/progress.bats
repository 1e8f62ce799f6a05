#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# What takes longer than a second tells a person at a terminal how far it is, and nobody else.
bats_require_minimum_version 1.5.0

setup() { cd "$BATS_TEST_TMPDIR"; }

terminal() { TERM=xterm python3 "$COORD_SOURCE/tests/tools/terminal.py" "$@"; }

# Logs of two hosts that are longer than a pipe holds.
big_logs() {
  for host in a b; do
    awk -v h=$host 'BEGIN { for (i = 1; i <= 40000; i++) printf "%s {\"%s\":%d} something happened here\n", h, h, i }' >$host.log
  done
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
