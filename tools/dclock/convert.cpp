// SPDX-License-Identifier: MIT
// dclock convert: logs for other programs, merged into one.
#include <memory>

#include "base/format.hpp"
#include "base/rfc3339.hpp"
#include "cli/json.hpp"
#include "cli/run.hpp"
#include "log_files.hpp"
#include "verbs.hpp"

namespace coord::dclock {
namespace {

enum class LogFormat { shiviz, tsviz, jsonl };

struct ConvertSettings {
  LogChoice logs;
  LogFormat format = LogFormat::shiviz;
};

// What ShiViz demands of the events, so that its user is told here and not by an empty page: entries run 1,
// 2, 3, ..., and every host that a clock names has lines.
class ViewerRules {
 public:
  void see(const clock::LogLine& line) {
    if (known_.size() <= line.host) known_.resize(line.host + 1);
    if (line.own != known_[line.host] + 1 && fault_.empty())
      gap_host_ = line.host, fault_ = "numbers do not run 1, 2, 3, ...";
    known_[line.host] = line.own;
    for (const auto& entry : line.clock.entries) {
      if (named_.size() <= entry.host) named_.resize(entry.host + 1);
      named_[entry.host] = named_[entry.host] || entry.count > 0;
    }
  }
  void tell(const clock::HostTable& hosts) {
    for (clock::HostIndex host = 0; host < named_.size() && fault_.empty(); ++host) {
      if (named_[host] && (host >= known_.size() || known_[host] == 0))
        gap_host_ = host, fault_ = "is named, but has no events";
    }
    if (!fault_.empty())
      cli::notice("dclock", fmt::format("host {} {}: ShiViz will refuse this log: see dclock validate",
                                        hosts.name(gap_host_), fault_));
  }

 private:
  std::vector<std::uint64_t> known_;
  std::vector<bool> named_;
  clock::HostIndex gap_host_ = 0;
  std::string fault_;
};

void append_clock(std::string& out, const clock::LogLine& line, const clock::HostTable& hosts,
                  LogFormat format) {
  if (format == LogFormat::jsonl || line.clock.kind != clock::ClockKind::matrix) {
    out += line.clock_text;
    return;
  }
  out += '{';  // viewers know vectors only: the host's own row
  for (const auto& entry : line.clock.entries) {
    if (out.back() != '{') out += ',';
    clock::append_json_string(out, hosts.name(entry.host));
    out += fmt::format(":{}", entry.count);
  }
  out += '}';
}

// The viewers' regular expressions stand in the file's first line, the delimiter of
// runs (none) in the second.
constexpr std::string_view shiviz_head = "(?<host>\\S+) (?<clock>{[^}]*}) (?<event>.*)\n\n";
constexpr std::string_view tsviz_head = "(?<timestamp>\\d+) (?<host>\\S+) (?<clock>{[^}]*}) (?<event>.*)\n\n";

void append_event(std::string& out, const clock::LogLine& line, const clock::HostTable& hosts,
                  LogFormat format) {
  if (format == LogFormat::jsonl) {
    out += fmt::format("{{\"schema\":1,\"host\":{},\"clock\":", cli::json_string(hosts.name(line.host)));
    append_clock(out, line, hosts, format);
    if (line.wall) out += fmt::format(",\"time\":\"{}\"", rfc3339(*line.wall));
    if (line.hybrid) out += fmt::format(",\"hlc\":\"{}\"", clock::to_string(*line.hybrid));
    out += fmt::format(",\"text\":{}}}\n", cli::json_string(line.text));
    return;
  }
  if (format == LogFormat::tsviz) out += fmt::format("{} ", line.wall->unix_ns);
  out += fmt::format("{} ", hosts.name(line.host));
  append_clock(out, line, hosts, format);
  // The viewers trim the file's end: without a text the last event would not match.
  out += ' ';
  out += line.text.empty() ? std::string_view("-") : line.text;
  out += '\n';
}

Result<cli::Exit> convert(const ConvertSettings& s) {
  clock::HostTable hosts;
  auto merge = open_merge(s.logs, hosts, clock::MergeOrder::clock);
  if (!merge) return merge.error();
  ViewerRules rules;
  std::string out(s.format == LogFormat::shiviz  ? shiviz_head
                  : s.format == LogFormat::tsviz ? tsviz_head
                                                 : "");
  for (;;) {
    const auto event = (*merge)->next();
    if (!event) return event.error();
    if (*event == nullptr) break;
    const clock::LogLine& line = (*event)->line;
    const auto place = [&] {
      return fmt::format("{}:{}", (*merge)->log((*event)->log).name(), (*event)->line_number);
    };
    if (s.format != LogFormat::jsonl && is_scalar(line.clock.kind))
      return Error{ErrorKind::data, place(), "the viewers draw vector clocks only",
                   "stamp with --kind vector"};
    if (s.format == LogFormat::tsviz && (!line.wall || line.wall->unix_ns < 0))
      return Error{ErrorKind::data, place(), "the line has no wall time since 1970", "stamp with --wall"};
    rules.see(line);
    append_event(out, line, hosts, s.format);
    if (out.size() < (std::size_t{1} << 16U)) continue;
    cli::print(out);
    out.clear();
  }
  cli::print(out);
  if (s.format != LogFormat::jsonl) rules.tell(hosts);
  tell_skipped((*merge)->skipped());
  return cli::Exit::done;
}

}  // namespace

void add_convert(cli::Options& tool) {
  auto& verb = tool.verb("convert", "write the logs, merged, for another program");
  auto s = std::make_shared<ConvertSettings>();
  verb.synopsis("--to FORMAT [options] [LOG...]");
  verb.choice("--to", "FORMAT", s->format,
              {{"shiviz", LogFormat::shiviz}, {"tsviz", LogFormat::tsviz}, {"jsonl", LogFormat::jsonl}},
              "shiviz (the default), tsviz (needs wall times) or jsonl");
  s->logs.declare(verb);
  verb.example("dclock convert --to shiviz *.log > run.shiviz", "opens in ShiViz as it is");
  verb.does([s] { return convert(*s); });
}

}  // namespace coord::dclock
