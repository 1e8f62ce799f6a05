// SPDX-License-Identifier: MIT
// The name of a type in words, for logs and traces: of `service::BarrierArrived` "barrier arrived". A new
// kind of message has its word with that.
#pragma once

#include <string>
#include <string_view>

namespace coord {

template <class T>
std::string type_words() {
  // GCC: "... [with T = coord::service::Granted; ...]"; clang: "... [T = coord::service::Granted]".
  std::string_view name = __PRETTY_FUNCTION__;
  name.remove_prefix(name.find("T = ") + 4);
  name = name.substr(0, name.find_first_of(";]"));
  name.remove_prefix(name.rfind(':') + 1);
  std::string words;
  for (const char c : name) {
    const bool upper = c >= 'A' && c <= 'Z';
    if (upper && !words.empty()) words += ' ';
    words += upper ? static_cast<char>(c - 'A' + 'a') : c;
  }
  return words;
}

}  // namespace coord
