// SPDX-License-Identifier: MIT
#include "engines/etcd_calls.hpp"

#include <utility>

namespace coord::engines::etcd {

namespace {

std::string text_of(ByteView bytes) {
  return {bytes.begin(), bytes.end()};
}

std::optional<Pair> read_pair(ByteView message) {
  ProtoReader reader(message);
  Pair pair;
  while (const auto field = reader.next()) {
    if (field->number == 1) pair.key = text_of(field->bytes);
    if (field->number == 2) pair.created = field->value;
    if (field->number == 3) pair.changed = field->value;
    if (field->number == 5) pair.value = Bytes(field->bytes.begin(), field->bytes.end());
  }
  return reader.failed() ? std::nullopt : std::optional(std::move(pair));
}

void read_header(ByteView message, Answer& answer) {
  ProtoReader reader(message);
  while (const auto field = reader.next()) {
    if (field->number == 3) answer.revision = field->value;
  }
}

bool read_range_into(ByteView message, Answer& answer) {
  ProtoReader reader(message);
  while (const auto field = reader.next()) {
    if (field->number == 1 && answer.revision == 0) read_header(field->bytes, answer);
    if (field->number == 3) answer.more = field->value != 0;
    if (field->number != 2) continue;
    auto pair = read_pair(field->bytes);
    if (!pair) return false;
    answer.pairs.push_back(std::move(*pair));
  }
  return !reader.failed();
}

}  // namespace

ProtoWriter range(const Range& range) {
  ProtoWriter out;
  out.text(1, range.from);
  if (!range.to.empty()) out.text(2, range.to);
  out.number(3, range.limit).number(4, range.at_revision);
  if (range.order == Range::Order::by_key_down) out.number(5, 2).number(6, 0);
  if (range.order == Range::Order::by_change) out.number(5, 1).number(6, 3);
  out.number(10, range.changed_since);
  return out;
}

ProtoWriter put(const std::string& key, ByteView value) {
  ProtoWriter out;
  out.text(1, key).bytes(2, value);
  return out;
}

ProtoWriter remove(const std::string& from, const std::string& to) {
  ProtoWriter out;
  out.text(1, from);
  if (!to.empty()) out.text(2, to);
  return out;
}

Transaction& Transaction::if_value(const std::string& key, ByteView value) {
  ProtoWriter compare;
  compare.number(2, 3).text(3, key).bytes(7, value);
  out_.message(1, compare);
  return *this;
}

Transaction& Transaction::if_other_value(const std::string& key, ByteView value) {
  ProtoWriter compare;
  compare.number(1, 3).number(2, 3).text(3, key).bytes(7, value);
  out_.message(1, compare);
  return *this;
}

Transaction& Transaction::if_value_begins(const std::string& key, const std::string& begin) {
  constexpr std::uint64_t greater = 1, less = 2;
  std::string above = begin;
  above.back() = static_cast<char>(above.back() + 1);
  for (const auto& [how, bound] : {std::pair(greater, begin), std::pair(less, above)}) {
    ProtoWriter compare;
    compare.number(1, how).number(2, 3).text(3, key).bytes(7, ByteView(bytes_of(bound)));
    out_.message(1, compare);
  }
  return *this;
}

// 0 has to be said here: the union must have a member.
Transaction& Transaction::if_absent(const std::string& key) {
  ProtoWriter compare;
  compare.number(2, 1).text(3, key);
  Bytes whole = compare.out();
  whole.push_back(5U << 3U);
  whole.push_back(0);
  out_.bytes(1, whole);
  return *this;
}

Transaction& Transaction::then_range(const Range& what) {
  ProtoWriter operation;
  operation.message(1, range(what));
  out_.message(2, operation);
  return *this;
}

Transaction& Transaction::then_put(const std::string& key, ByteView value) {
  ProtoWriter operation;
  operation.message(2, put(key, value));
  out_.message(2, operation);
  return *this;
}

Transaction& Transaction::then_remove(const std::string& from, const std::string& to) {
  ProtoWriter operation;
  operation.message(3, remove(from, to));
  out_.message(2, operation);
  return *this;
}

Bytes watch(const std::string& from, const std::string& to, std::uint64_t revision) {
  ProtoWriter create;
  create.text(1, from).text(2, to).number(3, revision).number(5, 1);  // no deletions
  ProtoWriter request;
  request.message(1, create);
  return request.out();
}

namespace {

// Of a message within another; 0 is said by silence.
std::uint64_t number_in(ByteView message, unsigned wanted) {
  ProtoReader reader(message);
  std::uint64_t value = 0;
  while (const auto field = reader.next()) {
    if (field->number == wanted) value = field->value;
  }
  return value;
}

}  // namespace

std::optional<Status> read_status(ByteView message) {
  ProtoReader reader(message);
  Status status;
  while (const auto field = reader.next()) {
    if (field->number == 1) status.member = number_in(field->bytes, 2);  // of the header
    if (field->number == 2) status.version = text_of(field->bytes).substr(0, 64);
    if (field->number == 3) status.bytes = field->value;
    if (field->number == 4) status.leader = field->value;
    if (field->number == 13) status.quota = field->value;
  }
  return reader.failed() ? std::nullopt : std::optional(std::move(status));
}

std::optional<std::string> read_member(ByteView message, std::uint64_t id) {
  constexpr std::size_t longest = 255;
  ProtoReader reader(message);
  std::string found;
  while (const auto field = reader.next()) {
    if (field->number != 2 || number_in(field->bytes, 1) != id) continue;
    ProtoReader member(field->bytes);
    std::string name, url;
    while (const auto part = member.next()) {
      if (part->number == 2) name = text_of(part->bytes);
      if (part->number == 4 && url.empty()) url = text_of(part->bytes);
    }
    const std::size_t scheme = url.find("://");
    found = (url.empty()                   ? name
             : scheme == std::string::npos ? url
                                           : url.substr(scheme + 3))
                .substr(0, longest);
  }
  return reader.failed() ? std::nullopt : std::optional(std::move(found));
}

std::optional<Answer> read_range(ByteView message) {
  Answer answer;
  return read_range_into(message, answer) ? std::optional(std::move(answer)) : std::nullopt;
}

std::optional<Answer> read_transaction(ByteView message) {
  ProtoReader reader(message);
  Answer answer;
  while (const auto field = reader.next()) {
    if (field->number == 1) read_header(field->bytes, answer);
    if (field->number == 2) answer.succeeded = field->value != 0;
    if (field->number != 3) continue;
    ProtoReader operation(field->bytes);
    while (const auto of = operation.next()) {
      if (of->number == 1 && !read_range_into(of->bytes, answer)) return std::nullopt;
    }
    if (operation.failed()) return std::nullopt;
  }
  return reader.failed() ? std::nullopt : std::optional(std::move(answer));
}

std::optional<Answer> read_watch(ByteView message) {
  ProtoReader reader(message);
  Answer answer;
  while (const auto field = reader.next()) {
    if (field->number == 1) read_header(field->bytes, answer);
    if (field->number == 3) answer.created = field->value != 0;
    if (field->number == 4) answer.cancelled = field->value != 0;
    if (field->number == 5) answer.compacted = field->value;
    if (field->number == 6) answer.why = text_of(field->bytes);
    if (field->number != 11) continue;
    ProtoReader event(field->bytes);
    bool removed = false;
    std::optional<Pair> pair;
    while (const auto of = event.next()) {
      if (of->number == 1) removed = of->value == 1;
      if (of->number == 2) pair = read_pair(of->bytes);
    }
    if (event.failed() || !pair) return std::nullopt;
    if (!removed) answer.pairs.push_back(std::move(*pair));
  }
  return reader.failed() ? std::nullopt : std::optional(std::move(answer));
}

std::string after_prefix(std::string prefix) {
  prefix.back() = static_cast<char>(prefix.back() + 1);
  return prefix;
}

}  // namespace coord::engines::etcd
