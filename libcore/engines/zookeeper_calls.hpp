// SPDX-License-Identifier: MIT
// The few requests of ZooKeeper's that the adapter sends, and what their answers hold. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "engines/jute.hpp"
#include "engines/marks.hpp"

namespace coord::engines::zookeeper {

enum class Operation : std::int32_t {
  create = 1,
  remove = 2,
  exists = 3,
  get = 4,
  put = 5,
  children = 8,
  ping = 11,
  check = 13,
  multi = 14,
  auth = 100,
  close_session = -11,
};

// Errors that mean something to a log.
inline constexpr std::int32_t no_node = -101, no_auth = -102, bad_version = -103, node_exists = -110,
                              not_empty = -111, session_expired = -112, invalid_acl = -114,
                              auth_failed = -115;

// Who may read and write what is created: everybody, or who has said a name and password.
enum class Rights : std::uint8_t { everybody, creator };

struct Stat {
  std::uint64_t created = 0, changed = 0;  // czxid, mzxid
  std::int32_t version = 0;
  std::int32_t bytes = 0;                  // of its data
  std::int64_t changes = 0, children = 0;  // of children: creations and removals; how many there are
  // How many were ever created in it.
  std::uint64_t creations() const { return static_cast<std::uint64_t>((changes + children) / 2); }
};
Stat read_stat(JuteReader& reader);

Bytes create(const std::string& path, ByteView data, Rights rights, bool numbered = false);
Bytes create_for_session(const std::string& path, ByteView data, Rights rights);  // numbered, too
Bytes put(const std::string& path, ByteView data, std::int32_t version);
Bytes remove(const std::string& path, std::int32_t version = -1);
Bytes check(const std::string& path, std::int32_t version);
Bytes read(const std::string& path, bool watch);  // get, exists, children

// All of it or nothing.
class Multi {
 public:
  Multi& add(Operation operation, const Bytes& body);
  Bytes out() const;

 private:
  JuteWriter out_;
};
struct MultiAnswer {
  std::int32_t error = 0;  // the first one; 0: all was done
  std::string created;     // the last path
};
std::optional<MultiAnswer> read_multi(JuteReader& reader);

// `session`: which to go on with, by its password; 0: a new one. `seen`: of its history, by this client.
Bytes connect_request(std::int32_t session_ms, std::uint64_t session = 0, ByteView password = {},
                      std::uint64_t seen = 0);
Bytes auth(const std::string& user, const std::string& password);

}  // namespace coord::engines::zookeeper
