// SPDX-License-Identifier: MIT
#include "line_stream.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <vector>

#include "base/format.hpp"
#include "cli/run.hpp"
#include "clock/stamp_writer.hpp"
#include "log_files.hpp"

namespace coord::dclock {
namespace {

constexpr std::size_t most_at_once = std::size_t{1} << 18U;  // bytes of input for one locking of the clock

class LineStream {
 public:
  LineStream(const LiveChoice& live, LineMode mode, bool skip_bad, const std::optional<std::string>& log)
      : live_(live), mode_(mode), skip_bad_(skip_bad), log_(log) {}

  Result<cli::Exit> run() {
    for (bool more = true; more;) {
      const auto size = fill();
      if (!size) return size.error();
      more = *size > 0;
      auto stamped = stamp_whole_lines(!more);
      if (!stamped) return stamped.error();
    }
    tell_skipped(skipped_);
    return cli::Exit::done;
  }

 private:
  Result<std::size_t> fill() {
    const std::size_t had = pending_.size();
    pending_.resize(had + most_at_once);
    for (;;) {
      const ssize_t size = ::read(STDIN_FILENO, pending_.data() + had, most_at_once);
      if (size < 0 && errno == EINTR) continue;
      pending_.resize(had + static_cast<std::size_t>(size < 0 ? 0 : size));
      if (size < 0)
        return Error{ErrorKind::data, "standard input", std::strerror(errno), "give it something to read"};
      return static_cast<std::size_t>(size);
    }
  }

  // Stamps what is complete (at the end also a last line without newline) and keeps the rest.
  Status stamp_whole_lines(bool at_end) {
    std::string_view input = pending_;
    std::size_t whole = input.rfind('\n');
    whole = whole == std::string_view::npos ? 0 : whole + 1;
    if (at_end) whole = input.size();
    if (whole > 0) {
      if (auto stamped = stamp_block(input.substr(0, whole)); !stamped) return stamped;
      pending_.erase(0, whole);
    }
    if (pending_.size() >
        clock::longest_line) {  // the beginning of a line that goes on: its end is dropped as it comes
      if (!overlong_) {
        if (auto refused = bad_line(number_ + 1, too_long()); !refused) return refused;
      }
      overlong_ = true;
      pending_.clear();
    }
    return done();
  }

  // One locking: every line advances the clock, the clock is saved, then the lines go out.
  Status stamp_block(std::string_view block) {
    auto file = ClockFile::lock(live_.clock);
    if (!file) return file.error();
    output_.clear();
    writer_.forget();  // other shells may have advanced the clock
    Status failed = done();
    bool any = false;
    while (!block.empty()) {
      const std::size_t end = block.find('\n');
      std::string_view line = block.substr(0, end);
      if (line.ends_with('\r')) line.remove_suffix(1);  // CR LF, as other systems end lines
      block.remove_prefix(end == std::string_view::npos ? block.size() : end + 1);
      ++number_;
      if (overlong_) {
        overlong_ = false;
        continue;
      }
      auto stamped = stamp_line(file->clock(), line);
      if (!stamped && !(failed = bad_line(number_, stamped.error()))) break;
      any = any || stamped;
    }
    if (any) {
      if (auto saved = file->save(); !saved) return saved;
      if (auto written = write_out(std::move(*file)); !written) return written;
    }
    return failed;
  }

  Status stamp_line(clock::LogicalClock& clock, std::string_view line) {
    if (line.size() > clock::longest_line / 2) return too_long();
    const WallTime now = wall_now();
    std::string_view text = line;
    bool received = false;
    if (mode_ == LineMode::receive || (mode_ == LineMode::tokens && clock::begins_with_token(line))) {
      auto message = mode_ == LineMode::receive ? reader_.read(line, text) : reader_.read_token(line, text);
      if (!message) return message.error();
      if (auto counted = clock.receive(*message, now, live_.max_offset); !counted) return counted;
      received = true;
    } else if (auto counted = clock.tick(now); !counted) {
      return counted;
    }
    if (received) writer_.forget();
    writer_.append(output_, clock.last(), live_.wall_of(now), text);
    output_ += '\n';
    return done();
  }

  Status write_out(ClockFile file) {
    if (!log_) return hand_out(std::move(file), output_);
    if (!output_.empty()) output_.pop_back();
    return append_line(*log_, output_);
  }

  static Error too_long() { return {ErrorKind::data, "", "the line is longer than 512 KiB", "split it"}; }

  Status bad_line(std::uint64_t number, const Error& error) {
    if (error.kind != ErrorKind::data) return error;
    if (skip_bad_) {
      ++skipped_;
      return done();
    }
    Error named = error;
    named.object = fmt::format("standard input:{}{}", number,
                               error.object.empty() ? "" : fmt::format(": {}", error.object));
    return named;
  }

  const LiveChoice& live_;
  LineMode mode_;
  bool skip_bad_;
  const std::optional<std::string>& log_;
  std::string pending_, output_;
  clock::StampReader reader_;
  clock::StampWriter writer_;
  std::uint64_t number_ = 0, skipped_ = 0;
  bool overlong_ = false;
};

}  // namespace

Result<cli::Exit> stream_lines(const LiveChoice& live, LineMode mode, bool skip_bad,
                               const std::optional<std::string>& log) {
  return LineStream(live, mode, skip_bad, log).run();
}

}  // namespace coord::dclock
