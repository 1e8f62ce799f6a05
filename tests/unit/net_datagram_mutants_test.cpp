// SPDX-License-Identifier: MIT
// Each rule of the datagrams is removed in turn, and the attack that it is there for must succeed.
#include <catch2/catch.hpp>

#include "base/rule.hpp"
#include "net_datagram_attacks.hpp"

using namespace coord;
using namespace coord::net::test;

TEST_CASE("datagrams: without its rule each attack succeeds") {
  for (const auto& [rule, attack] : attacks()) {
    INFO(rule);
    mutants::removed.clear();
    CHECK_FALSE(attack());
    mutants::removed = rule;
    const Verdict verdict = attack();
    mutants::removed.clear();
    CHECK(verdict);
    if (verdict) WARN(rule << ": " << *verdict);
  }
}
