// SPDX-License-Identifier: MIT
// HTTP/1.1 as a client speaks it: requests as bytes, answers one after the other as they come. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.hpp"

namespace coord::engines::http1 {

struct Answer {
  unsigned status = 0;
  std::vector<std::pair<std::string, std::string>> headers;  // names in small letters
  std::string body;

  std::string_view header(std::string_view name) const;  // empty: it has none
};

using Headers = std::vector<std::pair<std::string, std::string>>;
// Nothing in it may have a line's end: names, values and targets are the caller's own.
Bytes request(std::string_view method, std::string_view target, std::string_view host, const Headers& headers,
              std::string_view body);

// Takes one whole answer off the front. Nothing: it is not all there yet. Answers whose end is that of the
// connection are none of it: it is kept.
class Reader {
 public:
  void add(ByteView bytes) { in_.append(bytes.begin(), bytes.end()); }
  std::optional<Answer> next();
  bool failed() const { return failed_; }

 private:
  enum class At : std::uint8_t { head, body, chunk, chunk_end, trailer };
  std::optional<std::string_view> line();
  bool read_head();
  bool read_header(std::string_view line);
  bool measure();
  bool read_chunk();
  bool take(std::size_t size);
  bool fail();

  std::string in_;
  std::size_t taken_ = 0;
  At at_ = At::head;
  bool has_status_ = false;
  std::size_t head_size_ = 0, left_ = 0;
  Answer answer_;
  bool failed_ = false;
};

}  // namespace coord::engines::http1
