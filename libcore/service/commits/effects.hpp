// SPDX-License-Identifier: MIT
// What commands about transactions change.
#pragma once

#include <string>

#include "base/ids.hpp"
#include "service/answer.hpp"

namespace coord::service {

// The transaction's generation; refused: 0.
struct CommitAnswered {
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
  bool operator==(const CommitAnswered&) const = default;
};

struct CommitChanged {
  std::string transaction{};
  const std::string& name() const { return transaction; }
  bool operator==(const CommitChanged&) const = default;
};

}  // namespace coord::service
