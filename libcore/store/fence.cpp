// SPDX-License-Identifier: MIT
#include "store/fence.hpp"

#include <algorithm>
#include <charconv>
#include <cinttypes>
#include <string_view>

#include "base/format.hpp"
#include "base/rule.hpp"
#include "store/crc32c.hpp"

namespace coord::store {
namespace {

constexpr std::uint64_t record_stride =
    4096;  // one copy a block of the disk: a torn write never reaches the other
constexpr std::string_view fence_mark = "coordutils fence 1 token ";
constexpr std::string_view spoilt = "coordutils fence 1 token unsynced";
constexpr std::size_t token_digits = 20, crc_digits = 8;
constexpr std::size_t text_size = fence_mark.size() + token_digits + 1 + crc_digits + 1;

ByteView bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

// `coordutils fence 1 token 00000000000000000042 1a2b3c4d`, a line that a person can read.
std::string text_of(Token token) {
  const std::string text = fmt::format("{}{:0{}} ", fence_mark, token.value, token_digits);
  return fmt::format("{}{:0{}x}\n", text, crc32c(bytes_of(text)), crc_digits);
}

// What the first, interrupted write of a new file can leave: a beginning of a record, then zeros.
bool is_begun_record(ByteView bytes) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  const std::string_view begun = text.substr(0, std::min(text.find('\0'), text.size()));
  return begun.starts_with(fence_mark) || fence_mark.starts_with(begun);
}

}  // namespace

FenceRecord::Copy FenceRecord::parse(ByteView bytes) {
  if (std::all_of(bytes.begin(), bytes.end(), [](std::uint8_t byte) { return byte == 0; })) return {};
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  Copy copy{State::damaged, Token{}};
  if (text.size() != text_size || !text.starts_with(fence_mark)) return copy;
  const char* const digits = text.data() + fence_mark.size();
  const auto [end, error] = std::from_chars(digits, digits + token_digits, copy.token.value);
  if (error != std::errc{} || end != digits + token_digits) return copy;
  if (COORD_RULE(fence_copy_checked, text == text_of(copy.token))) copy.state = State::good;
  return copy;
}

Result<FenceRecord> FenceRecord::read(DiskFile& file, const std::string& name) {
  FenceRecord record;
  bool ours = true;  // what is there was begun by us: another program's file must not be overwritten
  for (std::size_t index = 0; index < record.copies_.size(); ++index) {
    const auto bytes = file.read(index * record_stride, text_size);
    if (!bytes) return bytes.error();
    const Copy copy = record.copies_[index] = parse(*bytes);
    ours = ours && is_begun_record(*bytes);
    if (copy.state == State::good && (!record.highest_ || record.highest_->value < copy.token.value))
      record.highest_ = copy.token;
  }
  // While the second copy was not even begun, nothing was ever admitted.
  if (record.highest_ || (ours && record.copies_[1].state == State::blank)) return record;
  return Error{ErrorKind::data, name, "it is no fence record, or a damaged one",
               "if no earlier holder can still be at work, remove it"};
}

bool FenceRecord::admits(Token token) const {
  return COORD_RULE(fence_refuses_older, !highest_ || token.value >= highest_->value);
}

Status FenceRecord::raise(DiskFile& file, Token token) {
  const auto holds = [](const Copy& copy, Token wanted) {
    return copy.state == State::good && copy.token.value == wanted.value;
  };
  if (COORD_RULE_OR(fence_rewrites_unfinished, holds(copies_[0], token) && holds(copies_[1], token),
                    highest_ && highest_->value == token.value))
    return done();
  // What a killed process wrote and did not sync looks whole to us and need not be.
  if (COORD_RULE_OR(fence_synced_before_raise, true, false)) {
    if (Status synced = file.sync(); !synced) return synced;
  }
  const bool only_first_is_whole = highest_ && holds(copies_[0], *highest_) && !holds(copies_[1], *highest_);
  const std::size_t first = COORD_RULE_OR(fence_spares_the_whole_copy, only_first_is_whole ? 1U : 0U, 0U);
  const std::string text = text_of(token);
  for (const std::size_t index : {first, 1 - first}) {
    if (Status written = file.write(index * record_stride, bytes_of(text)); !written) return written;
    copies_[index] = {State::good, token};
    if (!COORD_RULE_OR(fence_synced_copy_by_copy, true, index != first)) continue;
    Status synced = file.sync();
    if (synced) continue;
    // The kernel now takes the page for clean: no later user may take this copy for the whole one.
    if (COORD_RULE_OR(fence_unsynced_copy_is_spoilt, true, false))
      (void)file.write(index * record_stride, bytes_of(spoilt)).ok();
    return synced;
  }
  highest_ = token;
  return done();
}

}  // namespace coord::store
