// SPDX-License-Identifier: MIT
// Errors of the world are values. An Error says what happened, to what, and what to do about it;
// the tools print it as `tool: object: what happened: what to do` and end with the status of its
// kind (CONTRACT: exit status).
//
// Whatever can be is in result.cpp: an error is made at more than a thousand places, and each of them would
// lay out three strings and what becomes of them.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>

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

  Error();
  Error(ErrorKind kind, std::string_view object, std::string_view what, std::string_view remedy);
  Error(const Error&);
  Error(Error&&) noexcept;
  Error& operator=(const Error&);
  Error& operator=(Error&&) noexcept;
  ~Error();

  std::string text() const;
};

// An Error or none, as small as a pointer: results are well most of the time.
class MaybeError {
 public:
  MaybeError() = default;
  explicit MaybeError(Error error);
  MaybeError(const MaybeError& other) : error_(other.error_ ? copy(*other.error_) : nullptr) {}
  MaybeError(MaybeError&& other) noexcept : error_(std::exchange(other.error_, nullptr)) {}
  MaybeError& operator=(MaybeError other) noexcept {
    std::swap(error_, other.error_);
    return *this;
  }
  ~MaybeError() {
    if (error_) drop(error_);
  }
  const Error* get() const { return error_; }

 private:
  static const Error* copy(const Error& error);
  static void drop(const Error* error);
  const Error* error_ = nullptr;
};

// A value or an Error. Nobody may ignore one; reading the wrong side is a checked bug.
template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : value_(std::move(value)) {}      // NOLINT: implicit on purpose
  Result(Error error) : error_(std::move(error)) {}  // NOLINT

  bool ok() const { return value_.has_value(); }
  explicit operator bool() const { return ok(); }
  T& value() & {
    COORD_CHECK(ok());
    return *value_;
  }
  const T& value() const& {
    COORD_CHECK(ok());
    return *value_;
  }
  T&& value() && {
    COORD_CHECK(ok());
    return *std::move(value_);
  }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }
  const Error& error() const {
    COORD_CHECK(error_.get() != nullptr);
    return *error_.get();
  }

 private:
  std::optional<T> value_;
  MaybeError error_;
};

struct Done {};
using Status = Result<Done>;
inline Status done() {
  return Status(Done{});
}

}  // namespace coord
