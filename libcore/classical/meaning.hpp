// SPDX-License-Identifier: MIT
// Whether a message can be meant by a node of the group. Bytes that decode may still name nodes that do not
// exist, each of which a protocol would keep something for, or numbers at which its counters turn over.
// Reads the fields that serialize() lists, as an archive would.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>

#include "protocol/group.hpp"

namespace coord::classical {

// No time, ballot, place or count is larger: a protocol can add to it for years.
inline constexpr std::uint64_t number_limit = std::uint64_t{1} << 53U;

class Meaning {
 public:
  explicit Meaning(const Group& group) : group_(group) {}

  template <class... Fields>
  void operator()(Fields&&... fields) {
    (look(fields), ...);
  }
  // What no node of the group can have meant; nullptr: nothing.
  const char* nonsense() const { return nonsense_; }

 private:
  template <class Field>
  void look(const Field& field) {
    if constexpr (std::is_same_v<Field, NodeId>) {
      if (field.value != 0 && !group_.knows(field)) nonsense_ = "names a node that is none of the group's";
    } else if constexpr (std::is_same_v<Field, std::uint64_t>) {
      if (field >= number_limit) nonsense_ = "holds a number beyond all bounds";
    } else if constexpr (requires { field.index(); }) {
      std::visit([&](const auto& what) { look(what); }, field);
    } else if constexpr (requires { field.has_value(); }) {
      if (field) look(*field);
    } else if constexpr (requires {
                           field.first;
                           field.second;
                         }) {
      look(field.first);
      look(field.second);
    } else if constexpr (requires { field.begin(); }) {
      for (const auto& element : field) look(element);
    } else if constexpr (std::is_class_v<Field>) {
      const_cast<Field&>(field).serialize(*this);  // which only lists its fields
    }
  }

  const Group& group_;
  const char* nonsense_ = nullptr;
};

}  // namespace coord::classical
