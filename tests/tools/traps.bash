# SPDX-License-Identifier: MIT
# bats notes the whole stack before each command that a test or a helper runs, for the case that it fails: a third of a millisecond
# of a core each (measured with 1.8), in functions, loops and subshells, which was half of what the tests of the programs cost. Here
# the stack is noted where a command has failed. What is lost: after `exit` in a test, and after an unset variable, bash's own
# words name the line, bats does not. Loaded first by each file, or by its helpers.
if declare -F bats_capture_stack_trace bats_check_status_from_trap >/dev/null; then
  bats_debug_trap() { :; }
  bats_error_trap() {
    bats_check_status_from_trap  # looks at $?: first
    [ -z "${BATS_DEBUG_LAST_STACK_TRACE_IS_VALID-}" ] || return 0
    bats_capture_stack_trace
    BATS_DEBUG_LAST_STACK_TRACE_IS_VALID=1
  }
fi
