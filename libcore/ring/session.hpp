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
// Nearest dependencies: of what a session has seen, a value carries what nothing else of it leads to (at most
// most_dependencies). COPS can do with those because a value is shown where its dependencies are already;
// here copies of two keys are on different hosts, so the reader follows: of each key that it is told of it
// reads what that one's versions carry, until it knows all. So that none of it is lost on the way, a version
// inherits what those carried that it took the place of and its writer had not seen (protocol/versions), and
// a record of a removal stays until all that it leads to is on all copies (burying.cpp). Two keys lead
// nowhere: the one that is being written, whose versions are replaced, and, for readers who may not see it,
// another user's.
//
// What all copies of its key have needs no remembering: it is forgotten when there is too much.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "ring/answers.hpp"

namespace coord::ring {

class Session {
 public:
  // A key's versions, one of each writer: the newest one stands for those before it.
  void add(const std::string& key, const Dot& dot);
  // The key's versions carry that.
  void add_carried(const std::string& key, const Dependency& what);
  // All copies have it. Not if it is to be followed yet: what it leads to is known to nobody else here.
  void forget(const std::string& key);

  // A read of the key has said this; or that there is nothing.
  void read(const std::string& key, const Found& found);
  void read_nothing(const std::string& key);
  // A write of the key, which carries that, and was ordered behind what is known of it.
  void wrote(const std::string& key, const Dot& dot, const std::vector<Dependency>& after);

  std::vector<Dot> at_least(const std::string& key) const;
  std::vector<Dependency> all() const;
  // What the versions of a key carry, as far as it is remembered.
  std::vector<Dependency> carried_by(const std::string& key) const;
  // What a new version of the key is to carry.
  std::vector<Dependency> nearest(const std::string& key) const;
  // Keys of which it is not known what their versions carry: they are to be read.
  std::vector<std::string> to_follow() const;

 private:
  struct Known {
    std::map<NodeId, std::uint64_t> dots;
    std::map<std::pair<std::string, NodeId>, std::uint64_t> carried;
    bool is_followed = true;
  };
  static void carry(Known& known, const Dependency& what);

  std::map<std::string, Known> seen_;
};

// One version can carry them.
bool fits_one_version(const std::vector<Dependency>& after);

}  // namespace coord::ring
