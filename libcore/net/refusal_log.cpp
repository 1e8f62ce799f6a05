// SPDX-License-Identifier: MIT
#include "net/refusal_log.hpp"

#include "base/format.hpp"

namespace coord::net {

std::optional<std::string> RefusalLog::refused(Instant now, const std::string& source,
                                               const std::string& why) {
  return limited(now, source, fmt::format("{}: refused: {}", source, why));
}

std::optional<std::string> RefusalLog::limited(Instant now, const std::string& source, std::string line) {
  ++total_;
  auto found = sources_.find(source);
  if (found == sources_.end() && sources_.size() >= max_sources_) {
    forget_old(now);
    if (sources_.size() >= max_sources_) found = sources_.try_emplace("others", Source{now, 0, 0}).first;
  }
  if (found == sources_.end()) found = sources_.try_emplace(source, Source{now, 0, 0}).first;
  Source& entry = found->second;
  if (now - entry.since >= interval_) {
    entry.since = now;
    entry.told = 0;
  }
  if (entry.told >= lines_) {
    ++entry.untold;
    return std::nullopt;
  }
  ++entry.told;
  if (entry.untold > 0) line += fmt::format(" (and {} more since the last such line)", entry.untold);
  entry.untold = 0;
  return line;
}

// What is kept is only worth keeping while it silences.
void RefusalLog::forget_old(Instant now) {
  std::erase_if(sources_, [&](const auto& source) { return now - source.second.since >= interval_; });
}

}  // namespace coord::net
