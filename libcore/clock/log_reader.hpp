// SPDX-License-Identifier: MIT
// Event logs, line by line, from anything that yields bytes. Memory: one buffer, which grows to the longest
// line and no further than limits.hpp allows.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "clock/log_line.hpp"

namespace coord::clock {

// Where a log's bytes come from: a file, a pipe, a test's string.
class ByteSource {
 public:
  virtual ~ByteSource() = default;
  // Puts up to `size` bytes at `out`; 0 only at the end.
  virtual Result<std::size_t> read(char* out, std::size_t size) = 0;
  // The same bytes once more from their beginning; nullptr where that cannot be (a pipe).
  virtual std::unique_ptr<ByteSource> again() = 0;
};

// What to do with a line that is not one of a log.
enum class BadLines { stop, skip };

class LogReader {
 public:
  LogReader(std::string name, std::unique_ptr<ByteSource> source, HostTable& hosts, BadLines bad_lines);

  // The next line, without its newline or CR LF; false at the end. The views of `line` hold until the next
  // call. An Error (data) names file and line.
  Result<bool> next(LogLine& line);
  // For a caller that finds the line just read unusable, at once: an Error that says so, or nothing if bad
  // lines are skipped. Then all is as if the line were not there: the hosts that only it names are unknown.
  Status reject(const std::string& what, const std::string& remedy = "");

  const std::string& name() const { return name_; }
  std::uint64_t line_number() const { return line_number_; }  // of the line just read, from 1
  std::uint64_t skipped() const { return skipped_; }
  std::string place() const { return name_ + ":" + std::to_string(line_number_); }
  // A reader of the same log from its beginning, nullptr where that cannot be.
  std::unique_ptr<LogReader> again() const;

 private:
  Result<bool> next_raw(std::string_view& raw);
  Status refill();

  std::string name_;
  std::unique_ptr<ByteSource> source_;
  HostTable& hosts_;
  LineParser parser_;
  BadLines bad_lines_;
  std::vector<char> buffer_;
  std::size_t hosts_before_ = 0;     // the line just read: so many were known
  std::size_t begin_ = 0, end_ = 0;  // what of the buffer has not been handed out
  bool at_end_ = false, too_long_ = false;
  std::uint64_t line_number_ = 0, skipped_ = 0;
};

}  // namespace coord::clock
