// SPDX-License-Identifier: MIT
#include "engines/resp.hpp"

#include <charconv>
#include <utility>

#include "base/format.hpp"
#include "engines/marks.hpp"

namespace coord::engines::resp {

namespace {

constexpr std::size_t text_limit = 300U << 20U;
constexpr std::int64_t items_limit = 1'000'000;
constexpr unsigned depth_limit = 8;

std::optional<std::int64_t> number_of(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

}  // namespace

Bytes command(const std::vector<std::string_view>& words) {
  Bytes out;
  const auto add = [&out](std::string_view text) { out.insert(out.end(), text.begin(), text.end()); };
  add(fmt::format("*{}\r\n", words.size()));
  for (const std::string_view word : words) {
    add(fmt::format("${}\r\n", word.size()));
    add(word);
    add("\r\n");
  }
  return out;
}

void Reader::add(ByteView bytes) {
  if (in_.size() + bytes.size() > text_limit) failed_ = true;
  if (!failed_) in_.insert(in_.end(), bytes.begin(), bytes.end());
}

bool Reader::fail() {
  failed_ = true;
  return false;
}

std::optional<std::string_view> Reader::line() {
  constexpr std::size_t line_limit = 64U << 10U;
  const std::string_view all(reinterpret_cast<const char*>(in_.data()), in_.size());
  const std::size_t end = all.find("\r\n", at_);
  if (end == std::string_view::npos) {
    if (all.size() - at_ > line_limit) failed_ = true;
    return std::nullopt;
  }
  const std::string_view found = all.substr(at_, end - at_);
  at_ = end + 2;
  return found;
}

bool Reader::read_list(Value& value, std::int64_t count, unsigned depth) {
  if (count < -1 || count > items_limit || depth == depth_limit) return fail();
  if (count == -1) return true;
  if (value.kind == Value::Kind::nothing) value.kind = Value::Kind::list;
  for (std::int64_t i = 0; i < count; ++i) {
    if (!read(value.list.emplace_back(), depth + 1)) return false;
  }
  return true;
}

// False: it is not all there, or is none.
bool Reader::read(Value& value, unsigned depth) {
  const auto head = line();
  if (!head) return false;
  if (head->empty()) return fail();
  const std::string_view rest = head->substr(1);
  switch (head->front()) {
    case '+':
    case '-':
      value.kind = head->front() == '+' ? Value::Kind::text : Value::Kind::error;
      value.text = rest;
      return true;
    case '_':
      return true;
    case '#':
    case ',':
    case '(':
      value.kind = Value::Kind::text;
      value.text = rest;
      return true;
    default:
      break;
  }
  const auto number = number_of(rest);
  if (!number) return fail();
  switch (head->front()) {
    case ':':
      value.kind = Value::Kind::number;
      value.number = *number;
      return true;
    case '$':
    case '=': {
      if (*number == -1) return true;
      if (*number < 0 || static_cast<std::size_t>(*number) > text_limit) return fail();
      const auto size = static_cast<std::size_t>(*number);
      if (in_.size() - at_ < size + 2) {
        wanted_ = at_ + size + 2;
        return false;
      }
      value.kind = Value::Kind::text;
      value.text.assign(in_.begin() + static_cast<std::ptrdiff_t>(at_),
                        in_.begin() + static_cast<std::ptrdiff_t>(at_ + size));
      at_ += size + 2;
      return true;
    }
    case '*':
    case '~':
      return read_list(value, *number, depth);
    case '%':
      return read_list(value, *number * 2, depth);
    case '>':
      value.kind = Value::Kind::push;
      return read_list(value, *number, depth);
    default:
      return fail();
  }
}

std::optional<Value> Reader::next() {
  if (failed_ || in_.size() < wanted_) return std::nullopt;
  at_ = taken_;
  wanted_ = 0;
  Value value;
  if (!read(value, 0)) {
    const std::size_t taken = std::exchange(taken_, 0);
    in_.erase(in_.begin(), in_.begin() + static_cast<std::ptrdiff_t>(taken));
    if (wanted_ != 0) wanted_ -= taken;
    return std::nullopt;
  }
  taken_ = at_;
  return value;
}

}  // namespace coord::engines::resp
