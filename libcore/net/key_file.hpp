// SPDX-License-Identifier: MIT
// The cluster's keys: who has one is a peer. A file of lines `id:base64` with 32 bytes each; `#` begins a
// comment. The first key sends, all of them receive, so that keys can be changed without a stop: add the new
// one below on every host, then move it to the top on every host, then drop the old one.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "base/result.hpp"

namespace coord::net {

inline constexpr std::size_t key_size = 32;

// 32 secret bytes, wiped when they go. Nothing prints them.
class SecretKey {
 public:
  SecretKey() = default;
  explicit SecretKey(ByteView bytes);  // key_size of them (checked)
  SecretKey(const SecretKey&) = default;
  SecretKey& operator=(const SecretKey&) = default;
  ~SecretKey();

  const std::uint8_t* data() const { return bytes_.data(); }
  std::uint8_t* data() { return bytes_.data(); }
  bool operator==(const SecretKey& other) const;  // takes as long whether or not they differ

 private:
  std::array<std::uint8_t, key_size> bytes_{};
};

struct ClusterKey {
  std::string id;  // 1 to 32 letters, digits, `.`, `_` or `-`
  SecretKey key;
};

// At least one key; ids are unique.
class KeyRing {
 public:
  explicit KeyRing(std::vector<ClusterKey> keys);

  const ClusterKey& sending() const { return keys_.front(); }
  const ClusterKey* find(std::string_view id) const;  // nullptr: no such key
  const std::vector<ClusterKey>& keys() const { return keys_; }

 private:
  std::vector<ClusterKey> keys_;
};

// `object` is what errors name, a file. No error repeats a part of a key.
Result<KeyRing> parse_keys(std::string_view text, const std::string& object);

// Refused with a reason each: a symbolic link, not a file, another owner than this user or root,
// readable by others, too large, unreadable, or what parse_keys refuses. Errors are
// ErrorKind::unavailable (configuration unusable).
Result<KeyRing> read_key_file(const std::string& path);

// A new random key as a line of a key file, without the newline.
std::string new_key_line();

// As parse_keys() reads it, a line a key. To be wiped by who has it.
std::string lines_of(const KeyRing& ring);
void wipe(std::string& text);
// Tells two keys apart that have one id, and says nothing of the secret.
std::uint64_t print_of(const ClusterKey& key);

}  // namespace coord::net
