// SPDX-License-Identifier: MIT
// What a host keeps of its group in its state directory (the files `member` and `addresses`), and what an
// entry of the log says of who votes: no content crashes the parsers, and what is accepted is written as it
// was read.
#include "base/check.hpp"
#include "daemon/address_book.hpp"
#include "daemon/member_file.hpp"
#include "protocol/raft/voters.hpp"

using namespace coord;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(data, data + size);
  if (const auto file = daemon::parse_member_file(text)) {
    const auto again = daemon::parse_member_file(daemon::to_text(*file));
    COORD_CHECK(again.ok() && *again == *file);
  }
  if (const auto book = daemon::parse_address_book(text)) {
    const auto again = daemon::parse_address_book(daemon::to_text(*book));
    COORD_CHECK(again.ok() && *again == *book);
  }
  if (const auto voters = raft::decode_voters({data, size}))
    COORD_CHECK(raft::encode(*voters) == Bytes(data, data + size));
  return 0;
}
