// SPDX-License-Identifier: MIT
#include "service/hand_over.hpp"

namespace coord::service {

Counted holding(const StateMachine& machine, std::size_t most) {
  Words words(most);
  for_each_family([&]<class F>() { machine.of<F>().list_holding(words); });
  return words.take();
}

Counted staying(const StateMachine& machine, std::size_t most) {
  Words words(most);
  for_each_family([&]<class F>() { machine.of<F>().list_staying(words); });
  return words.take();
}

}  // namespace coord::service
