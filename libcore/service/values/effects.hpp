// SPDX-License-Identifier: MIT
// What commands about keys change. A key that a session owns is granted by Granted (locks/effects.hpp).
#pragma once

#include <string>

#include "base/ids.hpp"
#include "service/answer.hpp"

namespace coord::service {

// Done: the key has this version now (of a removal: had it). Refused: it has that one instead; 0: none.
struct ValueAnswered {
  AnswerTo to{};
  Refusal why = Refusal::none;
  Token version{};
  Outcome outcome() const {
    return {.kind = why == Refusal::none ? OutcomeKind::done : OutcomeKind::refused,
            .why = why,
            .session = {},
            .request = 0,
            .token = version,
            .cycle = {}};
  }
  bool operator==(const ValueAnswered&) const = default;
};

struct ValueChanged {
  std::string key{};
  const std::string& name() const { return key; }
  bool operator==(const ValueChanged&) const = default;
};

}  // namespace coord::service
