// SPDX-License-Identifier: MIT
#include "base/format.hpp"
#include "base/rfc3339.hpp"
#include "cli/names.hpp"
#include "cli/table.hpp"
#include "ntpprobe/report.hpp"

namespace coord::ntpprobe {
namespace {

using cli::Table;
using cli::Tone;

constexpr std::size_t full_width = 120;  // of a terminal that has room for all columns

Tone tone_of(const ServerResult& s) {
  if (s.verdict == Verdict::truechimer) return s.used ? Tone::good : Tone::plain;
  return s.verdict == Verdict::falseticker ? Tone::bad : Tone::warning;
}

// A server without a recent reference goes on by its own clock: what its time is worth is in its bound.
std::string reference_remark(const ServerResult& s) {
  if (!s.estimate) return "";
  const auto age = s.reference_age();
  if (!age) return ", no reference time";
  if (*age <= std::chrono::hours(24)) return "";
  return fmt::format(", reference {} h old", std::chrono::duration_cast<std::chrono::hours>(*age).count());
}

// What to say about a server besides its numbers; escaped already.
std::string remark(const ServerResult& s) {
  std::string text = verdict_text(s.verdict);
  if (s.verdict == Verdict::truechimer && !s.used) text += ", outlier";
  text += reference_remark(s);
  const std::string reasons = s.reasons_text();
  return reasons.empty() ? text : fmt::format("{}: {}", text, reasons);
}

// A terminal's table: the server's name has its place, the verdict the rest of the line.
std::string fitting_label(const ServerResult& s, const TextStyle& style) {
  std::string label = server_label(s);
  if (style.width == Table::any_width) return label;
  const std::size_t room = style.width >= full_width ? 44 : style.width / 3;
  if (cli::display_width(label) > room) label = fmt::format("{}...", cli::clipped(label, room - 3));
  return label;
}

Table overview(const Measurement& m, const TextStyle& style) {
  const bool full = style.width >= full_width;
  const auto right = Table::Align::right;
  std::vector<Table::Column> columns{{"SERVER"}, {"ST", right}};
  if (full) columns.push_back({"REFERENCE", Table::Align::left, false, true});
  columns.insert(columns.end(), {{"OFFSET s", right}, {"BOUND s", right}});
  if (full)
    columns.insert(columns.end(), {{"DELAY s", right}, {"JITTER s", right}, {"GOT", right}, {"STAMP"}});
  columns.push_back({"VERDICT", Table::Align::left, true, true});
  Table table(columns);
  for (const ServerResult& s : m.servers) {
    const auto or_dash = [&](auto value) { return s.estimate ? value() : std::string("-"); };
    std::vector<std::string> cells{fitting_label(s, style),
                                   or_dash([&] { return std::to_string(s.reply->stratum); })};
    if (full) cells.push_back(or_dash([&] { return s.reference(); }));
    cells.push_back(or_dash([&] { return signed_seconds(s.estimate->offset); }));
    cells.push_back(or_dash([&] { return plain_seconds(s.bound); }));
    if (full) {
      cells.push_back(or_dash([&] { return plain_seconds(s.estimate->delay); }));
      cells.push_back(or_dash([&] { return plain_seconds(s.estimate->jitter); }));
      cells.push_back(fmt::format("{}/{}", s.counters.received - s.counters.rejected, s.counters.sent));
      cells.push_back(or_dash([&] { return s.stamp; }));
    }
    cells.push_back(remark(s));
    table.row(cells, tone_of(s));
  }
  return table;
}

// Everything about one server, a line a fact.
std::string details(const ServerResult& s) {
  std::string out = fmt::format("{}: {}\n", cli::shown(server_label(s)), remark(s));
  const auto fact = [&](const char* name, const std::string& value) {
    out += fmt::format("  {}{}{}\n", name, std::string(20 - std::string_view(name).size(), ' '), value);
  };
  if (s.estimate) {
    const ntp::Estimate& e = *s.estimate;
    fact("offset", fmt::format("{} s", signed_seconds(e.offset)));
    fact("bound", fmt::format("{} s", plain_seconds(s.bound)));
    fact("least-delay offset", fmt::format("{} s", signed_seconds(e.offset_min)));
    fact("mean offset", fmt::format("{} s", signed_seconds(e.offset_mean)));
    fact("delay", fmt::format("{} s", plain_seconds(e.delay)));
    fact("jitter", fmt::format("{} s", plain_seconds(e.jitter)));
    fact("dispersion", fmt::format("{} s", plain_seconds(e.dispersion)));
    fact("root distance", fmt::format("{} s", plain_seconds(s.root_distance)));
    fact("stratum", std::to_string(s.reply->stratum));
    fact("reference", s.reference());
    const auto age = s.reference_age();
    fact("reference age", age ? fmt::format("{} s", plain_seconds(*age)) : "unknown");
    fact("leap", ntp::leap_text(s.reply->leap));
    fact("precision", fmt::format("{} s", plain_seconds(s.precision)));
    fact("stamps", s.stamp);
  }
  fact("packets", fmt::format("{} sent, {} received, {} rejected", s.counters.sent, s.counters.received,
                              s.counters.rejected));
  return out;
}

std::string sample_table(const Measurement& m) {
  const auto right = Table::Align::right;
  Table table({{"TIME"},
               {"SERVER"},
               {"OFFSET s", right},
               {"DELAY s", right},
               {"DISPERSION s", right},
               {"STAMP"},
               {"MODE"}});
  for (const ServerResult& s : m.servers)
    for (const TakenSample& taken : s.samples)
      table.row({rfc3339(taken.wall, 3), server_label(s), signed_seconds(taken.sample.offset),
                 plain_seconds(taken.sample.delay), plain_seconds(taken.sample.dispersion),
                 stamp_text(taken.stamps), taken.interleaved ? "interleaved" : "basic"});
  return table.empty() ? "" : fmt::format("{}\n", table.text());
}

}  // namespace

std::string text_summary(const Measurement& m) {
  if (!m.majority) return fmt::format("no offset: {}", m.failure());
  return fmt::format("offset {} s, bound {} s, from {} of {}{}", signed_seconds(m.offset),
                     plain_seconds(m.bound), m.used, m.servers.size(),
                     m.servers.size() == 1 ? " server" : " servers");
}

std::string text_report(const Measurement& m, const TextStyle& style) {
  std::string out;
  if (style.samples) out += sample_table(m);
  if (style.verbose) {
    for (const ServerResult& s : m.servers) out += details(s);
  } else {
    out += overview(m, style).text(style.width, style.color);
  }
  return out;
}

}  // namespace coord::ntpprobe
