// SPDX-License-Identifier: MIT
// What a user of several keys has read and written, so that nothing he is told later goes back behind it.
//
// Problem: where one copy answers, two reads in a row may be of two copies, and the second one is behind the
// first: a reply without the question, one's own write not there. A majority for each read would help, and is
// what may be missing. Obvious answers fail: asking the same copy again ends with that copy, and waiting
// until all copies have each write is no better than a majority. Algorithm: causal consistency with explicit
// dependencies, as COPS has it (Lloyd, Freedman, Kaminsky, Andersen, "Don't settle for eventual", SOSP 2011).
// A session remembers of each key what was seen, by version; a copy answers once it has that, or what took
// its place. A value carries what its writer's session had seen, and who reads the value takes that over: so
// a value is never seen without what it followed, on whichever copies both are.
//
// COPS checks dependencies before a value is shown, and so carries the nearest ones only. Here the reader
// does, key by key and when it needs to, so all are carried. What all copies of its key have needs no
// remembering: it is forgotten when there are too many (most_dependencies).
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "ring/answers.hpp"

namespace coord::ring {

class Session {
 public:
  // A key's versions, one of each writer: the newest one stands for those before it.
  void add(const std::string& key, const Dot& dot);
  void forget(const std::string& key) { seen_.erase(key); }

  // A read of the key has said this.
  void read(const std::string& key, const Found& found);
  // A write of the key, which was ordered behind what is known of it.
  void wrote(const std::string& key, const Dot& dot);

  std::vector<Dot> at_least(const std::string& key) const;
  std::vector<Dependency> all() const;
  // They can be carried by one version.
  bool fits() const;

 private:
  std::map<std::string, std::map<NodeId, std::uint64_t>> seen_;
};

}  // namespace coord::ring
