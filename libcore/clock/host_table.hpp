// SPDX-License-Identifier: MIT
// Host names as small numbers. Clocks in logs repeat the same few names millions of times: they are checked
// and stored once, and everything behind the parser works on indices. Not thread-safe.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>

#include "clock/limits.hpp"

namespace coord::clock {

using HostIndex = std::uint32_t;

// Why `name` cannot be a host (1 to 255 bytes of UTF-8 without blanks, control characters and
// braces, not beginning with '-' or '@'); nullptr if it can.
const char* host_name_fault(std::string_view name);

class HostTable {
 public:
  static constexpr HostIndex none = UINT32_MAX;

  // The index of `name`, a new one if it is new. On failure `none`, and `fault` says why.
  HostIndex intern(std::string_view name, const char*& fault);
  HostIndex find(std::string_view name) const;  // none if unknown
  // Takes back the latest names until only `size` are left: what a line that turned out to be none has named
  // takes no room. Nobody may use their indices any more.
  void shrink_to(std::size_t size);
  const std::string& name(HostIndex host) const { return names_[host]; }
  std::size_t size() const { return names_.size(); }

 private:
  std::deque<std::string> names_;  // a deque: the map's keys point into it
  std::map<std::string_view, HostIndex, std::less<>> indices_;
};

}  // namespace coord::clock
