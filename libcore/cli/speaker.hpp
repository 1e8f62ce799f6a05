// SPDX-License-Identifier: MIT
// What a guard says on standard error while it guards a command.
//
// The problem: a write waits for whoever reads. A pipe whose reader hangs, a terminal that was stopped with
// Ctrl-S or a file on a disk that hangs would keep the guard from stopping its command in time. And a command
// that is stopped without a word leaves its user with a status and a riddle.
//
// So what standard error takes at once is written at once; the rest waits until nothing is left to guard.
// Threading: one owner. say() and stopped() wait for nobody, finish() does.
#pragma once

#include <string>

#include "base/time.hpp"

namespace coord::cli {

class Speaker {
 public:
  explicit Speaker(std::string tool) : tool_(std::move(tool)) {}

  void say(const std::string& text);  // one line, with the tool's name

  // Why the command is stopped; said whatever is quiet. The first call counts: one line a command.
  void stopped(const std::string& object, const std::string& why);
  void next_command() { told_ = false; }

  // Before our end: what could not be said until now. Waits for the reader.
  void finish();

 private:
  std::string tool_;
  std::string unsaid_;
  bool told_ = false;
};

// Why a lock, leadership or release is lost that nobody says is lost: it was last renewed at `sent`.
std::string not_renewed(Instant sent, bool peer_gone);
// The same for --max-run.
std::string ran_too_long(Duration limit);

}  // namespace coord::cli
