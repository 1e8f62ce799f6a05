// SPDX-License-Identifier: MIT
// What commands about rings change.
#pragma once

#include <string>

#include "base/ids.hpp"
#include "service/answer.hpp"

namespace coord::service {

// The ring has this number now; refused: it has that one still.
struct RingAnswered {
  AnswerTo to{};
  Refusal why = Refusal::none;
  Token number{};
  Outcome outcome() const {
    return {.kind = why == Refusal::none ? OutcomeKind::done : OutcomeKind::refused,
            .why = why,
            .session = {},
            .request = 0,
            .token = number,
            .cycle = {}};
  }
  bool operator==(const RingAnswered&) const = default;
};

struct RingChanged {
  std::string ring{};
  const std::string& name() const { return ring; }
  bool operator==(const RingChanged&) const = default;
};

}  // namespace coord::service
