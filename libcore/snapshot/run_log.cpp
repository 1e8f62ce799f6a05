// SPDX-License-Identifier: MIT
#include "snapshot/run_log.hpp"

#include "base/format.hpp"
#include "base/utf8.hpp"
#include "clock/stamp.hpp"

namespace coord::record {
namespace {

std::string on_one_line(std::string_view body) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string out;
  while (!body.empty() && out.size() < longest_logged) {
    const std::size_t length = utf8_length(body);
    const std::string_view character = body.substr(0, length == 0 ? 1 : length);
    if (length > 0 && !is_layout_control(code_point(character))) {
      out += character;
    } else {
      for (const char c : character) {
        const auto byte = static_cast<unsigned char>(c);
        out += {'\\', 'x', digits[byte >> 4U], digits[byte & 0xFU]};
      }
    }
    body.remove_prefix(character.size());
  }
  return body.empty() ? out : fmt::format("{}...", out);
}

}  // namespace

std::string run_line(std::string_view id, const VectorClock& clock, WallTime at, Deed deed,
                     std::string_view other, std::string_view body) {
  const clock::Stamp stamp{std::string(id), clock, std::nullopt};
  return fmt::format(
      "{}\n", log_line(stamp, at,
                       fmt::format("{}{}: {}", deed == Deed::sent ? "sent to " : "received from ", other,
                                   on_one_line(body))));
}

}  // namespace coord::record
