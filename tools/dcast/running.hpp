// SPDX-License-Identifier: MIT
// A command that is given a payload on its standard input.
#pragma once

#include <optional>
#include <string>
#include <variant>

#include "base/descriptor.hpp"
#include "base/result.hpp"
#include "base/time.hpp"
#include "casts/messages.hpp"
#include "cli/child.hpp"
#include "cli/options.hpp"

namespace coord::dcast {

// Its standard output: at most so many bytes, kept in memory.
class Output {
 public:
  static Result<Output> make();
  int fd() const { return file_.get(); }
  // Nothing: it has written more than casts::longest_answer.
  Result<std::optional<std::string>> read() const;

 private:
  explicit Output(Descriptor file) : file_(std::move(file)) {}
  Descriptor file_;
};

// Runs it to its end, or stops it at `until`. SpawnError: it cannot be executed. Ends this program as well
// if a terminal has interrupted both.
Result<std::variant<cli::Outcome, cli::SpawnError>> run(const cli::Command& command, const casts::CastId& id,
                                                        const casts::Letter& letter,
                                                        std::optional<Instant> until = {},
                                                        const Output* output = nullptr);
// The signal that has ended the command is one that a user ends programs by: the tool ends, too.
bool ends_all(const cli::Outcome& outcome);

}  // namespace coord::dcast
