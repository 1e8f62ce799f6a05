// SPDX-License-Identifier: MIT
// Work on the storage, for one request of a tool: what is to be done, and then what came of it.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "base/time.hpp"
#include "node/part.hpp"
#include "ring/copies.hpp"
#include "ring/owner.hpp"
#include "ring/placement.hpp"
#include "ring/storage.hpp"

namespace coord::ring {

// ---- for a ring of several hosts: on what this host keeps of it

// Numbers of writes to give: durable before the first of them is.
struct Reserve {
  std::uint64_t count = 0;
  bool begins_life = false;  // they are given in another name than those before
  // What came of it.
  std::uint64_t first = 0;
  std::uint64_t life = 0;
};
// What is known of a key.
struct Look {
  std::string ring, key;
  Entry entry;  // what came of it
};
// What another copy says of a key, with values. It is done when no value is lacking.
struct Merge {
  std::string ring, key;
  Entry entry;
  std::map<Dot, Bytes> values;
  std::vector<Dot> lacks{};  // what came of it
  bool is_new = false;       // a write that is not acknowledged yet: a quota counts
};
// A write by this copy alone: it replaces what it has of the key, or the dots that are named.
struct WriteHere {
  std::string ring, key;
  NodeId host;  // in whose name the dot is given; the storage gives its number
  bool removed = false;
  WallTime time;
  std::optional<std::vector<Dot>> replaces;
  Bytes value;
  Past past{};
  // What came of it.
  std::optional<Dot> dot;
  Entry entry;
  bool too_many_siblings = false;
  bool is_behind = false;  // this copy lacks what the writer has seen: nothing is written
  // Who writes.
  std::string user{};
  bool all_users = false;
};
// Of a version of which nothing else is asked.
struct ReadChunk {
  std::string ring, key;
  Dot dot;
  std::uint64_t offset = 0;
  std::optional<Bytes> chunk;  // what came of it
};
struct ReadRows {
  std::string ring, prefix, after;
  std::vector<Storage::Row> rows;  // what came of it
  bool more = false;
};
// By buckets, what this host has of the keys that it and each of some others are to keep: a slice of them.
using Digest = std::vector<std::uint64_t>;
struct ReadDigests {
  std::string ring, after;
  std::shared_ptr<const Placement> placement;
  Host own;
  Hosts others;
  std::vector<Digest> digests;  // of each: what came of it, and of the slices before
  bool more = false;
};
std::size_t bucket_of(const std::string& key);

// A key that others keep. It stays if it is not as it was.
struct DropRow {
  std::string ring, key;
  Entry entry;
  std::optional<Entry> stays{};  // what came of it: as what
};
// Keys of which nothing is left but tombstones.
struct ReadRemoved {
  std::string ring, after;
  std::vector<Storage::Row> rows;  // what came of it
};
// Tombstones that others have: of keys of which something is here they are merged with it.
struct KeepRemoved {
  std::string ring;
  std::vector<copies::KeyAndEntry> rows;
  std::vector<std::string> others;  // what came of it: keys of which something else is here, too
};
// As which member this host has all that it is to keep, by ring.
struct ReadMemberships {
  std::map<std::string, std::uint64_t> joined;  // what came of it
};
struct SetMembership {
  std::string ring;
  std::uint64_t joined = 0;  // 0: it is none any more
};
// The changes of a ring's keys with this prefix since the change with that number; none:
// which one is the last.
struct ReadChanges {
  std::string ring, prefix;
  std::optional<std::uint64_t> since;
  std::vector<Storage::Row> rows;  // what came of it
  std::uint64_t last = 0;          // and how far it got
  bool more = false;
};
// Of rings of memberships that are over: those that are named, and all that are older than the one that is
// whole. A slice at a time.
struct DropEnded {
  std::set<std::string> ended;
  std::map<std::string, std::uint64_t> joined;
  bool more = false;  // what came of it
};
using Inner = std::variant<Reserve, Look, Merge, ReadChunk, ReadRows, ReadMemberships, SetMembership,
                           WriteHere, ReadDigests, DropRow, ReadRemoved, KeepRemoved, DropEnded, ReadChanges>;

// Inner work, and what its part does when it is done.
struct InnerWork final : node::Work {
  Inner what;
  std::optional<Error> failed;
  std::function<void(InnerWork&)> then;
};

struct Work final : node::Work {
  replica::ConnectionId connection;  // who asked
  std::uint64_t request = 0;
  Request what;  // a Put: with its whole value in `value`
  Bytes value;
  WallTime time;
  std::string user;              // whose keys are shown besides everybody's; empty: nobody's
  bool all_users = false;        // root
  bool keeps_tombstone = false;  // somebody watches
  std::string stored_ring;       // under which name it is on the disk; empty: that of the ring
  const std::string& on_disk(const std::string& ring) const {
    return stored_ring.empty() ? ring : stored_ring;
  }
  // What came of it.
  Answer answer = Absent{};
  bool changed = false;
};

// What a session is told of what was read.
void say_past(const Entry& entry, const Work& reader, Found& found);

// Keys of whose versions that user is told nothing. `user` must outlive it.
Hidden not_shown_to(const std::string& user, bool all_users);

// How far a listing got that has looked at this key last, without the name of another user's key: those of
// one user stand behind each other.
std::string listed_to(const std::string& last, const Work& work);

Why why_of(const Error& error);
// A disk that was restored would give one version's number to another one.
Error given_before();

// So few siblings, and so few bytes of values, that any copy can take all of them at once.
bool fits_one_key(const Entry& entry);

// What a tool is told when a storage has failed.
Refused refusal(const Error& error);

// What the keys of one user, those that begin with @USER/, may come to on this host; 0: any number.
struct Quota {
  std::uint64_t keys = 0, bytes = 0;
};

// Does what stands in a batch in one transaction: durable at once, or not at all. Threading: the storage's.
class StorageWorker final : public node::Worker {
 public:
  // `open`: called before the first work, and again after it has failed.
  using Open = std::function<Result<std::unique_ptr<Storage>>()>;
  StorageWorker(NodeId self, Open open, Quota quota = {})
      : self_(self), open_(std::move(open)), quota_(quota) {}
  void perform(std::vector<std::shared_ptr<node::Work>>& batch) override;

