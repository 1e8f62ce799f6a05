// SPDX-License-Identifier: MIT
// Reads JSON (RFC 8259) from memory, value by value, into what the caller has declared: no tree is built, so
// a text takes no more memory than the caller's own variables.
//
//   JsonReader in(line);
//   in.object([&](const std::string& name) { return name == "id" ? in.string(id) : in.skip(); });
//   if (!in.end()) return in.fault();
//
// Strict: UTF-8 only, no lone surrogates, no duplicate names in an object, nothing nested deeper than
// `deepest`. After the first fault every call answers false and the fault stays. Threading: none; one owner.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>

namespace coord {

class JsonReader {
 public:
  static constexpr unsigned deepest = 64;

  explicit JsonReader(std::string_view text) : text_(text) {}

  // For each member in the order of the text: `member(name)` reads its value, with one call of a reading
  // function, and answers whether it could.
  template <class Member>
  bool object(Member&& member) {
    if (!open('{', "object")) return false;
    std::set<std::string, std::less<>> names;
    for (bool first = true; !close('}', first); first = false) {
      std::string name;
      if (!string(name) || !colon()) return false;
      const auto [here, is_new] = names.insert(std::move(name));
      if (!is_new) return refuse("\"" + *here + "\" comes twice in one object");
      if (!member(*here)) return fail();
    }
    --depth_;
    return ok();
  }
  // For each item: `item()` reads it.
  template <class Item>
  bool array(Item&& item) {
    if (!open('[', "array")) return false;
    for (bool first = true; !close(']', first); first = false) {
      if (!item()) return fail();
    }
    --depth_;
    return ok();
  }
  bool string(std::string& out);
  // A whole number from 0 to 2^53 - 1, which all readers of JSON hold exactly.
  bool count(std::uint64_t& out);
  bool number(double& out);
  bool boolean(bool& out);
  // A value of any kind; `raw` is its text.
  bool skip();
  bool raw(std::string_view& out);

  // What the next value begins with: '{', '[', '"', '0' (a number), 't', 'f', 'n'; 0:
  // nothing that begins a value.
  char next();
  // Is all read, without a fault? Blanks may follow.
  bool end();

  // The caller's own objection to what it has just read; false.
  bool refuse(std::string why);
  bool ok() const { return fault_.empty(); }
  const std::string& fault() const { return fault_; }

 private:
  bool fail();
  void skip_blanks();
  bool open(char bracket, const char* what);
  // True at the end of an object or array, and after a fault.
  bool close(char bracket, bool first);
  bool colon();
  bool word(std::string_view expected);
  bool number_text(std::string_view& out);
  bool escape(std::string& out);
  bool four_digits(std::uint32_t& out);

  std::string_view text_;
  std::size_t at_ = 0;
  unsigned depth_ = 0;
  std::string fault_;
};

}  // namespace coord
