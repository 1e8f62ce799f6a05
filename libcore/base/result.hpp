// SPDX-License-Identifier: MIT
// Errors of the world are values. An Error says what happened, to what, and what to do about it;
// the tools print it as `tool: object: what happened: what to do` and end with the status of its
// kind (CONTRACT: exit status).
#pragma once

#include <string>
#include <utility>
#include <variant>

#include "base/check.hpp"

namespace coord {

enum class ErrorKind {
  usage,        // 64: a wrong option, name or combination
  data,         // 65: input data unreadable or invalid
  unavailable,  // 69: peer unreachable, no quorum, configuration unusable
  internal,     // 70
  output,       // 74: output could not be written
  unknown,      // 76: the request may have taken effect
};

struct Error {
  ErrorKind kind = ErrorKind::internal;
  std::string object;  // the file, peer, option or name it happened to; may be empty
  std::string what;    // what happened
  std::string remedy;  // what to do about it; may be empty

  std::string text() const {
    std::string line = object;
    if (!line.empty()) line += ": ";
    line += what;
    if (!remedy.empty()) line += ": " + remedy;
    return line;
  }
};

// A value or an Error. Nobody may ignore one; reading the wrong side is a checked bug.
template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}      // NOLINT: implicit on purpose
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }
  T& value() & {
    COORD_CHECK(ok());
    return std::get<0>(state_);
  }
  const T& value() const& {
    COORD_CHECK(ok());
    return std::get<0>(state_);
  }
  T&& value() && {
    COORD_CHECK(ok());
    return std::get<0>(std::move(state_));
  }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }
  const Error& error() const {
    COORD_CHECK(!ok());
    return std::get<1>(state_);
  }

 private:
  std::variant<T, Error> state_;
};

struct Done {};
using Status = Result<Done>;
inline Status done() {
  return Status(Done{});
}

}  // namespace coord
