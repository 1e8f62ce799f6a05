#include "net/refusal_log.hpp"

namespace coord::net {

std::optional<std::string> RefusalLog::refused(Instant now, const std::string& source,
                                               const std::string& why) {
  ++total_;
  auto found = sources_.find(source);
  if (found == sources_.end() && sources_.size() >= max_sources_) {
    forget_old(now);
    if (sources_.size() >= max_sources_)
      found = sources_.try_emplace("others", Source{now - interval_, 0}).first;
  }
  if (found == sources_.end()) found = sources_.try_emplace(source, Source{now - interval_, 0}).first;
  Source& entry = found->second;
  if (now - entry.told < interval_) {
    ++entry.untold;
    return std::nullopt;
  }
  std::string line = source + ": refused: " + why;
  if (entry.untold > 0) line += " (and " + std::to_string(entry.untold) + " more since the last such line)";
  entry = {now, 0};
  return line;
}

// What is kept is only worth keeping while it silences.
void RefusalLog::forget_old(Instant now) {
  std::erase_if(sources_, [&](const auto& source) { return now - source.second.told >= interval_; });
}

}  // namespace coord::net
