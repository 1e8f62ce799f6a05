// SPDX-License-Identifier: MIT
// Which process a request names, whatever its kind: with each that does goes the
// process's pidfd (local_taking.hpp).
#pragma once

#include <cstdint>
#include <type_traits>
#include <variant>

#include "wire/local.hpp"

namespace coord::local {

// What is said in place of a number that would be another process's at the peer: no peer takes it for one.
inline constexpr std::uint32_t no_number = 1;

// Where the request says the number; null if it is of a kind that names none. 0: it names none either.
template <class AnyRequest>  // local::Request, const or not
auto* named_process(AnyRequest& request) {
  using Number = std::conditional_t<std::is_const_v<AnyRequest>, const std::uint32_t, std::uint32_t>;
  Number* number = nullptr;
  if (auto* acquire = std::get_if<Acquire>(&request)) number = &acquire->holder;
  if (auto* started = std::get_if<Started>(&request)) number = &started->pid;
  if (auto* resumed = std::get_if<Resume>(&request)) number = &resumed->pid;
  if (auto* over = std::get_if<LetGo>(&request)) number = &over->holder;
  return number;
}
inline bool names_process(const Request& request) {
  const auto* number = named_process(request);
  return number != nullptr && *number != 0;
}

}  // namespace coord::local