 private:
  Status ready();
  Status do_all(std::vector<std::shared_ptr<node::Work>>& batch);
  Result<Answer> do_one(Work& work);
  Status on(Reserve& reserve);
  Status on(Look& look);
  Status on(Merge& merge);
  Status on(WriteHere& write);
  Status on(ReadDigests& read);
  Status on(ReadRemoved& read);
  Status on(KeepRemoved& keep);
  Status on(DropRow& drop);
  Status on(DropEnded& drop);
  Status on(ReadChanges& read);
  Status on(ReadChunk& read);
  Status on(ReadRows& read);
  Status on(ReadMemberships& read);
  Status on(const SetMembership& set);
  Result<Answer> on(Work& work, const Put& put);
  Result<Answer> on(Work& work, const Remove& remove);
  Result<Answer> on(Work& work, const Get& get);
  Result<Answer> on(Work& work, const List& list);
  Result<Answer> on(Work& work, const Watch& watch);
  Result<Answer> on(Work& work, const AskStatus& ask);
  Result<Answer> on(Work& work, const AwaitHandOver& wait);
  Result<Answer> on(Work& work, const Forget& forget);
  Result<Answer> on(Work& work, const AskTrace& trace);
  Result<Answer> on(Work& work, const AskFingers& fingers);
  Result<Answer> on(Work& work, const AskEverywhere& ask);
  Result<Answer> on(Work& work, const CloseRing& close);
  Status change(Work& work, const std::string& ring, const std::string& key, const Version& version,
                const std::optional<std::vector<Dot>>& replaces, const std::vector<Dot>& seen, Entry& entry);
  Result<Dot> next_dot(const Entry& entry);
  // In place of `before`.
  Status keep(const std::string& ring, const std::string& key, const Entry& before, const Entry& after);
  bool is_counted(const std::string& owner) const;
  Result<Storage::Totals> used_with(const std::string& owner, const Entry& before, const Entry& after);
  Status check_quota(const std::string& key, const Entry& before, const Entry& after);

  NodeId self_;
  Open open_;
  Quota quota_;
  std::map<std::string, Storage::Totals> used_;  // by users whose keys were written since the file was opened
  std::unique_ptr<Storage> storage_;
};

}  // namespace coord::ring
