// The report of --report: what became of a run, for whoever must tell the command's status from dlock's own.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "base/descriptor.hpp"
#include "base/ids.hpp"
#include "base/result.hpp"
#include "base/time.hpp"
#include "cli/child.hpp"

namespace coord::dlock {

class Report {
 public:
  // Opens FILE at once, so that a wrong path is known before anything is locked; empty: no report.
  static Result<Report> open(const std::string& path);

  void count(const std::string& message) { ++messages_[message]; }
  Status write();

  std::string name;
  std::string outcome = "internal";  // ran, joined, not_acquired, no_quorum, lost, max_run, usage, internal
  std::string scope;
  std::optional<Token> token;
  Duration wait{};
  std::optional<Duration> hold;
  std::optional<cli::Outcome> command;
  std::optional<int> joined;  // the status of the command that was joined

 private:
  std::string path_;
  Descriptor file_;
  std::map<std::string, std::uint64_t> messages_;
};

}  // namespace coord::dlock
