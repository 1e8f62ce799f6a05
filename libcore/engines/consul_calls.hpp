// SPDX-License-Identifier: MIT
// What the adapter sends to Consul and reads from it, of its HTTP interface for keys and values
// (version 1). Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"

namespace coord::engines::consul {

struct Pair {
  std::string key, value;
  std::uint64_t changed = 0;      // Consul's index; 0: it is not there
  std::string session{};          // that has it as a lock; empty: none
  std::string_view flags_text{};  // as a number, in the text that it was read from: more than 53 bits
};

// All of it or nothing. 64 operations at most, of 512 KiB together.
class Transaction {
 public:
  Transaction& set(const std::string& key, std::string_view value);
  Transaction& set_if(const std::string& key, std::uint64_t changed,
                      std::string_view value);  // 0: if it is not there
  Transaction& get(const std::string& key);
  Transaction& check(const std::string& key, std::uint64_t changed);
  Transaction& remove_below(const std::string& prefix);
  std::size_t operations() const { return operations_; }
  std::string text() const { return "[" + text_ + "]"; }

 private:
  Transaction& add(std::string_view verb, const std::string& key, std::string_view more);

  std::string text_;
  std::size_t operations_ = 0;
};

struct Outcome {
  std::vector<Pair> pairs;
  std::vector<std::size_t> failed;  // these operations, of which the first is 0
  bool is_forbidden = false;
};
std::optional<Outcome> read_transaction(std::string_view text);
std::optional<Pair> read_pair(std::string_view text);  // the only one of a list
std::optional<std::vector<std::string>> read_keys(std::string_view text);
std::optional<std::vector<Pair>> read_pairs(std::string_view text);
std::optional<std::string> read_session(std::string_view text);  // one that was made
// A key in the path of a request: whatever it is made of.
std::string in_path(std::string_view key);
std::optional<std::string> read_version(std::string_view text);
// Whether a server leads: its address is told.
std::optional<std::string> read_leader(std::string_view text);

}  // namespace coord::engines::consul
