// SPDX-License-Identifier: MIT
// A file that a user has named for our output.
//
// The problem: root names a file in another user's directory (/home/alice/report). open(2) follows the link
// that alice has put there and empties what it leads to; a FIFO that nobody reads keeps the caller waiting
// for ever. So a link is followed only if it is one's own or root's (as /dev/stdout is), wherever in the path
// it is, and nothing is waited for without an end.
#pragma once

#include <string>
#include <string_view>

#include "base/descriptor.hpp"
#include "base/result.hpp"

namespace coord::cli {

// The file is made, or emptied if it is a regular one. A FIFO has 5 s to find a reader. ErrorKind::output;
// `object` is what errors name.
Result<Descriptor> open_output_file(const std::string& path, const std::string& object);

// The file of a --report: as open_output_file(), and `-` is standard error, for standard output is that of
// the command.
Result<Descriptor> open_report_file(const std::string& path, const std::string& object);

// All of it, to a file that open_output_file() gave. Who reads a pipe has 5 s to make room.
Status write_output_file(const Descriptor& file, std::string_view text, const std::string& object);

}  // namespace coord::cli
