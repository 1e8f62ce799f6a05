// SPDX-License-Identifier: MIT
// The highest fencing token that a resource has seen, kept so that no crash makes it smaller.
//
// Problem: whoever holds a lock may be paused, and go on to write when the lock has long passed to
// another one. Only the resource can refuse it, by remembering the highest token that came along (M.
// Kleppmann, "How to do distributed locking", 2016). Why a file that holds a number is not enough:
// rewriting it in place may tear or lose it when the power goes, and replacing it by rename changes the
// file that everybody has to lock.
//
// The way here: one file that is never replaced, with the number in it twice, a block apart. A
// raise writes and syncs one copy, then the other, first the one that does not hold the present
// number. So at every instant one copy is whole; a copy that is torn or rotten is outvoted by the
// other; and two copies that differ show that a raise was not finished, so that even an equal token
// writes them again (the kernel reports a failed sync once, and then calls the page clean; so a
// copy whose sync failed is spoilt on purpose).
//
// Pure but for the DiskFile. Threading: none; the caller holds a lock on the file.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "base/disk.hpp"
#include "base/ids.hpp"

namespace coord::store {

class FenceRecord {
 public:
  // ErrorKind::data: the file is something else, or both copies are damaged. Reads at most two blocks.
  static Result<FenceRecord> read(DiskFile& file, const std::string& name);

  // Nothing: no token was ever admitted here.
  std::optional<Token> highest() const { return highest_; }
  // Whether a holder with this token may use the resource: no higher one was seen. Equal ones may.
  bool admits(Token token) const;
  // Makes `token`, which must be admitted, the highest. Durable when it returns; after an error nothing is
  // known of the file but that it holds the old or the new number: do not use the resource.
  Status raise(DiskFile& file, Token token);

 private:
  enum class State : std::uint8_t { blank, good, damaged };
  struct Copy {
    State state = State::blank;
    Token token;
  };
  static Copy parse(ByteView bytes);

  std::array<Copy, 2> copies_;
  std::optional<Token> highest_;
};

}  // namespace coord::store
