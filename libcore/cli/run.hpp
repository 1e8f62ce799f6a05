// SPDX-License-Identifier: MIT
// The frame of every main: parse, act, say what went wrong in one line, end with the right status.
#pragma once

#include <string>
#include <string_view>

#include "cli/exit_status.hpp"
#include "cli/options.hpp"

namespace coord::cli {

// Parses argv, answers --help, --version and --dump-options, calls the action of the tool or of its verb,
// and returns what main returns. An Error becomes one line `tool: object: what happened: what to do` on
// stderr and the status of its kind; an exception that escapes is our bug (70). Output that could not be
// written is 74, even when all else went well; a reader that went away ends the tool by SIGPIPE,
// silently, as it ends cat(1). Standard descriptors that are closed stay unusable instead of being handed
// to the next file that is opened.
int run(int argc, char** argv, Options& options, OptionReader* reader = &read_by_table);

// One line of data on stdout, buffered; whether it arrived is checked by run() at the
// end, so callers need not.
void print(std::string_view text);
// What was printed so far goes out now (before a command shares our stdout, or for a
// reader of a stream of events).
Status flush();
// Standard output could not be written, with this errno.
Error output_error(int number);

// `tool: text` on stderr, control characters escaped, in one write.
void complain(std::string_view tool, const Error& error);
void notice(std::string_view tool, std::string_view text);
std::string notice_line(std::string_view tool, std::string_view text);  // what notice() writes

}  // namespace coord::cli
