// SPDX-License-Identifier: MIT
// Where a host keeps the entries of its rings and their values. Calls may block; what was written is durable
// when commit() has returned done. Keys are ordered by their bytes.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "protocol/versions/version.hpp"

namespace coord::ring {

class Storage {
 public:
  Storage() = default;
  Storage(const Storage&) = delete;
  Storage& operator=(const Storage&) = delete;
  virtual ~Storage() = default;

  struct Row {
    std::string key;
    Entry entry;
    std::uint64_t change = 0;  // the place of its last change in the order of all changes of this host
  };
  struct Totals {
    std::uint64_t keys = 0, bytes = 0, siblings = 0;
  };

  virtual Status begin() = 0;
  virtual Status commit() = 0;
  virtual void roll_back() = 0;

  // The number of this host's last write, and the place of its last change; both grow for ever.
  virtual Result<std::uint64_t> last_write() = 0;
  virtual Result<std::uint64_t> last_change() = 0;
  virtual Status set_last_write(std::uint64_t number) = 0;
  // The number of this host's last life; 0: it has had none.
  virtual Result<std::uint64_t> last_life() = 0;
  virtual Status set_last_life(std::uint64_t life) = 0;

  virtual Result<std::optional<Entry>> find(const std::string& ring, const std::string& key) = 0;
  // As the newest change; an entry without versions is forgotten.
  virtual Status keep(const std::string& ring, const std::string& key, const Entry& entry) = 0;

  // As which member this host has all that it is to keep, by ring; 0 ends that.
  virtual Result<std::map<std::string, std::uint64_t>> memberships() = 0;
  virtual Status set_membership(const std::string& ring, std::uint64_t joined) = 0;

  // The names of rings that this host has joined, as they are stored (joined_ring()), of
  // which anything is here.
  virtual Result<std::vector<std::string>> joined_rings() = 0;
  // Some of a ring's values and entries; true: there is more.
  virtual Result<bool> drop_some(const std::string& ring) = 0;

  // Entries of rings of this host alone that hold nothing but tombstones.
  virtual Status forget_removed() = 0;

  virtual Status keep_value(const std::string& ring, const std::string& key, const Dot& dot,
                            ByteView value) = 0;
  virtual Status drop_value(const std::string& ring, const std::string& key, const Dot& dot) = 0;
  virtual Result<Bytes> value(const std::string& ring, const std::string& key, const Dot& dot,
                              std::uint64_t offset, std::size_t most) = 0;

  virtual Result<std::vector<Row>> keys_after(const std::string& ring, const std::string& prefix,
                                              const std::string& after, std::size_t most) = 0;
  // Tombstones too.
  virtual Result<std::vector<Row>> entries_after(const std::string& ring, const std::string& prefix,
                                                 const std::string& after, std::size_t most) = 0;
  // Those that hold nothing but tombstones.
  virtual Result<std::vector<Row>> removed_after(const std::string& ring, const std::string& after,
                                                 std::size_t most) = 0;
  virtual Result<std::vector<Row>> changes_after(const std::string& ring, std::uint64_t change,
                                                 std::size_t most) = 0;
  virtual Result<Totals> totals(const std::string& ring) = 0;
  // Of keys with this prefix, without those of memberships that are over: reads all that there are.
  virtual Result<Totals> totals_of_all_rings(const std::string& prefix) = 0;
  virtual Result<std::uint64_t> bytes_on_disk() = 0;
};

// A ring that this host has joined stands apart from its own of the same name, and from
// an earlier membership.
std::string joined_ring(const std::string& ring, std::uint64_t joined);
std::optional<std::pair<std::string, std::uint64_t>> read_joined_ring(const std::string& stored);

// Of an Error of a Storage: there is no room.
bool is_full(const Error& error);
Error full_error(std::string object);

}  // namespace coord::ring
