// SPDX-License-Identifier: MIT
// What is said about keys of the map, by commands and by tools.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.hpp"
#include "base/time.hpp"

namespace coord::service {

// Which version the key must have; 0: there must be no such key. None: whichever it has.
using WantedVersion = std::optional<Token>;

// A key of which a session is the owner: part of the Acquire that opens the session (locks/commands.hpp).
struct SessionValue {
  std::string key{};
  std::string value{};
  WantedVersion wanted{};

  bool operator==(const SessionValue&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(key, value, wanted);
  }
};

// The key has this value from now on. A tool says it as it is: what it says of its user, its peer corrects.
struct PutValue {
  std::string key{};
  std::string value{};
  WantedVersion wanted{};
  std::uint32_t uid = 0;
  std::string user{};

  std::string& name() { return key; }
  bool operator==(const PutValue&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(key, value, wanted, uid, user);
  }
};

struct RemoveValue {
  std::string key{};
  WantedVersion wanted{};
  std::uint32_t uid = 0;
  std::string user{};

  std::string& name() { return key; }
  bool operator==(const RemoveValue&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(key, wanted, uid, user);
  }
};

// ---- questions, and their answers

// Of one key, or that there is none: version 0.
struct GetValue {
  std::string key{};

  std::string& name() { return key; }
  const std::string& name() const { return key; }
  bool operator==(const GetValue&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(key);
  }
};

// Keys that begin with `prefix` above `after`, as many as fit one answer.
struct ListValues {
  std::string prefix{};
  std::string after{};

  std::string& name() { return prefix; }
  const std::string& name() const { return prefix; }
  bool operator==(const ListValues&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(prefix, after);
  }
};

struct KeyRecord {
  std::string key{};
  Token version{};
  std::uint64_t bytes = 0;
  std::string user{};  // who gave it its value
  WallTime since{};    // when
  // Of a key that lives with a command: whose.
  std::string host{};
  std::uint32_t pid = 0;

  bool operator==(const KeyRecord&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(key, version, bytes, user, since, host, pid);
  }
};

struct ValueView {
  KeyRecord of{};
  std::string value{};

  bool operator==(const ValueView&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(of, value);
  }
};

struct ValuesView {
  std::vector<KeyRecord> keys{};
  bool more = false;  // ask again, after the last one

  bool operator==(const ValuesView&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(keys, more);
  }
};

}  // namespace coord::service
