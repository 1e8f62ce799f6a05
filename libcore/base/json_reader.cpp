// SPDX-License-Identifier: MIT
#include "base/json_reader.hpp"

#include <charconv>

#include "base/utf8.hpp"

namespace coord {
namespace {

constexpr std::uint64_t largest_exact = (std::uint64_t{1} << 53U) - 1;

void append_utf8(std::string& out, std::uint32_t c) {
  const auto put = [&](std::uint32_t byte) { out += static_cast<char>(byte); };
  if (c < 0x80) {
    put(c);
  } else if (c < 0x800) {
    put(0xC0U | c >> 6U);
    put(0x80U | (c & 0x3FU));
  } else if (c < 0x10000) {
    put(0xE0U | c >> 12U);
    put(0x80U | (c >> 6U & 0x3FU));
    put(0x80U | (c & 0x3FU));
  } else {
    put(0xF0U | c >> 18U);
    put(0x80U | (c >> 12U & 0x3FU));
    put(0x80U | (c >> 6U & 0x3FU));
    put(0x80U | (c & 0x3FU));
  }
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

}  // namespace

bool JsonReader::refuse(std::string why) {
  if (fault_.empty()) fault_ = std::move(why);
  return false;
}

bool JsonReader::fail() {
  return refuse("a value is not as expected");
}

void JsonReader::skip_blanks() {
  while (at_ < text_.size() &&
         (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\n' || text_[at_] == '\r'))
    ++at_;
}

char JsonReader::next() {
  skip_blanks();
  if (!ok() || at_ == text_.size()) return 0;
  const char c = text_[at_];
  if (is_digit(c) || c == '-') return '0';
  return std::string_view("{[\"tfn").find(c) == std::string_view::npos ? '\0' : c;
}

bool JsonReader::end() {
  skip_blanks();
  if (!ok()) return false;
  return at_ == text_.size() || refuse("something follows the value");
}

bool JsonReader::open(char bracket, const char* what) {
  if (next() != bracket) return refuse(std::string("there is no ") + what);
  if (++depth_ > deepest) return refuse("it is nested too deeply");
  ++at_;
  return true;
}

bool JsonReader::close(char bracket, bool first) {
  if (!ok()) return true;
  skip_blanks();
  if (at_ < text_.size() && text_[at_] == bracket) {
    ++at_;
    return true;
  }
  if (first) return false;
  if (at_ == text_.size()) return !refuse("it ends in the middle of a value");
  if (text_[at_] != ',') return !refuse("a comma is missing");
  ++at_;
  return false;
}

bool JsonReader::colon() {
  skip_blanks();
  if (at_ == text_.size() || text_[at_] != ':') return refuse("a colon is missing");
  ++at_;
  return true;
}

bool JsonReader::word(std::string_view expected) {
  if (text_.substr(at_, expected.size()) != expected) return refuse("there is an unknown word");
  at_ += expected.size();
  return true;
}

bool JsonReader::four_digits(std::uint32_t& out) {
  const std::string_view digits = text_.substr(at_, 4);
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), out, 16);
  if (digits.size() != 4 || end != digits.data() + 4 || error != std::errc())
    return refuse("\\u is not followed by four hexadecimal digits");
  at_ += 4;
  return true;
}

bool JsonReader::escape(std::string& out) {
  if (at_ == text_.size()) return refuse("a string does not end");
  const char c = text_[at_++];
  static constexpr std::string_view names = "\"\\/bfnrt", values = "\"\\/\b\f\n\r\t";
  if (const std::size_t place = names.find(c); place != std::string_view::npos) {
    out += values[place];
    return true;
  }
  std::uint32_t code = 0;
  if (c != 'u') return refuse("a string has an unknown escape");
  if (!four_digits(code)) return false;
  if (code >= 0xD800 && code < 0xDC00) {
    std::uint32_t low = 0;
    if (text_.substr(at_, 2) != "\\u") return refuse("a string has half a surrogate pair");
    at_ += 2;
    if (!four_digits(low)) return false;
    if (low < 0xDC00 || low > 0xDFFF) return refuse("a string has half a surrogate pair");
    code = 0x10000 + ((code - 0xD800) << 10U) + (low - 0xDC00);
  } else if (code >= 0xDC00 && code <= 0xDFFF) {
    return refuse("a string has half a surrogate pair");
  }
  append_utf8(out, code);
  return true;
}

bool JsonReader::string(std::string& out) {
  if (next() != '"') return refuse("there is no string");
  ++at_;
  out.clear();
  while (at_ < text_.size()) {
    const char c = text_[at_];
    if (c == '"') {
      ++at_;
      return true;
    }
    if (c == '\\') {
      ++at_;
      if (!escape(out)) return false;
      continue;
    }
    if (static_cast<unsigned char>(c) < 0x20) return refuse("a string has a control character");
    const std::size_t length = utf8_length(text_.substr(at_));
    if (length == 0) return refuse("a string is not UTF-8");
    out.append(text_, at_, length);
    at_ += length;
  }
  return refuse("a string does not end");
}

bool JsonReader::number_text(std::string_view& out) {
  if (next() != '0') return refuse("there is no number");
  const std::size_t begin = at_;
  const auto digits = [&] {
    const std::size_t from = at_;
    while (at_ < text_.size() && is_digit(text_[at_])) ++at_;
    return at_ - from;
  };
  const auto take = [&](std::string_view any) {
    const bool is = at_ < text_.size() && any.find(text_[at_]) != std::string_view::npos;
    at_ += is ? 1 : 0;
    return is;
  };
  take("-");
  const bool zero = at_ < text_.size() && text_[at_] == '0';
  const std::size_t whole = digits();
  if (whole == 0 || (zero && whole > 1)) return refuse("a number is not as JSON has it");
  if (take(".") && digits() == 0) return refuse("a number is not as JSON has it");
  if (take("eE")) {
    take("+-");
    if (digits() == 0) return refuse("a number is not as JSON has it");
  }
  out = text_.substr(begin, at_ - begin);
  return true;
}

bool JsonReader::count(std::uint64_t& out) {
  std::string_view text;
  if (!number_text(text)) return false;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (end != text.data() + text.size() || error != std::errc() || out > largest_exact)
    return refuse("a number is not a whole one from 0 to 9007199254740991");
  return true;
}

bool JsonReader::number(double& out) {
  std::string_view text;
  if (!number_text(text)) return false;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (end != text.data() + text.size() || error != std::errc()) return refuse("a number is out of range");
  return true;
}

bool JsonReader::boolean(bool& out) {
  const char c = next();
  if (c != 't' && c != 'f') return refuse("there is no true or false");
  out = c == 't';
  return word(out ? "true" : "false");
}

bool JsonReader::skip() {
  std::string text;
  std::string_view digits;
  bool truth = false;
  switch (next()) {
    case '{':
      return object([this](const std::string&) { return skip(); });
    case '[':
      return array([this] { return skip(); });
    case '"':
      return string(text);
    case '0':
      return number_text(digits);
    case 't':
    case 'f':
      return boolean(truth);
    case 'n':
      return word("null");
    default:
      return refuse(at_ == text_.size() ? "it ends in the middle of a value" : "a value is missing");
  }
}

bool JsonReader::raw(std::string_view& out) {
  (void)next();
  const std::size_t begin = at_;
  if (!skip()) return false;
  out = text_.substr(begin, at_ - begin);
  return true;
}

}  // namespace coord
