// SPDX-License-Identifier: MIT
// What commands about decisions change.
#pragma once

#include <string>

#include "base/ids.hpp"
#include "service/answer.hpp"

namespace coord::service {

// Decided, by this proposal or one before: the generation. Forgotten: when. Refused: 0.
struct DecisionAnswered {
  AnswerTo to{};
  Refusal why = Refusal::none;
  Token generation{};
  Outcome outcome() const {
    return {.kind = why == Refusal::none ? OutcomeKind::done : OutcomeKind::refused,
            .why = why,
            .session = {},
            .request = 0,
            .token = generation,
            .cycle = {}};
  }
  bool operator==(const DecisionAnswered&) const = default;
};

struct DecisionChanged {
  std::string decision{};
  const std::string& name() const { return decision; }
  bool operator==(const DecisionChanged&) const = default;
};

}  // namespace coord::service
