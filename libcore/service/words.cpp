// SPDX-License-Identifier: MIT
#include "service/words.hpp"

#include <chrono>

#include "base/format.hpp"

namespace coord::service {

namespace {

constexpr std::size_t longest_name = 255;
constexpr std::size_t longest_command = 80;

}  // namespace

void Words::add(const std::string& text) {
  ++counted_.all;
  if (counted_.some.size() < most_) counted_.some.push_back(text);
}

void Words::add(const std::string& kind, const std::string& name, const Session* session) {
  std::string text = (kind.empty() ? "" : fmt::format("{} ", kind)) + cut(name);
  if (session != nullptr) {
    const Owner& owner = session->owner;
    text += fmt::format(" ({}, pid {}: {})", owner.user.substr(0, longest_command), owner.pid,
                        owner.command.substr(0, longest_command));
  }
  add(text);
}

std::string Words::cut(const std::string& name) {
  return name.substr(0, longest_name);
}

std::string Words::seconds(Duration length) {
  return fmt::format("{} s", std::chrono::ceil<std::chrono::seconds>(length).count());
}

}  // namespace coord::service
