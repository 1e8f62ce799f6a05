// SPDX-License-Identifier: MIT
#include "protocol/chord/messages.hpp"

#include <array>

#include "base/format.hpp"

namespace coord::chord {

namespace {

std::string short_text(const Id& id) {
  return fmt::format("{}..", text(id).substr(0, 4));
}

std::string line(const Ask& message) {
  return fmt::format("ask {}", text(message.whom));
}
std::string line(const Answer& message) {
  if (!message.view) return "answer no member";
  return fmt::format("answer after {} before {}",
                     message.view->predecessor ? text(*message.view->predecessor) : "nobody",
                     text(message.view->successors));
}
std::string line(const Notify& message) {
  return fmt::format("notify {} by {}", text(message.whom), text(message.by));
}
std::string line(const FindRoute& message) {
  return fmt::format("find-route {} at {}", short_text(message.key), text(message.whom));
}
std::string line(const RouteFound& message) {
  if (!message.route) return "route-found no member";
  if (!message.route->successors.empty())
    return fmt::format("route-found nearer {} followed by {}", text(message.route->nearer),
                       text(message.route->successors));
  return fmt::format("route-found nearer {}", text(message.route->nearer));
}
std::string line(const WhoAreYou&) {
  return "who-are-you";
}
std::string line(const Places& message) {
  return fmt::format("places {}", text(message.places));
}

}  // namespace

std::string_view type_of(const Message& message) {
  static constexpr std::array<std::string_view, std::variant_size_v<Message>> types = {
      "ask", "answer", "notify", "find-route", "route-found", "who-are-you", "places"};
  return types[message.index()];
}

std::string text(const Message& message) {
  return std::visit([](const auto& what) { return line(what); }, message);
}

}  // namespace coord::chord
