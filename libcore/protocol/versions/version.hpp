// SPDX-License-Identifier: MIT
// Versions of a key's values, and what is known of them.
//
// Problem: several hosts write one key without asking each other, and copies travel late and twice. Which
// value replaces which? The obvious answer, the later time wins, loses writes that nobody has seen whenever
// two clocks or two users differ. A vector of counters a value tells what replaces what, but two writes by
// way of one host look like one after the other. Algorithm: dotted version vectors, in their compact form
// (Preguiça et al., "Dotted Version Vectors: Logical Clocks for Optimistic Replication", 2010; Almeida et
// al., DAIS 2014): each write is a *dot*, the host that took it and that host's next number, and an entry is
// the values that nothing has replaced together with a *context*, the dots that it has heard of. Of two
// copies of an entry a value stays if both have it, or if one has it and the other one has never heard of it;
// what a copy has heard of and does not hold was replaced. Values that stay side by side are *siblings*.
//
// A removal is a value of its own, a tombstone. A value that is concurrent with it wins: the tombstone stays
// beside it, unseen.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.hpp"
#include "base/time.hpp"

namespace coord::ring {

struct Dot {
  NodeId host;
  std::uint64_t number = 0;  // of that host's writes, from 1

  auto operator<=>(const Dot&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(host, number);
  }
};
std::string text(const Dot& dot);  // "12@9f3c21aa90b1c2d3"
std::optional<Dot> read_dot(std::string_view text);

// What a version's writer had read or written before: who reads the version must not read older ones of that
// key any more.
struct Dependency {
  std::string key;
  Dot dot;

  auto operator<=>(const Dependency&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(key, dot);
  }
};

struct Version {
  Dot dot;
  WallTime time;  // of the host that took it; for people
  bool removed = false;
  std::uint64_t size = 0;           // of the value, in bytes
  std::vector<Dependency> after{};  // of a write at the level causal

  bool operator==(const Version&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(dot, time, removed, size, after);
  }
};

struct Entry {
  std::map<NodeId, std::uint64_t> context;  // of each host, all dots up to this number were heard of
  std::vector<Version> versions;            // that nothing has replaced, by dot

  bool operator==(const Entry&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(context, versions);
  }

  bool has_heard_of(const Dot& dot) const;
  const Version* find(const Dot& dot) const;
  bool has_heard_of_all(const std::vector<Dot>& dots) const;
  // What a reader is given: no tombstones, and not what they depend on.
  std::vector<Version> values() const;
  // All that its versions depend on, each once.
  std::vector<Dependency> dependencies() const;
};

// Whether a key is hidden from who writes: he was not told that versions depend on it.
using Hidden = std::function<bool(const std::string& key)>;

// A write: `version` takes the place of those dots. None given: of all that the entry holds. It inherits what
// those depended on that its writer has not `seen`, or was not told; of what he was told, `version` says what
// is left to say.
void write(Entry& entry, Version version, const std::optional<std::vector<Dot>>& replaces,
           const std::vector<Dot>& seen = {}, const Hidden& is_hidden = {});

// What two copies come to, in whatever order and however often they meet.
Entry merged(const Entry& a, const Entry& b);

}  // namespace coord::ring
