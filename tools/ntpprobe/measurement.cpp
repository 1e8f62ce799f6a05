// SPDX-License-Identifier: MIT
#include "ntpprobe/measurement.hpp"

#include <algorithm>

#include "base/format.hpp"

namespace coord::ntpprobe {
namespace {

constexpr const char* smear_suspected = "smear suspected";

ServerResult result_of(const ServerProbe& probe, Instant now, Duration local_precision) {
  ServerResult result;
  result.server = probe.endpoint().server;
  result.address = probe.endpoint().address;
  result.counters = probe.counters();
  result.estimate = probe.filter().estimate(now, local_precision);
  result.samples = probe.taken();
  if (!result.estimate) return result;
  result.reply = probe.last_reply();
  const ntp::Root root{duration_of(result.reply->root_delay), duration_of(result.reply->root_dispersion)};
  result.root_distance = root_distance(root, *result.estimate);
  result.bound = error_bound(root, *result.estimate);
  result.precision = ntp::power_of_two(result.reply->precision);
  result.stamp = probe.stamps() ? stamp_text(*probe.stamps()) : "";
  return result;
}

ntp::Candidate candidate_of(const ServerResult& result) {
  ntp::Candidate candidate;
  candidate.offset = result.estimate->offset;
  candidate.root_distance = result.root_distance;
  candidate.bound = result.bound;
  candidate.jitter = result.estimate->jitter;
  candidate.stratum = result.reply->stratum;
  candidate.leap = result.reply->leap;
  return candidate;
}

}  // namespace

const char* verdict_text(Verdict verdict) {
  switch (verdict) {
    case Verdict::truechimer:
      return "truechimer";
    case Verdict::falseticker:
      return "falseticker";
    case Verdict::unusable:
      return "unusable";
  }
  return "unusable";
}

std::string ServerResult::reference() const {
  return reply ? ntp::reference_text(reply->stratum, reply->reference_id) : "";
}

std::optional<Duration> ServerResult::reference_age() const {
  if (!reply || reply->reference == ntp::Timestamp{}) return std::nullopt;
  // In interleaved mode the transmit time is that of the reply before.
  const std::int64_t ticks = std::max(ntp::ticks_between(reply->transmit, reply->reference),
                                      ntp::ticks_between(reply->receive, reply->reference));
  return std::max(ntp::from_ticks(ticks), Duration::zero());
}

std::string ServerResult::reasons_text() const {
  std::string text;
  for (const auto& [reason, count] : counters.reasons) {
    if (!text.empty()) text += ", ";
    text += fmt::format("{} {}", reason, count);
  }
  return text;
}

std::optional<unsigned> Measurement::worst_stratum() const {
  std::optional<unsigned> worst;
  for (const ServerResult& s : servers)
    if (s.used) worst = std::max<unsigned>(worst.value_or(0), s.reply->stratum);
  return worst;
}

Duration Measurement::worst_jitter() const {
  Duration worst{};
  for (const ServerResult& s : servers)
    if (s.used) worst = std::max(worst, s.estimate->jitter);
  return worst;
}

std::string Measurement::failure() const {
  if (majority) return "";
  if (usable > 0) return fmt::format("no majority: {} servers answered and fewer than half agree", usable);
  const bool one = servers.size() == 1;
  std::string text =
      one ? "no usable reply" : fmt::format("no usable reply from any of {} servers", servers.size());
  std::map<std::string, unsigned> reasons;
  for (const ServerResult& s : servers)
    for (const auto& [reason, count] : s.counters.reasons) reasons[reason] += count;
  std::string list;
  for (const auto& [reason, count] : reasons)
    list += fmt::format("{}{} {}", list.empty() ? "" : ", ", reason, count);
  return list.empty() ? text : fmt::format("{} ({})", text, list);
}

Measurement evaluate(const Prober& prober) {
  const Reading now = read_clocks();
  Measurement m;
  m.as_of = now.wall;
  std::vector<ntp::Candidate> candidates;
  std::vector<std::size_t> places;
  for (const ServerProbe& probe : prober.servers()) {
    m.servers.push_back(result_of(probe, now.steady, prober.manner().local_precision));
    if (!m.servers.back().estimate) continue;
    candidates.push_back(candidate_of(m.servers.back()));
    places.push_back(m.servers.size() - 1);
  }
  m.usable = candidates.size();
  if (candidates.empty()) return m;
  const WallTime utc{now.wall.unix_ns + candidates.front().offset.count()};
  const ntp::Selection selection = select(candidates, utc);
  for (std::size_t i = 0; i < places.size(); ++i) {
    ServerResult& server = m.servers[places[i]];
    server.used = selection.used[i];
    if (selection.standings[i] == ntp::Standing::truechimer) server.verdict = Verdict::truechimer;
    if (selection.standings[i] == ntp::Standing::falseticker) server.verdict = Verdict::falseticker;
    if (selection.standings[i] == ntp::Standing::smear_suspect) ++server.counters.reasons[smear_suspected];
  }
  m.majority = selection.majority;
  m.offset = selection.offset;
  m.bound = selection.bound;
  m.used = selection.used_count;
  return m;
}

}  // namespace coord::ntpprobe
