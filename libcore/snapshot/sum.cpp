// SPDX-License-Identifier: MIT
#include "snapshot/sum.hpp"

#include <charconv>

#include "base/format.hpp"
#include "base/json_reader.hpp"

namespace coord::record {
namespace {

constexpr std::int64_t billion = 1'000'000'000;
constexpr std::size_t most_digits = 9;  // of a fraction

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_word(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
         static_cast<unsigned char>(c) >= 0x80;
}

std::size_t digits_in(std::string_view text) {
  std::size_t n = 0;
  while (n < text.size() && is_digit(text[n])) ++n;
  return n;
}

enum class Read { none, number, bad };

// The number that `text` begins with.
Read read_decimal(std::string_view text, Decimal& out) {
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  const std::size_t whole = digits_in(text);
  if (whole == 0) return Read::none;
  if (std::from_chars(text.data(), text.data() + whole, out.whole).ec != std::errc()) return Read::bad;
  text.remove_prefix(whole);
  out.billionths = 0;
  if (text.size() > 1 && text[0] == '.' && is_digit(text[1])) {
    const std::size_t digits = digits_in(text.substr(1));
    if (digits > most_digits) return Read::bad;
    for (std::size_t i = 0; i < most_digits; ++i)
      out.billionths = out.billionths * 10 + (i < digits ? text[1 + i] - '0' : 0);
    text.remove_prefix(1 + digits);
  }
  if (!text.empty() && is_word(text.front())) return Read::bad;
  if (negative) {
    out.whole = -out.whole - (out.billionths > 0 ? 1 : 0);
    out.billionths = out.billionths > 0 ? billion - out.billionths : 0;
  }
  return Read::number;
}

class Adder {
 public:
  Adder(std::string_view field) : field_(field) {}

  // True if `text` has the field.
  Result<bool> add(std::string_view text, const std::string& place) {
    const std::size_t first = text.find_first_not_of(" \t\r\n");
    bool has = false;
    const Status status = first != std::string_view::npos && text[first] == '{' && is_json(text)
                              ? add_member(text, place, has)
                              : add_all(text, place, has);
    if (!status) return status.error();
    return has;
  }
  const Decimal& value() const { return value_; }

 private:
  static bool is_json(std::string_view text) {
    JsonReader in(text);
    return in.skip() && in.end();
  }
  Error error(const std::string& place, std::string_view number) const {
    return Error{ErrorKind::data, place,
                 fmt::format("{} is {}, which is no decimal number of up to nine digits after its point",
                             field_, number.substr(0, 40)),
                 ""};
  }
  Status add_number(std::string_view text, const std::string& place, bool& has) {
    Decimal number;
    const Read read = read_decimal(text, number);
    if (read == Read::none) return done();
    if (read == Read::bad) return error(place, text.substr(0, text.find_first_of(" \t\r\n")));
    has = true;
    if (!value_.add(number)) return Error{ErrorKind::data, place, "the sum is beyond 64 bits", ""};
    return done();
  }
  Status add_member(std::string_view text, const std::string& place, bool& has) {
    JsonReader in(text);
    std::string_view number;
    (void)in.object([&](const std::string& name) {
      return name == field_ && in.next() == '0' ? in.raw(number) : in.skip();
    });
    return number.empty() ? done() : add_number(number, place, has);
  }
  Status add_all(std::string_view text, const std::string& place, bool& has) {
    const std::string wanted = fmt::format("{}=", field_);
    for (std::size_t at = text.find(wanted); at != std::string_view::npos; at = text.find(wanted, at + 1)) {
      if (at > 0 && is_word(text[at - 1])) continue;
      if (auto status = add_number(text.substr(at + wanted.size()), place, has); !status) return status;
    }
    return done();
  }

  std::string_view field_;
  Decimal value_;
};

}  // namespace

bool Decimal::add(const Decimal& other) {
  Decimal sum;
  if (__builtin_add_overflow(whole, other.whole, &sum.whole)) return false;
  sum.billionths = billionths + other.billionths;
  if (sum.billionths >= billion) {
    sum.billionths -= billion;
    if (__builtin_add_overflow(sum.whole, 1, &sum.whole)) return false;
  }
  *this = sum;
  return true;
}

std::string Decimal::text() const {
  const bool negative = whole < 0;
  // As sign and magnitude: -1 + 0.7 is -0.3.
  const bool borrows = negative && billionths > 0;
  const std::uint64_t magnitude =
      negative ? ~static_cast<std::uint64_t>(whole) + (borrows ? 0 : 1) : static_cast<std::uint64_t>(whole);
  std::string out = (negative ? "-" : "") + std::to_string(magnitude);
  if (billionths > 0) {
    std::string fraction = std::to_string(borrows ? billion - billionths : billionths);
    fraction.insert(0, most_digits - fraction.size(), '0');
    fraction.erase(fraction.find_last_not_of('0') + 1);
    out += fmt::format(".{}", fraction);
  }
  return out;
}

Result<Sum> sum(const Snapshot& snapshot, std::string_view field) {
  Adder adder(field);
  Sum sum;
  for (const Process& process : snapshot.processes) {
    const auto has = adder.add(process.state, process.id);
    if (!has) return has.error();
    sum.states += *has ? 1 : 0;
  }
  for (const Channel& channel : snapshot.channels) {
    for (const Message& message : channel.messages) {
      const auto has = adder.add(
          message.body, fmt::format("{} > {}: message {}", channel.from, channel.to, message.number));
      if (!has) return has.error();
      sum.messages += *has ? 1 : 0;
    }
  }
  sum.value = adder.value();
  return sum;
}

}  // namespace coord::record
