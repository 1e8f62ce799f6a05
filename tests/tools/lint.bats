#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Each check of scripts/lint must be able to fail, and must not fail on what is right.
# labels: release

setup() {
  cd "$BATS_TEST_TMPDIR"
  mkdir -p scripts libcore/x && cp "$COORD_SOURCE/scripts/lint" scripts/ && cp "$COORD_SOURCE/.clang-format" .
  git init -q .
}

finds() {  # CHECK TEXT: the check fails with a line that contains TEXT
  run scripts/lint "$1"
  echo "$output"
  [ "$status" -eq 1 ]
  [[ $output == *"$2"* ]]
}

@test "format, length, includes, words" {
  scripts/lint
  echo 'int   f( );' >libcore/x/a.hpp
  finds format libcore/x/a.hpp:1
  yes '//' | head -n 501 >libcore/x/a.hpp
  finds length '501 lines'
  echo '#include "../b.hpp"' >libcore/x/a.hpp
  finds includes 'relative include'
  echo '#include <CLI/CLI.hpp>' >libcore/x/a.hpp
  finds includes 'option parser'
  echo '#include <fmt/format.h>' >libcore/x/a.hpp
  finds includes 'base/format.hpp'
  echo '#include "base/format.hpp"' >libcore/x/a.hpp
  finds includes 'fmt in a header'
  printf '// TO''DO: later\n' >libcore/x/a.hpp
  finds words 'unfinished'
  printf '// see /tmp''/wt/x\n' >libcore/x/a.hpp
  finds words 'one machine'
}

@test "co_await: braces and conditions in its statement, and nothing else" {
  while IFS= read -r line; do
    printf 'task f() {\n  %s\n}\n' "$line" >libcore/x/a.cpp
    finds co_await libcore/x/a.cpp:2
  done <<'BAD'
co_await send(Request{1, 2});
auto r = co_await (fast ? a() : b());
if (auto r = co_await ask({1}); r) return;
co_await run([p] { return p; });
auto pair = Pair{1, co_await f()};
BAD
  while IFS= read -r line; do
    printf 'task f() {\n  %s\n}\n' "$line" >libcore/x/a.cpp
    scripts/lint co_await
  done <<'GOOD'
Request request{1, 2}; co_await send(std::move(request));
if (x) { co_await f(); }
if (co_await f()) { g({1}); }
while (more) { co_await step(a, b); } h({2});
auto later = [&]() -> task<void> { co_await f(); };
co_await f(); // a { comment ?
co_await log("why {} ?");
GOOD
}

@test "rules are unique, tools are whole" {
  printf 'bool a = COORD_RULE(one_rule, true);\n// COORD_RULE(one_rule, in a comment)\n' >libcore/x/a.cpp
  scripts/lint rules
  printf 'bool b = COORD_RULE_OR(one_rule, true, false);\n' >libcore/x/b.cpp
  finds rules 'rule one_rule is also in libcore/x/a.cpp:1'
  mkdir -p tools/dthing tests/tools man
  echo 'coord_tool(dthing SOURCES main.cpp)' >tools/dthing/CMakeLists.txt
  finds quartet 'no man page'
  touch man/dthing.1.scd tests/tools/dthing.bats
  finds quartet README
  echo '| `dthing` | does things |' >README.md
  scripts/lint quartet
  mkdir packaging
  echo 'other: does other things' >packaging/CMakeLists.txt
  finds quartet 'packaging/CMakeLists.txt:0: dthing is not there'
  echo 'dthing: does things' >packaging/CMakeLists.txt
  scripts/lint quartet
  echo '*other*(1)' >man/coordutils.7.scd
  finds quartet 'man/coordutils.7.scd:0: dthing is not there'
  echo '*dthing*(1)' >man/coordutils.7.scd
  scripts/lint quartet
}

@test "shell scripts" {
  printf '#!/bin/bash\nrm $1\n' >scripts/careless
  finds shell 'scripts/careless:2'
}

@test "a licence" {
  echo 'int x;' >libcore/x/a.cpp
  finds licence 'libcore/x/a.cpp:1: no licence'
  printf '// SPDX-License-Identifier: MIT\nint x;\n' >libcore/x/a.cpp
  scripts/lint licence
  printf '#!/bin/sh\n:\n' >scripts/plain
  finds licence 'scripts/plain:1'
}

@test "prose: a clause in place of a noun, and none in questions, comments and examples" {
  mkdir -p man tools/dthing
  while IFS= read -r line; do
    printf '# NAME\n\n%s\n' "$line" >man/dthing.1.scd
    finds prose man/dthing.1.scd:3
  done <<'BAD'
It waits. Who waits is told so.
Those who wait are told what to do.
It prints what was decided.
It is printed, whoever asked.
BAD
  cat >man/dthing.1.scd <<'GOOD'
Who waits? The participant that came last, and each host whose peer it asks. It says why it
waits.

```
while read -r what; do echo "What is done: $what"; done
```
GOOD
  printf '// What is done here.\nconst char* a = "what became of it?";  // whoever asks\n' >tools/dthing/main.cpp
  scripts/lint prose
  printf '// a\nconst char* a = "the participant: "\n                "it learns what "\n                "was decided";\n' >tools/dthing/main.cpp
  finds prose tools/dthing/main.cpp:3
  printf '// a\nconst char* a = "what answers there is not Redis";\n' >tools/dthing/main.cpp
  finds prose tools/dthing/main.cpp:2
}

@test "the profiles of the sweep" {
  mkdir -p tests/sweep
  printf '{{Profile::mixed, "mixed", 90},\n {Profile::calm, "calm", 10}}\n' >tests/sweep/profile.cpp
  echo 'profiles: mixed calm (default: the seed decides)' >scripts/sweep
  scripts/lint profiles
  echo 'profiles: mixed (default: the seed decides)' >scripts/sweep
  finds profiles 'write mixed calm'
}

@test "torn: a word alone, in a comment and in a literal" {
  full="// $(yes word | head -n 20 | paste -sd ' ')"
  printf '%s\n// all of it\nint x;\n// %s\n' "$full" word >libcore/x/a.cpp
  scripts/lint torn
  printf '%s\n// it.\nint x;\n' "$full" >libcore/x/a.cpp
  finds torn libcore/x/a.cpp:2
  printf 'f("one text "\n  "or "\n  "another");\n' >libcore/x/a.cpp
  finds torn libcore/x/a.cpp:2
  printf '%s and twenty more\n' "$full" >libcore/x/a.cpp
  finds torn 'at most 110'
}
