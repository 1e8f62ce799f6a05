// SPDX-License-Identifier: MIT
// What a ring's host has begun and not ended: operations of tools, what it reads of others and sends them,
// and what it remembers of each ring. All of it is lost with the process, and may be.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "ring/copies.hpp"
#include "ring/placement.hpp"
#include "ring/routing.hpp"
#include "ring/work.hpp"

namespace coord::ring::under_way {

// Keys that are read from another host.
struct Source {
  Host host;
  std::uint64_t id = 0;  // no two have the same
  std::string after{};
  std::uint64_t operation = 0;  // what was asked, 0: nothing
  Instant again{};              // when it is asked again
  Instant not_before{};         // is nothing asked: what was read before could not be stored
  bool more = true;
  std::deque<copies::KeyAndEntry> rows{};
  std::size_t open = 0;  // entries on their way to the disk
  // Of what may have been missed: first it is compared.
  bool is_compared = false;
  std::optional<Digest> own_digest{}, other_digest{};
  Bytes buckets{};  // that differ
  bool is_over() const { return !more && rows.empty() && open == 0 && operation == 0; }
};
// What this host keeps beyond its arcs.
struct Surplus {
  std::string after{};
  bool more = false, is_reading = false;
  bool reads_again = false;                             // from the beginning, after what is being read
  Instant not_before{};                                 // the disk has failed
  std::map<std::string, Entry> rows{};                  // by key: what waits for its turn
  std::map<std::string, std::uint64_t> on_their_way{};  // by key: deliveries
};
// Who keeps an entry for hosts that are away.
struct Hints {
  std::set<Host> kept_for;
  std::size_t next = 0;  // who is asked next, of the hosts behind the key's own
};
// Whose operation a copy has written by itself.
using WroteFor = std::pair<NodeId, std::uint64_t>;
// An entry on its way to all who are to keep it, for which no tool waits (any more).
struct Delivery {
  std::string ring;
  Token number{};
  copies::KeyAndEntry row;
  std::vector<copies::Holder> holders{};
  std::set<Host> stored{};
  Hints hints{};
  Instant again{};
  std::size_t tries = 0;
  bool is_surplus = false;               // this host is not to keep it, or leaves
  std::optional<WroteFor> awaited_by{};  // who waits until so many have it (one_copy.cpp)
  std::optional<Instant> until{};        // not longer: who is away finds by comparing what it has missed
};
// Digests of what this host and another one are to keep: who has asked for them (comparing.cpp).
struct DigestWish {
  Host host;
  std::uint64_t operation = 0;  // of the other one, 0: it has not asked
  bool is_own = false;          // this host compares
};
struct Reading {
  std::uint64_t id = 0;  // 0: none is under way
  std::map<NodeId, DigestWish> now, next;
  Instant not_before{};  // the disk has failed
};
// Whether all that a tombstone leads to is on all copies (settling.cpp): one after the other is asked for.
struct Settling {
  std::deque<copies::KeyAndEntry> rows{};  // that wait for it
  std::deque<Dependency> next{};           // of the first one
  std::set<Dependency> followed{};         // of the first one
  // What was asked for, of all of them: what it leads to; nothing: it is not on all copies.
  std::map<Dependency, std::optional<std::vector<Dependency>>> answered{};
  std::uint64_t operation = 0;  // 0: nothing is asked
  bool is_asked_twice = false;
  std::map<Host, Entry> said{};
};
// Tombstones of which all hosts are asked whether they have anything else (burying.cpp).
struct Burying {
  std::uint64_t operation = 0;
  Token number{};
  std::vector<copies::KeyAndEntry> rows{};
  std::set<Host> agreed{};
  bool is_second = false;  // round
  Settling settling{};
  std::string after{};
  Instant not_before{}, again{}, until{};
};
// Who has asked for the second time, and by whose words it is answered.
struct Grave {
  NodeId from;
  copies::AskBury ask;
  std::set<NodeId> waits_for;
  Instant until;
};
// Hosts that are said to be lost are asked whether they live (adopting.cpp).
struct Doubt {
  std::set<NodeId> lost;
  std::uint64_t operation = 0;
  Instant until, again;
  std::shared_ptr<Work> work;  // a tool of this host has said so
};
struct Ring {
  Placement placement;
  std::set<Host> have_read;         // of the change that is under way; of a leaver: have handed over
  std::map<NodeId, Source> gains;   // what this host gains by it
  std::map<NodeId, Source> repair;  // what it may have missed
  std::vector<std::pair<Token, std::shared_ptr<Work>>> awaiting;
  std::set<NodeId> lost;                       // for good, of the change that is under way
  std::optional<Doubt> doubt;                  // whether hosts are lost
  bool adopts = false;                         // a tool of this host has said so
  std::shared_ptr<const chord::List> members;  // of the placement, once a lookup has needed it
  bool is_marking = false;
  Surplus surplus;
  Reading reading;
  Burying burying;
};
struct Operation {
  enum class Phase : std::uint8_t { waiting, reading, storing, fetching };
  std::shared_ptr<Work> work;
  std::string ring, key;
  Phase phase = Phase::waiting;
  Token number{};
  ReplicaSet set;
  std::map<Host, Entry> seen;
  std::set<Host> stored;
  Hints hints;
  Instant reads_since{}, stores_since{};
  std::map<Host, Why> not_stored;  // by their last word
  Entry entry;
  std::vector<copies::Holder> holders;  // of its values, while it is stored
  Dot dot;                              // that is written, or whose value is read
  std::size_t holder = 0;
  // One copy is enough: the one that writes it, those that do not now, and whether one that was asked may
  // have done so all the same.
  std::optional<Host> writer;
  std::set<Host> passed_over;
  Instant heard{};       // of the writer
  Instant refused_at{};  // when the first disk has said no
  bool may_be_stored = false;
  // Hosts that are none of the key's, which lack what the session has seen (collected.cpp).
  bool asks_elsewhere = false, is_nowhere_else = false;
  std::set<Host> lacking{};
  bool by_one = false;
  std::uint32_t copies = 0;    // that are wanted besides a majority; by one: in place of it
  std::uint32_t on_disks = 0;  // by one: so many have it
  std::optional<Instant> until;
  Instant again;
};
struct Listing {
  std::shared_ptr<Work> work;
  std::string ring;
  Token number{};
  std::map<Host, copies::RowsAre> got;
  Instant until, again;
};
// A lookup that a tool has asked for, and whom it waits for.
struct Tracing {
  std::shared_ptr<Work> work;
  Token number{};
  std::shared_ptr<const chord::List> all;
  std::unique_ptr<Trace> trace;  // of `all`
  std::uint64_t operation = 0;
  chord::Member asked{};
  Instant asked_at, again;
  bool asked_twice = false;
  std::optional<Instant> until;
};
struct Fingering {
  std::shared_ptr<Work> work;
  Instant again, until;
};
// A write by this copy that is done.
struct Written {
  NodeId from;
  copies::WroteOne answer;
  std::uint64_t delivery = 0;
  std::uint32_t copies = 1;
  std::uint32_t stored = 1;
};
// An entry of which values are lacking.
struct Taking {
  NodeId from;
  std::uint64_t operation = 0;  // of who stores it; 0: nobody waits
  Token number{};
  Merge merge;
  std::vector<copies::Holder> holders;
  std::map<Dot, std::uint64_t> sizes;
  bool is_at_disk = false;
  Instant again, until;
  bool gains = false, repairs = false;  // a Source of the ring waits for it
  std::uint64_t source = 0;             // this one
  std::optional<WriteHere> write;       // this copy is to write it by itself
  std::uint32_t copies = 1;             // and says so once so many have it
  std::optional<Host> hint_for;         // this is none of the key's hosts, and keeps it for that one
};

// A tool that watches the ring, also between two of its questions (watching.cpp).
struct Watching {
  replica::ConnectionId connection;
  std::string ring, prefix;
  std::shared_ptr<Work> work;  // its question; none: it has not asked again yet
  std::map<Token, std::uint64_t> cursors;
  std::map<std::string, Entry> told;
  bool is_begun = false;
  Instant begun, again, answered{};
};
// Another host, or this one, waits for changes here.
struct Waiter {
  copies::AskChanges ask;
  bool is_reading = false, reads_again = false;
  Instant until;
};

}  // namespace coord::ring::under_way
