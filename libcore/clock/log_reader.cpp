// SPDX-License-Identifier: MIT
#include "clock/log_reader.hpp"

#include <cstring>

namespace coord::clock {
namespace {

constexpr std::size_t first_buffer = std::size_t{64} << 10U;

// Lines may end as on other systems: in a carriage return and a newline.
std::string_view without_return(std::string_view line) {
  return line.ends_with('\r') ? line.substr(0, line.size() - 1) : line;
}

}  // namespace

LogReader::LogReader(std::string name, std::unique_ptr<ByteSource> source, HostTable& hosts,
                     BadLines bad_lines)
    : name_(std::move(name)),
      source_(std::move(source)),
      hosts_(hosts),
      parser_(hosts),
      bad_lines_(bad_lines) {}

std::unique_ptr<LogReader> LogReader::again() const {
  auto source = source_->again();
  return source ? std::make_unique<LogReader>(name_, std::move(source), hosts_, bad_lines_) : nullptr;
}

Result<bool> LogReader::next(LogLine& line) {
  for (;;) {
    std::string_view raw;
    auto read = next_raw(raw);
    if (!read || !*read) return read;
    hosts_before_ = hosts_.size();
    const char* fault = too_long_ ? "the line is longer than 1 MiB" : parser_.parse(raw, line);
    if (fault == nullptr) return true;
    if (auto rejected = reject(fault, "a line is HOST {\"HOST\":n,...} text; --skip-bad goes on"); !rejected)
      return rejected.error();
  }
}

Status LogReader::reject(const std::string& what, const std::string& remedy) {
  if (bad_lines_ == BadLines::stop) return Error{ErrorKind::data, place(), what, remedy};
  parser_.take_back(hosts_before_);
  ++skipped_;
  return done();
}

// A line without its newline; the last one may lack it. A line that does not fit is dropped as
// it comes, and too_long_ set.
Result<bool> LogReader::next_raw(std::string_view& raw) {
  too_long_ = false;
  std::size_t searched = 0;
  for (;;) {
    const char* start = buffer_.data() + begin_;
    const void* newline =
        searched == end_ - begin_ ? nullptr : std::memchr(start + searched, '\n', end_ - begin_ - searched);
    if (newline != nullptr) {
      const auto length = static_cast<std::size_t>(static_cast<const char*>(newline) - start);
      raw = without_return({start, length});
      begin_ += length + 1;
      ++line_number_;
      return true;
    }
    searched = end_ - begin_;
    if (at_end_) {
      if (searched == 0 && !too_long_) return false;
      raw = without_return({start, searched});
      begin_ = end_;
      ++line_number_;
      return true;
    }
    if (searched >= longest_line) {
      too_long_ = true;
      begin_ = end_;
      searched = 0;
    }
    if (auto filled = refill(); !filled) return filled.error();
  }
}

Status LogReader::refill() {
  if (begin_ > 0) {
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  if (end_ == buffer_.size()) buffer_.resize(buffer_.empty() ? first_buffer : 2 * buffer_.size());
  const auto size = source_->read(buffer_.data() + end_, buffer_.size() - end_);
  if (!size) return size.error();
  at_end_ = *size == 0;
  end_ += *size;
  return done();
}

}  // namespace coord::clock
