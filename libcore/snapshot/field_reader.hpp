// SPDX-License-Identifier: MIT
// The fields of one object of a snapshot's file, as far as they are there; at most one of
// them is of any bytes.
#pragma once

#include <initializer_list>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "base/base64.hpp"
#include "base/json_reader.hpp"
#include "snapshot/record.hpp"

namespace coord::record {

class Fields {
 public:
  explicit Fields(JsonReader& in) : in_(in) {}

  bool text(std::string& out, std::size_t longest = longest_name) {
    return in_.string(out) && (out.size() <= longest || in_.refuse("a text is too long"));
  }
  bool encoded(std::string& out, std::size_t longest) {
    std::string text;
    if (!in_.string(text)) return false;
    auto bytes = from_base64(text);
    if (!bytes) return in_.refuse("a text is not base64");
    if (bytes->size() > longest) return in_.refuse("a text is too long");
    out = std::move(*bytes);
    exact_ = true;
    return true;
  }
  // NAME, or NAME_b64 where that is there, whichever comes first.
  bool bytes(std::string_view name, std::string_view field, std::string& out, std::size_t longest) {
    if (field != name) return encoded(out, longest);
    std::string shown;
    // Escaped, each byte has at most four characters.
    if (!text(shown, longest * 4)) return false;
    if (exact_) return true;
    if (shown.size() > longest) long_ = true;
    out = std::move(shown);
    return true;
  }
  bool counts(Counts& out) {
    return in_.object([&](const std::string& id) {
      if (out.size() >= most_members) return in_.refuse("there are too many entries");
      return in_.count(out[id]);
    });
  }
  bool clock(VectorClock& out) {
    Counts entries;
    if (!counts(entries)) return false;
    out = VectorClock(std::move(entries));
    return true;
  }

  void found(const std::string& name) { found_.insert(name); }
  // After the last one.
  bool complete(std::initializer_list<const char*> needed) {
    if (long_ && !exact_) return in_.refuse("a text is too long");
    for (const char* name : needed) {
      if (!found_.contains(name)) return in_.refuse(std::string("\"") + name + "\" is missing");
    }
    return true;
  }

 private:
  JsonReader& in_;
  std::set<std::string, std::less<>> found_;
  bool exact_ = false;  // the bytes have come as base64
  bool long_ = false;   // a text is too long, unless its bytes are not
};

// A line of that type.
bool read_peer(JsonReader& in, Peer& peer);
bool read_link(JsonReader& in, Link& link);

}  // namespace coord::record
