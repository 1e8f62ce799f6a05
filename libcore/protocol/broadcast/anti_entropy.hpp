// SPDX-License-Identifier: MIT
// Copies that become alike in the end: anti-entropy (Demers et al., "Epidemic Algorithms for Replicated
// Database Maintenance", PODC 1987, sections 1.3 and 2).
//
// Problem: every node may write its copy of a table at any time, without asking; all copies must become
// alike. Why the obvious answer, send each write to all, fails: messages are lost and nodes are down, and who
// missed one never learns so. Algorithm: now and then each node compares its copy with that of a random other
// one, and each gives the other what is newer. Of two writes to a key the one with the larger (stamp, node)
// wins everywhere; a stamp is larger than any its writer has seen. What is deleted stays as a death
// certificate: a key that was simply forgotten would come back from a copy that has not heard of its death.
//
// Promises: all that are up and can reach each other over others in the end hold the same, whatever was lost,
// repeated or late; a write is not lost but by a newer one. About log2 N + ln N periods after the last write.
// Concurrent writes: one is chosen, the same everywhere; the other is gone (keep siblings if that matters).
// A restarted node that kept its copy goes on; one that lost it must come back under another name, or its new
// stamps may lie below its old ones. Compares whole tables: for large ones compare digests of parts first.
#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/random.hpp"
#include "base/time.hpp"
#include "protocol/group.hpp"
#include "protocol/shape.hpp"

namespace coord::broadcast {

class AntiEntropy : public Shape<AntiEntropy> {
 public:
  using Key = std::string;
  struct Version {
    std::uint64_t stamp = 0;
    NodeId writer;
    auto operator<=>(const Version&) const = default;
    template <class Archive>
    void serialize(Archive& archive) {
      archive(stamp, writer);
    }
  };
  struct Entry {
    Version version;
    bool dead = false;  // deleted: the death certificate
    std::string value;
    bool operator==(const Entry&) const = default;
    template <class Archive>
    void serialize(Archive& archive) {
      archive(version, dead, value);
    }
  };
  using Table = std::map<Key, Entry>;

  struct Config {
    Group group;
    Duration period = std::chrono::milliseconds(100);
    std::uint64_t seed = 1;
  };
  struct Durable {
    Table table;
  };

  struct Compare {  // what I have
    std::map<Key, Version> versions;
    template <class Archive>
    void serialize(Archive& archive) {
      archive(versions);
    }
  };
  struct Differences {  // what of mine is newer, and what of yours I would like
    Table newer;
    std::vector<Key> wanted;
    template <class Archive>
    void serialize(Archive& archive) {
      archive(newer, wanted);
    }
  };
  using Message = std::variant<Compare, Differences>;

  struct Write {
    Key key;
    std::optional<std::string> value;  // none: delete
  };
  using Event = std::variant<Write, Receive, Tick>;

  struct Persist {  // this entry
    Key key;
    Entry entry;
    template <class Archive>
    void serialize(Archive& archive) {
      archive(key, entry);
    }
  };
  using Action = std::variant<Persist, Send>;
  using Actions = std::vector<Action>;

  AntiEntropy(Instant now, Config config, Durable restored);
  AntiEntropy(Instant now, Config config) : AntiEntropy(now, std::move(config), Durable{}) {}

  [[nodiscard]] Actions step(Instant now, const Event& event);
  std::optional<Instant> deadline() const { return compare_at_; }
  const Table& table() const { return table_; }

 private:
  void on(Instant now, const Write& write, Actions& actions);
  void on(Instant now, const Receive& receive, Actions& actions);
  void on(Instant now, const Tick&, Actions& actions);
  void receive(NodeId from, const Compare& message, Actions& actions);
  void receive(NodeId from, const Differences& message, Actions& actions);
  void take(const Key& key, const Entry& entry, Actions& actions);

  Config config_;
  Random random_;
  Table table_;
  std::uint64_t clock_ = 0;  // the largest stamp seen
  std::optional<Instant> compare_at_;
};

std::string text(const AntiEntropy::Message& message);

}  // namespace coord::broadcast
