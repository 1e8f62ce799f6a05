// SPDX-License-Identifier: MIT
#include "clock/log_validate.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <tuple>

#include "base/format.hpp"

namespace coord::clock {

std::string_view to_string(Rule rule) {
  switch (rule) {
    case Rule::missing_own_entry:
      return "missing-own-entry";
    case Rule::unknown_host:
      return "unknown-host";
    case Rule::unknown_event:
      return "unknown-event";
    case Rule::gap:
      return "gap";
    case Rule::duplicate:
      return "duplicate";
    case Rule::regression:
      return "regression";
    case Rule::intransitive:
      return "intransitive";
    case Rule::cycle:
      return "cycle";
  }
  return "";
}

namespace {

class Validator {
 public:
  Validator(const HostTable& hosts, std::size_t most) : hosts_(hosts), most_(most), events_(hosts, false) {}

  Status read(std::vector<LogReader>& logs);
  Validation judge();

 private:
  void check_line(const LogLine& line, std::size_t log, std::uint64_t line_number);
  void check_rows(const LogLine& line, std::size_t log, std::uint64_t line_number);
  void check_chain(EventIndex event, EventIndex previous);
  void check_news(EventIndex event, EventIndex previous);
  void check_source(EventIndex event, EventIndex source);
  void check_long_cycles();
  std::string named(HostIndex host, std::uint64_t own) const {
    return fmt::format("{}={}", hosts_.name(host), own);
  }
  std::string own_text(HostIndex host, std::uint64_t own) const;
  void report(std::size_t log, std::uint64_t line_number, Rule rule, HostIndex host, std::string detail);
  void report(EventIndex event, Rule rule, std::string detail) {
    report(events_[event].log, events_[event].line_number, rule, events_[event].host, std::move(detail));
  }
  bool scalar() const { return kind_ && is_scalar(*kind_); }

