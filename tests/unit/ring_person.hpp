// SPDX-License-Identifier: MIT
// A user with a session of a Group's ring: as chordctl does it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "ring/session.hpp"
#include "ring_group.hpp"

namespace coord::ring {

struct Person {
  Group& group;
  Duration patience = std::chrono::seconds(1);
  Session session{};

  // False: what its versions follow is not to be had.
  bool follow(std::uint64_t at) {
    for (auto keys = session.to_follow(); !keys.empty(); keys = session.to_follow()) {
      const Answer answer = group.ask(at, Get{"r",
                                              keys.front(),
                                              {},
                                              largest_value,
                                              patience,
                                              Consistency::causal,
                                              {session.at_least(keys.front()), {}}});
      if (const auto* found = std::get_if<Found>(&answer)) {
        session.read(keys.front(), *found);
      } else if (std::holds_alternative<Absent>(answer)) {
        session.read_nothing(keys.front());
      } else {
        return false;
      }
    }
    return true;
  }
  // What is told of a key, once what it follows is known.
  Answer get(std::uint64_t at, const std::string& key, std::uint64_t offset = 0) {
    const Session before = session;
    Answer answer =
        group.ask(at, Get{"r", key, {}, offset, patience, Consistency::causal, {session.at_least(key), {}}});
    const auto* found = std::get_if<Found>(&answer);
    if (found == nullptr) return answer;
    session.read(key, *found);
    const Found kept = *found;
    if (follow(at)) return kept;
    session = before;
    return NoQuorum{"what it follows"};
  }
  Answer write(std::uint64_t at, const std::string& key, const std::string& value, bool removes = false) {
    const Answer known = get(at, key, largest_value);
    if (std::holds_alternative<NoQuorum>(known)) return known;
    const Past past{session.at_least(key), session.nearest(key)};
    Answer answer =
        removes
            ? group.ask(at, Remove{"r", key, {}, patience, Consistency::causal, past})
            : group.ask(at, Put{"r", key, value.size(), {}, {}, patience, Consistency::causal, past}, value);
    if (const auto* stored = std::get_if<Stored>(&answer)) session.wrote(key, stored->dot, past.after);
    return answer;
  }
  Answer put(std::uint64_t at, const std::string& key, const std::string& value = "v") {
    return write(at, key, value);
  }
  bool knows(const std::string& key) const { return !session.at_least(key).empty(); }
};

}  // namespace coord::ring
