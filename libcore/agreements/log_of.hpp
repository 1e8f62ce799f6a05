// SPDX-License-Identifier: MIT
// The whole log of a generation or a leadership at this host, asked for page by page (--log of the tools).
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <variant>

#include "agreements/messages.hpp"
#include "base/result.hpp"

namespace coord::agreements {

struct WholeLog {
  std::string text{};
  bool whole = true;
};

// `question`: GetLog, GetElectionLog. `ask`: Result<ToTool> of a FromTool.
template <class Question, class Ask>
Result<WholeLog> log_of(Question question, Ask ask) {
  WholeLog log;
  for (;;) {
    Result<ToTool> told = ask(FromTool(question));
    if (!told) return told.error();
    auto* page = std::get_if<LogIs>(&*told);
    if (page == nullptr) return log;
    for (const std::string& line : page->lines) log.text += line + "\n";
    question.after += page->lines.size();
    log.whole = page->whole;
    if (!page->more || page->lines.empty()) return log;
  }
}

}  // namespace coord::agreements
