// SPDX-License-Identifier: MIT
#include "ntpprobe/report.hpp"

#include "base/format.hpp"
#include "base/rfc3339.hpp"
#include "cli/json.hpp"

namespace coord::ntpprobe {
namespace {

using cli::JsonObject;

std::string nine_decimals(Duration value, const char* plus) {
  const bool negative = value < Duration::zero();
  const auto magnitude =
      negative ? ~static_cast<std::uint64_t>(value.count()) + 1 : static_cast<std::uint64_t>(value.count());
  return fmt::format("{}{}.{:09}", negative ? "-" : plus, magnitude / 1'000'000'000,
                     magnitude % 1'000'000'000);
}

JsonObject sample_object(const ServerResult& server, const TakenSample& taken) {
  JsonObject o;
  o.text("type", "sample")
      .text("server", server.server)
      .text("address", server.address)
      .time("as_of", taken.wall);
  o.seconds("offset_s", taken.sample.offset).seconds("delay_s", taken.sample.delay);
  o.seconds("dispersion_s", taken.sample.dispersion).text("stamp", stamp_text(taken.stamps));
  o.boolean("interleaved", taken.interleaved);
  return o;
}

JsonObject server_object(const ServerResult& s, WallTime as_of) {
  JsonObject o;
  o.text("type", "server").text("server", s.server).time("as_of", as_of);
  s.address.empty() ? o.null("address") : o.text("address", s.address);
  if (s.estimate) {
    const ntp::Estimate& e = *s.estimate;
    o.seconds("offset_s", e.offset).seconds("delay_s", e.delay).seconds("jitter_s", e.jitter);
    o.seconds("dispersion_s", e.dispersion)
        .seconds("root_distance_s", s.root_distance)
        .seconds("bound_s", s.bound);
    o.seconds("offset_mean_s", e.offset_mean).seconds("offset_min_s", e.offset_min);
    o.integer("stratum", s.reply->stratum)
        .text("refid", s.reference())
        .text("leap", ntp::leap_text(s.reply->leap));
    o.seconds("precision_s", s.precision);
    const auto age = s.reference_age();
    age ? o.seconds("reference_age_s", *age) : o.null("reference_age_s");
  } else {
    for (const char* key :
         {"offset_s", "delay_s", "jitter_s", "dispersion_s", "root_distance_s", "bound_s", "offset_mean_s",
          "offset_min_s", "stratum", "refid", "leap", "precision_s", "reference_age_s"})
      o.null(key);
  }
  o.integer("sent", s.counters.sent)
      .integer("received", s.counters.received)
      .integer("rejected", s.counters.rejected);
  JsonObject reasons;
  for (const auto& [reason, count] : s.counters.reasons) reasons.integer(reason, count);
  o.object("reasons", reasons);
  s.stamp.empty() ? o.null("stamp") : o.text("stamp", s.stamp);
  o.text("verdict", verdict_text(s.verdict)).boolean("used", s.used);
  return o;
}

std::string csv_cell(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + '"';
}

std::string csv_line(const std::vector<std::string>& cells) {
  std::string line;
  for (std::size_t i = 0; i < cells.size(); ++i) line += (i == 0 ? "" : ",") + csv_cell(cells[i]);
  return fmt::format("{}\n", line);
}

std::vector<std::string> csv_server(const ServerResult& s, WallTime as_of) {
  std::vector<std::string> cells{"server", rfc3339(as_of), s.server, s.address};
  if (s.estimate) {
    const ntp::Estimate& e = *s.estimate;
    for (const Duration d :
         {e.offset, s.bound, e.delay, e.jitter, e.dispersion, s.root_distance, e.offset_mean, e.offset_min})
      cells.push_back(plain_seconds(d));
    cells.push_back(std::to_string(s.reply->stratum));
    cells.push_back(s.reference());
    cells.push_back(ntp::leap_text(s.reply->leap));
    cells.push_back(plain_seconds(s.precision));
  } else {
    cells.resize(cells.size() + 12);
  }
  for (const std::uint64_t n : {s.counters.sent, s.counters.received, s.counters.rejected})
    cells.push_back(std::to_string(n));
  cells.push_back(s.reasons_text());
  cells.push_back(s.stamp);
  cells.push_back(verdict_text(s.verdict));
  const auto age = s.estimate ? s.reference_age() : std::nullopt;
  cells.push_back(age ? plain_seconds(*age) : "");
  return cells;
}

constexpr std::size_t csv_columns = 23;

}  // namespace

std::string signed_seconds(Duration value) {
  return nine_decimals(value, "+");
}
std::string plain_seconds(Duration value) {
  return nine_decimals(value, "");
}

std::string server_label(const ServerResult& s) {
  if (s.address.empty() || s.server == s.address || s.server.starts_with(fmt::format("{}:", s.address)) ||
      s.server.starts_with(fmt::format("[{}]", s.address)))
    return s.server;
  return fmt::format("{} ({})", s.server, s.address);
}

std::string json_report(const Measurement& m, bool samples) {
  std::string out;
  for (const ServerResult& s : m.servers) {
    if (samples)
      for (const TakenSample& taken : s.samples) out += sample_object(s, taken).line();
    out += server_object(s, m.as_of).line();
  }
  JsonObject o;
  o.text("type", "combined").time("as_of", m.as_of);
  if (m.majority) {
    o.seconds("offset_s", m.offset).seconds("bound_s", m.bound);
  } else {
    o.null("offset_s").null("bound_s");
  }
  o.integer("used", m.used).boolean("majority", m.majority);
  return out + o.line();
}

std::string csv_title() {
  return "type,as_of,server,address,offset_s,bound_s,delay_s,jitter_s,dispersion_s,root_distance_s,offset_"
         "mean_s,offset_min_s,"
         "stratum,refid,leap,precision_s,sent,received,rejected,reasons,stamp,verdict,reference_age_"
         "s\n";
}

std::string csv_report(const Measurement& m, bool samples) {
  std::string out;
  for (const ServerResult& s : m.servers) {
    for (std::size_t i = 0; samples && i < s.samples.size(); ++i) {
      const TakenSample& taken = s.samples[i];
      std::vector<std::string> cells{"sample", rfc3339(taken.wall), s.server, s.address,
                                     plain_seconds(taken.sample.offset)};
      cells.resize(csv_columns);
      cells[6] = plain_seconds(taken.sample.delay);
      cells[8] = plain_seconds(taken.sample.dispersion);
      cells[20] = stamp_text(taken.stamps);
      out += csv_line(cells);
    }
    out += csv_line(csv_server(s, m.as_of));
  }
  std::vector<std::string> cells{"combined", rfc3339(m.as_of)};
  cells.resize(csv_columns);
  if (m.majority) {
    cells[4] = plain_seconds(m.offset);
    cells[5] = plain_seconds(m.bound);
  }
  cells[21] = m.majority ? "majority" : "no majority";
  return out + csv_line(cells);
}

std::string watch_line(const Measurement& m) {
  const std::string count = fmt::format("{}/{}", m.used, m.servers.size());
  const std::string head = fmt::format("{} ", rfc3339(m.as_of, 3));
  if (!m.majority) return fmt::format("{}- - {} {}\n", head, count, m.failure());
  return fmt::format("{}{} {} {}\n", head, signed_seconds(m.offset), plain_seconds(m.bound), count);
}

}  // namespace coord::ntpprobe
