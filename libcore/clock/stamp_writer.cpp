// SPDX-License-Identifier: MIT
#include "clock/stamp_writer.hpp"

#include <charconv>

#include "base/format.hpp"
#include "base/rfc3339.hpp"

namespace coord::clock {

void StampWriter::append(std::string& out, const Stamp& stamp, std::optional<WallTime> wall,
                         std::string_view text) {
  const auto* vector = std::get_if<VectorClock>(&stamp.clock);
  if (vector == nullptr) {
    out += log_line(stamp, wall, text);
    return;
  }
  if (!known_) {
    before_ = fmt::format("{} {{", stamp.host);
    after_.clear();
    std::string* part = &before_;
    for (const auto& [host, count] : vector->counts()) {
      if (&host != &vector->counts().begin()->first) *part += ',';
      append_json_string(*part, host);
      *part += ':';
      if (host == stamp.host) {
        part = &after_;
      } else {
        *part += std::to_string(count);
      }
    }
    after_ += '}';
    known_ = true;
  }
  char digits[20];
  const auto end = std::to_chars(digits, digits + sizeof digits, vector->at(stamp.host)).ptr;
  out += before_;
  out.append(digits, end);
  out += after_;
  if (wall) {
    out += " @";
    out += rfc3339(*wall);
  } else if (stamp.hybrid) {
    out += " @";
    out += to_string(*stamp.hybrid);
  }
  out += ' ';
  out += text;
}

}  // namespace coord::clock
