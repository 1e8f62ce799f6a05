// SPDX-License-Identifier: MIT
// What is said of an engine's own keys and locks between a tool and its own peer (--native): of what other
// programs than ours put there, in the engine's own form. Nothing of it is in a log of ours.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/ids.hpp"
#include "base/time.hpp"
#include "wire/bounds.hpp"

namespace coord::native {

inline constexpr std::uint32_t formats = 2;  // the version by which they are laid out
inline constexpr std::size_t longest_key = 1024;
inline constexpr std::size_t longest_value = std::size_t{1000} << 10U;

// ---- a tool to its peer

struct Get {
  std::string key;
  bool operator==(const Get&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(wire::at_most<longest_key>(key));
  }
};
// A version is the engine's own number of the key's last change. 0 as the wanted one: there is no such key.
struct Put {
  std::string key, value;
  std::optional<std::uint64_t> wanted;
  bool operator==(const Put&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(wire::at_most<longest_key>(key), wire::at_most<longest_value>(value), wanted);
  }
};
struct Remove {
  std::string key;
  std::optional<std::uint64_t> wanted;
  bool operator==(const Remove&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(wire::at_most<longest_key>(key), wanted);
  }
};
struct List {
  std::string prefix;
  bool operator==(const List&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(wire::at_most<longest_key>(prefix));
  }
};
// Answered by Value now and at every change, until the connection ends.
struct Watch {
  std::string key;
  bool operator==(const Watch&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(wire::at_most<longest_key>(key));
  }
};
// By the engine's own recipe, under this session, which the tool has from its peer: answered by Queued,
// Locked, Busy or Cannot. The lock is let go when the session has ended.
struct Lock {
  SessionId session;
  std::string name;
  Duration ttl{};
  bool wait = true;
  std::string holder;  // host and process, for whoever looks
  bool operator==(const Lock&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(session, wire::at_most<255>(name), ttl, wait, wire::at_most<512>(holder));
  }
};
// Wants it no longer. Answered by Unlocked.
struct Unlock {
  SessionId session;
  bool operator==(const Unlock&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(session);
  }
};
using FromTool = std::variant<Get, Put, Remove, List, Watch, Lock, Unlock>;

// ---- a peer to its tool

struct Value {
  bool there = false;
  std::uint64_t version = 0;  // 0: the engine has none
  std::string value;
  bool operator==(const Value&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(there, version, wire::at_most<longest_value>(value));
  }
};
struct Key {
  std::string key;
  std::uint64_t version = 0, bytes = 0;
  bool operator==(const Key&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(wire::at_most<longest_key>(key), version, bytes);
  }
};
struct Keys {
  std::vector<Key> keys;
  bool more = false;  // of them come with another answer
  bool operator==(const Keys&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(wire::at_most<512>(keys), more);
  }
};
struct Done {
  std::uint64_t version = 0;  // 0: the engine does not tell
  bool operator==(const Done&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(version);
  }
};
struct Not {  // as it was wanted: the key is there, or not, and has this version
  bool there = false;
  std::uint64_t version = 0;
  bool operator==(const Not&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(there, version);
  }
};
struct Queued {
  std::string behind;  // the engine's word for it
  bool operator==(const Queued&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(wire::at_most<longest_key>(behind));
  }
};
// All must be stopped 0.8 TTL after `sent`, and after the renewals of the session that are told from now on.
struct Locked {
  Instant sent;
  bool operator==(const Locked&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(sent);
  }
};
struct Busy {
  bool operator==(const Busy&) const = default;
  template <class Archive>
  void serialize(Archive&) {}
};
struct Unlocked {
  bool reached = false;  // the engine has said so, or was there to be asked when the wait was over
  bool operator==(const Unlocked&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(reached);
  }
};
struct Cannot {
  // lacks: the engine has no such thing; wrong: what was asked for is no such thing to it.
  enum class Why : std::uint8_t { lacks, wrong, unreachable, unknown } why = Why::unreachable;
  std::string text;
  bool operator==(const Cannot&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(why, wire::text<1024>(text));
  }
};
constexpr const char* name_of(Cannot::Why why) {
  switch (why) {
    using enum Cannot::Why;
    case lacks:
      return "lacks";
    case wrong:
      return "wrong";
    case unreachable:
      return "unreachable";
    case unknown:
      return "unknown";
  }
  return nullptr;
}
using ToTool = std::variant<Value, Keys, Done, Not, Queued, Locked, Busy, Unlocked, Cannot>;

}  // namespace coord::native