  const HostTable& hosts_;
  std::size_t most_;
  EventLog events_;
  Validation result_;
  std::optional<ClockKind> kind_;
  std::vector<std::uint64_t> last_own_;  // by host, of the current log
  std::vector<bool> missed_;             // hosts already reported as unknown
  std::vector<ClockEntry> news_;
  bool intransitive_ = false;
};

// A host's own entry as it reads best: a hybrid clock's as a time.
std::string Validator::own_text(HostIndex host, std::uint64_t own) const {
  return kind_ == ClockKind::hlc ? fmt::format("{}={}", hosts_.name(host), to_string(HybridTime{own}))
                                 : named(host, own);
}

void Validator::report(std::size_t log, std::uint64_t line_number, Rule rule, HostIndex host,
                       std::string detail) {
  if (result_.violations.size() >= most_) {
    result_.complete = false;
    return;
  }
  result_.violations.push_back({log, line_number, rule, host, std::move(detail)});
}

Status Validator::read(std::vector<LogReader>& logs) {
  LogLine line;
  for (std::size_t i = 0; i < logs.size(); ++i) {
    last_own_.clear();
    for (;;) {
      auto read = logs[i].next(line);
      if (!read) return read.error();
      if (!*read) break;
      if (!kind_) kind_ = line.clock.kind;
      if (*kind_ != line.clock.kind) {
        if (auto rejected = logs[i].reject(
                fmt::format("a {} clock among {} clocks", to_string(line.clock.kind), to_string(*kind_)),
                "check logs of one kind");
            !rejected)
          return rejected;
        continue;
      }
      check_line(line, i, logs[i].line_number());
    }
    result_.skipped += logs[i].skipped();
  }
  return done();
}

void Validator::check_line(const LogLine& line, std::size_t log, std::uint64_t line_number) {
  if (line.own == 0) {
    report(log, line_number, Rule::missing_own_entry, line.host,
           fmt::format("the clock has no entry for {}", hosts_.name(line.host)));
    return;
  }
  if (last_own_.size() <= line.host) last_own_.resize(hosts_.size(), 0);
  auto& last = last_own_[line.host];
  if (line.own < last)
    report(log, line_number, Rule::regression, line.host,
           fmt::format("{} after {}", own_text(line.host, line.own), own_text(line.host, last)));
  last = line.own;
  if (line.clock.kind == ClockKind::matrix) check_rows(line, log, line_number);
  events_.add(line, log, line_number);
}

// What a host knows that others know, it knows itself.
void Validator::check_rows(const LogLine& line, std::size_t log, std::uint64_t line_number) {
  for (const auto& cell : line.clock.cells) {
    const auto own = std::ranges::find(line.clock.entries, cell.host, &ClockEntry::host);
    const std::uint64_t known = own == line.clock.entries.end() ? 0 : own->count;
    if (cell.count > known) {
      report(log, line_number, Rule::intransitive, line.host,
             fmt::format("the row of {} has {}, the host's own row {}", hosts_.name(cell.knower),
                         named(cell.host, cell.count), named(cell.host, known)));
    }
  }
}

Validation Validator::judge() {
  events_.index();
  missed_.assign(hosts_.size(), false);
  events_.each_with_previous([&](EventIndex event, EventIndex previous) {
    if (previous == no_event) ++result_.hosts;
    check_chain(event, previous);
    if (!scalar()) check_news(event, previous);
  });
  if (intransitive_) check_long_cycles();
  result_.events = events_.size();
  std::ranges::stable_sort(result_.violations, {},
                           [](const Violation& v) { return std::tuple(v.log, v.line_number, v.rule); });
  return std::move(result_);
}

// The events of one host: each number once, without gaps, and nothing forgotten.
void Validator::check_chain(EventIndex event, EventIndex previous) {
  const LogEvent& its = events_[event];
  const std::uint64_t before = previous == no_event ? 0 : events_[previous].own;
  if (its.own == before) {
    const LogEvent& other = events_[previous];
    report(event, Rule::duplicate,
           fmt::format("{} is also on line {}{}", own_text(its.host, its.own), other.line_number,
                       other.log == its.log ? "" : " of another log"));
    return;
  }
  if (scalar()) return;
  if (its.own != before + 1) {
    report(event, Rule::gap,
           fmt::format("{} follows {}", named(its.host, its.own),
                       before == 0 ? std::string("nothing") : named(its.host, before)));
  }
  if (previous == no_event) return;
  const auto hosts = events_.shape(previous);
  const auto known = events_.counts(previous);
  const bool same_shape = its.shape == events_[previous].shape;
  const auto now = events_.counts(event);
  for (std::size_t i = 0; i < hosts.size(); ++i) {
    const std::uint64_t count = same_shape ? now[i] : events_.count(event, hosts[i]);
    if (count < known[i]) {
      report(event, Rule::regression,
             fmt::format("{} after {} at {}", named(hosts[i], count), named(hosts[i], known[i]),
                         events_.name(previous)));
      return;
    }
  }
}

// What the event knows more than its predecessor must have been sent by somebody, who knew
// no more than the event does.
void Validator::check_news(EventIndex event, EventIndex previous) {
  events_.news(event, previous, news_);
  for (const auto& entry : news_) {
    const auto theirs = events_.of(entry.host);
    if (theirs.empty()) {
      if (!missed_[entry.host])
        report(event, Rule::unknown_host, fmt::format("no log has a line of {}", hosts_.name(entry.host)));
      missed_[entry.host] = true;
    } else if (entry.count > events_[theirs.back()].own) {
      report(event, Rule::unknown_event,
             fmt::format("knows {}, the last logged is {}", named(entry.host, entry.count),
                         events_.name(theirs.back())));
    } else if (const EventIndex source = events_.find(entry.host, entry.count); source != no_event) {
      check_source(event, source);
    }
  }
}

void Validator::check_source(EventIndex event, EventIndex source) {
  const LogEvent& its = events_[event];
  if (events_.count(source, its.host) >= its.own) {
    report(event, Rule::cycle,
           fmt::format("{} knows {}, which knows {}", events_.name(event), events_.name(source),
                       named(its.host, events_.count(source, its.host))));
    return;
  }
  const auto hosts = events_.shape(source);
  const auto theirs = events_.counts(source);
  const bool same_shape = its.shape == events_[source].shape;
  const auto ours = events_.counts(event);
  for (std::size_t i = 0; i < hosts.size(); ++i) {
    const std::uint64_t known = same_shape ? ours[i] : events_.count(event, hosts[i]);
    if (known < theirs[i]) {
      intransitive_ = true;
      report(event, Rule::intransitive,
             fmt::format("knows {}, which knows {}, but itself only {}", events_.name(source),
                         named(hosts[i], theirs[i]), named(hosts[i], known)));
      return;
    }
  }
}

// Clocks that are transitive show every cycle as two events that know each other. Others may
// hide one of three or more: those are what Kahn's sort of the direct causes leaves over. One
// event of each cycle is reported.
void Validator::check_long_cycles() {
  std::vector<std::vector<EventIndex>> effects(events_.size());
  std::vector<std::uint32_t> causes(events_.size(), 0);
  const auto add_edge = [&](EventIndex cause, EventIndex effect) {
    if (cause == no_event) return;
    effects[cause].push_back(effect);
    ++causes[effect];
  };
  events_.each_with_previous([&](EventIndex event, EventIndex previous) {
    add_edge(previous, event);
    events_.news(event, previous, news_);
    for (const auto& entry : news_) add_edge(events_.find(entry.host, entry.count), event);
  });
  std::vector<EventIndex> ready;
  for (EventIndex event = 0; event < events_.size(); ++event) {
    if (causes[event] == 0) ready.push_back(event);
  }
  std::size_t sorted = 0;
  while (!ready.empty()) {
    const EventIndex event = ready.back();
    ready.pop_back();
    ++sorted;
    for (const EventIndex effect : effects[event]) {
      if (--causes[effect] == 0) ready.push_back(effect);
    }
  }
  const bool known =
      std::ranges::any_of(result_.violations, [](const Violation& v) { return v.rule == Rule::cycle; });
  if (sorted == events_.size() || known) return;
  // Among what is left every event has a cause that is left: going back from any of them ends in a cycle.
  std::map<EventIndex, EventIndex> cause_of;
  for (EventIndex event = 0; event < events_.size(); ++event) {
    if (causes[event] == 0) continue;
    for (const EventIndex effect : effects[event]) {
      if (causes[effect] > 0) cause_of[effect] = event;
    }
  }
  std::map<EventIndex, bool> met;
  EventIndex at = cause_of.begin()->first;
  while (!met[at]) {
    met[at] = true;
    at = cause_of[at];
  }
  std::string path = events_.name(at);
  for (EventIndex cause = cause_of[at]; cause != at; cause = cause_of[cause])
    path += fmt::format(" after {}", events_.name(cause));
  report(at, Rule::cycle, fmt::format("{} after {}", path, events_.name(at)));
}

}  // namespace

Result<Validation> validate(std::vector<LogReader>& logs, const HostTable& hosts, std::size_t most) {
  Validator validator(hosts, most);
  if (auto read = validator.read(logs); !read) return read.error();
  return validator.judge();
}

}  // namespace coord::clock
