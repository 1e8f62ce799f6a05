// SPDX-License-Identifier: MIT
// How far a program is with what takes it longer than a second, and how long that will still take: one line
// on a terminal's stderr, nothing elsewhere. Threading: one thread.
#pragma once

#include <cstdint>
#include <string>

#include "base/time.hpp"
#include "cli/terminal.hpp"

namespace coord::cli {

class Estimate {
 public:
  // "merge: 41 %, 12 s left" with no `unit`; with one "sweep: 4100 of 10000 seeds, 12 s left". A total of 0
  // is not known: nothing is shown.
  Estimate(std::string what, std::uint64_t total, std::string unit = {}, bool enabled = true);

  // So much is done. Cheap: it may be said of every step.
  void at(std::uint64_t done);
  void add(std::uint64_t more) { at(done_ + more); }
  void clear() { line_.clear(); }

 private:
  std::string text(Duration passed) const;

  std::string what_, unit_;
  std::uint64_t total_, done_ = 0;
  Instant began_, next_;
  Progress line_;
};

// What is left by the pace so far: "12 s left"; nothing before there is a pace.
std::string left_text(Duration passed, std::uint64_t done, std::uint64_t total);

}  // namespace coord::cli
