// SPDX-License-Identifier: MIT
// The lines that a command reads and writes as a process of a group, in one of three formats.
//
//   tsv         FROM<TAB>message in, TO<TAB>message out; `!snapshot ID` in, `!state ID TEXT` out
//   json        {"from":..,"body":..} in, {"to":..,"body":..} out; {"snapshot":ID}, {"state":ID,"value":..}
//   maelstrom   {"src","dest","body"} both ways; bodies of type init and snapshot come from "!", and are
//               answered to it by init_ok and snapshot_ok with "state"
//
// In tsv a state of several lines is `!state ID <<WORD`, the lines, and a line WORD. Lines end with a
// newline, or with a null byte. What comes from outside is from "!".
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "cut/member.hpp"

namespace coord::cut {

enum class Format : std::uint8_t { tsv, json, maelstrom };

inline constexpr std::string_view outside = "!";

struct ToProcess {
  std::string to, body;
};
struct ToState {
  std::string snapshot, text;
};
struct BadLine {
  std::string why;
};
struct NothingSaid {};  // a part of a longer state, an answer to init
using Said = std::variant<ToProcess, ToState, BadLine, NothingSaid>;

class Speech {
 public:
  Speech(Format format, std::string self, char end = '\n')
      : format_(format), self_(std::move(self)), end_(end) {}

  // Before anything else; empty: nothing.
  std::string first(const std::vector<std::string>& ids);
  // With its end.
  std::string line_of(const Input& input);
  // Without its end.
  Said read(std::string_view line);

 private:
  Said read_tsv(std::string_view line);
  Said read_json(std::string_view line) const;
  Said read_maelstrom(std::string_view line);

  Format format_;
  std::string self_;
  char end_;
  struct Open {
    std::string snapshot, word, text;
  };
  std::optional<Open> open_;  // a state whose last line has not come
  std::uint64_t last_id_ = 0;
  std::map<std::uint64_t, std::string> asked_;  // snapshots by the message that asked
};

}  // namespace coord::cut
