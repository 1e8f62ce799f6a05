// SPDX-License-Identifier: MIT
// Things that a machine has, counted, and the first of them in words: for people to read.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/time.hpp"
#include "service/session.hpp"

namespace coord::service {

struct Counted {
  std::uint64_t all = 0;
  std::vector<std::string> some{};  // the first `most` of them, in words
};

class Words {
 public:
  explicit Words(std::size_t most) : most_(most) {}

  void add(const std::string& text);
  // `kind` NAME (who, if there is a session): names are cut to what a screen shows.
  void add(const std::string& kind, const std::string& name, const Session* session);
  Counted take() { return std::move(counted_); }

  static std::string cut(const std::string& name);
  static std::string seconds(Duration length);

 private:
  std::size_t most_;
  Counted counted_;
};

}  // namespace coord::service
