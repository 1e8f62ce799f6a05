// SPDX-License-Identifier: MIT
// The sum of a number over a whole snapshot: what all processes have and what is on its way.
//
// In a TEXT or message that is a JSON object it is the member FIELD; in all others each number after `FIELD=`
// where FIELD begins a word. Decimal fractions to nine digits are added exactly: 0.1 and 0.2 are 0.3.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "snapshot/record.hpp"

namespace coord::record {

// Exact: `whole` + `billionths` / 10^9, where `billionths` is from 0 to 999,999,999.
struct Decimal {
  std::int64_t whole = 0;
  std::int64_t billionths = 0;

  // False, with nothing changed, where the sum is beyond 64 bits.
  bool add(const Decimal& other);
  std::string text() const;
  bool operator==(const Decimal&) const = default;
};

struct Sum {
  Decimal value;
  std::uint64_t states = 0;    // that have the field
  std::uint64_t messages = 0;  // on their way, that have it
};

// An Error (data) names a number that is none of these, or a sum that is too large.
Result<Sum> sum(const Snapshot& snapshot, std::string_view field);

}  // namespace coord::record
