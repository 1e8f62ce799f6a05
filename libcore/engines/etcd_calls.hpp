// SPDX-License-Identifier: MIT
// The few messages of etcd's that the adapter sends and reads (etcdserverpb, version 3). Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "engines/protobuf.hpp"

namespace coord::engines::etcd {

struct Pair {
  std::string key;
  Bytes value;
  std::uint64_t created = 0, changed = 0;  // revisions
};
struct Answer {  // to a range, to a transaction, or to a watch: what of it there is
  std::uint64_t revision = 0;
  bool succeeded = false;
  bool more = false;
  std::vector<Pair> pairs;  // of all ranges in their order
  bool created = false, cancelled = false;
  std::uint64_t compacted = 0;
  std::string why;
};

struct Range {
  std::string from, to;  // `to` empty: that key alone
  std::uint64_t limit = 0;
  std::uint64_t at_revision = 0;    // 0: now
  std::uint64_t changed_since = 0;  // 0: whenever
  enum class Order : std::uint8_t { by_key, by_key_down, by_change } order = Order::by_key;
};

ProtoWriter range(const Range& range);
ProtoWriter put(const std::string& key, ByteView value);
ProtoWriter remove(const std::string& from, const std::string& to);

// All of it or nothing, where every comparison holds.
class Transaction {
 public:
  Transaction& if_value(const std::string& key, ByteView value);
  Transaction& if_other_value(const std::string& key, ByteView value);  // there is one, and not this
  Transaction& if_value_begins(const std::string& key, const std::string& begin);
  Transaction& if_absent(const std::string& key);
  Transaction& then_range(const Range& range);
  Transaction& then_put(const std::string& key, ByteView value);
  Transaction& then_remove(const std::string& from, const std::string& to);
  const Bytes& out() const { return out_.out(); }

 private:
  ProtoWriter out_;
};

// What is put from `from` to `to`, from this revision on.
Bytes watch(const std::string& from, const std::string& to, std::uint64_t revision);

struct Status {  // of one member, as it sees the cluster
  std::string version;
  std::uint64_t bytes = 0, quota = 0;  // of its database; 0: not told
  std::uint64_t member = 0;            // its own id
  std::uint64_t leader = 0;            // 0: none
};
std::optional<Status> read_status(ByteView message);
// The address at which clients reach that member, else its name; empty: it is not among them.
std::optional<std::string> read_member(ByteView message, std::uint64_t id);

std::optional<Answer> read_range(ByteView message);
std::optional<Answer> read_transaction(ByteView message);
std::optional<Answer> read_watch(ByteView message);

// The first key that does not begin with this.
std::string after_prefix(std::string prefix);

}  // namespace coord::engines::etcd
