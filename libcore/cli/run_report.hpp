// SPDX-License-Identifier: MIT
// The report of --report: what became of a run, for whoever must tell the command's status from the tool's.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/descriptor.hpp"
#include "base/ids.hpp"
#include "base/result.hpp"
#include "base/time.hpp"
#include "cli/child.hpp"
#include "cli/held_session.hpp"

namespace coord::cli {

class RunReport {
 public:
  // Opens FILE at once, so that a wrong path is known before anything is held; empty: no report.
  static Result<RunReport> open(const std::string& path);

  // The report of a command line that was refused. That it cannot be written is not told:
  // what is wrong comes first.
  static void of_misuse(const std::string& path, const std::string& name);

  Status write();
  // Of a command that cannot be executed (trial.hpp): passes its status on.
  Exit never_started(std::string_view tool, Exit exit);

  std::string name;
  std::string outcome = "internal";  // ran, joined, not_acquired, no_quorum, lost, max_run, usage, internal
  std::string scope;
  std::optional<Token> token;
  Duration wait{};
  std::optional<Duration> hold;
  std::optional<Outcome> command;
  // The status where no command of ours ended: of the command that was joined, or 126 and 127.
  std::optional<int> status;
  MessageCounts messages;
  // Of dlock --algorithm, and of delect, which has no epochs.
  struct Entry {
    std::string algorithm;
    bool has_epochs = false;
    Token epoch{};  // 0: not entered
    std::vector<std::string> sites;
    std::optional<std::uint32_t> delays;
    bool from_exit = false;                            // the delays: of another one; else from the wish
    MessageCounts messages;                            // the algorithm's, and told instead of the tool's own
    std::uint64_t epoch_sent = 0, epoch_received = 0;  // of them at this host's site since the epoch began
  };
  std::optional<Entry> entry;

 private:
  std::string path_;
  Descriptor file_;
};

}  // namespace coord::cli
