// SPDX-License-Identifier: MIT
#include "base/result.hpp"

namespace coord {

Error::Error() = default;
Error::Error(ErrorKind kind_, std::string_view object_, std::string_view what_, std::string_view remedy_)
    : kind(kind_), object(object_), what(what_), remedy(remedy_) {}
Error::Error(const Error&) = default;
Error::Error(Error&&) noexcept = default;
Error& Error::operator=(const Error&) = default;
Error& Error::operator=(Error&&) noexcept = default;
Error::~Error() = default;

std::string Error::text() const {
  std::string line = object;
  if (!line.empty()) line += ": ";
  line += what;
  if (!remedy.empty()) line += ": " + remedy;
  return line;
}

MaybeError::MaybeError(Error error) : error_(new Error(std::move(error))) {}

const Error* MaybeError::copy(const Error& error) {
  return new Error(error);
}

void MaybeError::drop(const Error* error) {
  delete error;
}

}  // namespace coord
