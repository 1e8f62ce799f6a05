// SPDX-License-Identifier: MIT
// Who votes in a group, and who only learns: the configuration, and what a log says of it (paper, section 6;
// thesis, chapter 4). See members.cpp for how it changes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "base/bytes.hpp"
#include "base/ids.hpp"

namespace coord::raft {

// Without a voter: none. That is what a log says whose voters have never changed: they are the founders.
struct Voters {
  static constexpr std::size_t limit = 15;  // of each kind

  std::vector<NodeId> voters;  // sorted, unique
  std::vector<NodeId>
      learners;  // sorted, unique, none of the voters: they are sent all and count for nothing

  bool operator==(const Voters&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(voters, learners);
  }

  bool empty() const { return voters.empty(); }
  bool votes(NodeId node) const;
  bool learns(NodeId node) const;
  bool has(NodeId node) const { return votes(node) || learns(node); }
  // Sorted as it must be, within the limit, and somebody votes.
  bool is_sound() const;
};

// As they stand in an entry of EntryKind::members, for ever: a count and the numbers of the voters, then of
// the learners, each little-endian.
Bytes encode(const Voters& voters);
std::optional<Voters> decode_voters(ByteView data);  // nothing: these are none

// One step. Two sets of voters that differ by one step have no two majorities without a common voter.
enum class Step : std::uint8_t {
  learn,    // who is not there is sent the log from now on
  promote,  // a learner votes
  demote,   // a voter learns
  remove,   // a voter or learner goes
};
constexpr const char* name_of(Step value) {
  switch (value) {
    using enum Step;
    case learn:
      return "learn";
    case promote:
      return "promote";
    case demote:
      return "demote";
    case remove:
      return "remove";
  }
  return nullptr;
}
struct Change {
  Step step = Step::learn;
  NodeId node;

  bool operator==(const Change&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(step, node);
  }
};
// Nothing: the step cannot be made from there (somebody is there already, or not there).
std::optional<Voters> changed(Voters from, Change change);

// What a log, from its snapshot on, says of the voters: the last word counts, committed or not.
class VotersOfLog {
 public:
  // `said`: by the snapshot that the log begins with; empty: nothing so far, so the founders vote.
  VotersOfLog(LogIndex base, const Voters& said, std::vector<NodeId> founders)
      : founders_{std::move(founders), {}} {
    restart(base, said);
  }

  const Voters& latest() const { return said_.back().voters; }
  LogIndex index() const { return said_.back().index; }  // of that word
  // Before the latest word; as the latest where it is the only one.
  const Voters& before() const { return said_.size() > 1 ? said_[said_.size() - 2].voters : latest(); }
  Voters said_at(LogIndex index) const;  // empty: nothing was so far
  // Nothing was ever said: they are the founders.
  bool are_founders() const { return said_.size() == 1 && !said_.front().by_log; }

  void append(LogIndex index, Voters voters) { said_.push_back({index, std::move(voters), true}); }
  void truncate(LogIndex first);  // `first` and all after it are forgotten
  void compact(LogIndex upto);
  void restart(LogIndex base, const Voters& said) {
    said_ = {{base, said.empty() ? founders_ : said, !said.empty()}};
  }

 private:
  struct Said {
    LogIndex index;
    Voters voters;
    bool by_log = false;
  };
  Voters founders_;
  std::deque<Said> said_;  // never empty
};

}  // namespace coord::raft
