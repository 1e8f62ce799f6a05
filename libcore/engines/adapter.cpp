// SPDX-License-Identifier: MIT
#include "engines/adapter.hpp"

#include <utility>

namespace coord::engines {

Adapter::Adapter() = default;
Adapter::~Adapter() = default;

std::vector<Adapter::Action> Adapter::take() {
  return std::exchange(out_, {});
}

void Adapter::write(Bytes bytes, unsigned line) {
  out_.push_back(Write{std::move(bytes), line});
}

void Adapter::tell(engine::Told told) {
  out_.push_back(Tell{std::move(told)});
}

void Adapter::say(About about) {
  out_.push_back(std::move(about));
}

void Adapter::close(std::string why) {
  out_.push_back(Close{std::move(why)});
}

void Adapter::push(Action action) {
  out_.push_back(std::move(action));
}

}  // namespace coord::engines
