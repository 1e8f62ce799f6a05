// SPDX-License-Identifier: MIT
// Header fields of HTTP/2 (RFC 7541): what this program sends, without any compression, and what a server
// sends, with all that it may use. Pure; bounded by the block's size and the table's.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.hpp"

namespace coord::engines {

using Headers = std::vector<std::pair<std::string, std::string>>;

Bytes encode_headers(const Headers& headers);

class HeaderDecoder {
 public:
  // Nothing: it cannot be read, and no later block can.
  std::optional<Headers> decode(ByteView block);

 private:
  using Field = std::pair<std::string, std::string>;
  std::optional<Field> at(std::uint64_t index) const;
  void remember(Field field);
  void shrink(std::size_t limit);

  static constexpr std::size_t table_limit = 4096;
  std::size_t limit_ = table_limit, size_ = 0;
  std::deque<Field> table_;  // the newest first
};

}  // namespace coord::engines
