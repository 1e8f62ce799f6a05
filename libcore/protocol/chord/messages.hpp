// SPDX-License-Identifier: MIT
// What hosts of a ring say to each other. `request` is the asker's number, and comes back in the answer.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "protocol/chord/lookup.hpp"
#include "protocol/chord/member.hpp"

namespace coord::chord {

struct Ask {  // for a member's View
  std::uint64_t request = 0;
  Member whom;

  bool operator==(const Ask&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(request, whom);
  }
};
struct Answer {  // no view: it is no member
  std::uint64_t request = 0;
  std::optional<View> view;

  bool operator==(const Answer&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(request, view);
  }
};
struct Notify {
  Member whom, by;

  bool operator==(const Notify&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(whom, by);
  }
};
struct FindRoute {
  std::uint64_t request = 0;
  Member whom;
  Id key;

  bool operator==(const FindRoute&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(request, whom, key);
  }
};
struct RouteFound {  // no route: it is no member
  std::uint64_t request = 0;
  std::optional<Route> route;

  bool operator==(const RouteFound&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(request, route);
  }
};
struct WhoAreYou {
  std::uint64_t request = 0;

  bool operator==(const WhoAreYou&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(request);
  }
};
struct Places {  // of the host that answers; none: it is not in the ring
  std::uint64_t request = 0;
  List places;

  bool operator==(const Places&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(request, places);
  }
};

using Message = std::variant<Ask, Answer, Notify, FindRoute, RouteFound, WhoAreYou, Places>;

std::string_view type_of(const Message& message);
std::string text(const Message& message);

}  // namespace coord::chord
