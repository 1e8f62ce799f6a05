// SPDX-License-Identifier: MIT
#include "daemon/meters.hpp"

#include <algorithm>
#include <charconv>

#include "base/format.hpp"
#include "base/utf8.hpp"

namespace coord::daemon {

namespace {

double seconds_of(Duration time) {
  return static_cast<double>(time.count()) / 1e9;
}

std::string number(double value) {
  std::array<char, 64> text{};
  return {text.data(), std::to_chars(text.data(), text.data() + text.size(), value).ptr};
}

using Labels = std::string;  // as they stand: name="value",...

// One family after the other: its samples must stand together.
class Page {
 public:
  void family(const std::string& name, const char* type, const char* unit, const char* help) {
    text_ += fmt::format("# TYPE {} {}\n", name, type);
    if (*unit != '\0') text_ += fmt::format("# UNIT {} {}\n", name, unit);
    text_ += fmt::format("# HELP {} {}\n", name, help);
  }
  void sample(const std::string& name, const Labels& labels, const std::string& value) {
    text_ += fmt::format("{}{} {}\n", name, labels.empty() ? "" : fmt::format("{{{}}}", labels), value);
  }
  void gauge(const std::string& name, const char* unit, const char* help, double value) {
    family(name, "gauge", unit, help);
    sample(name, "", number(value));
  }
  void histogram(const std::string& name, const Labels& labels, const Histogram& of) {
    const std::string before = labels.empty() ? "" : fmt::format("{},", labels);
    for (std::size_t i = 0; i < of.bounds_s().size(); ++i)
      sample(fmt::format("{}_bucket", name), fmt::format("{}le=\"{}\"", before, bound(of.bounds_s()[i])),
             std::to_string(of.at_most(i)));
    sample(fmt::format("{}_bucket", name), fmt::format("{}le=\"+Inf\"", before), std::to_string(of.count()));
    sample(fmt::format("{}_count", name), labels, std::to_string(of.count()));
    sample(fmt::format("{}_sum", name), labels, number(of.sum_s()));
  }
  std::string take() { return fmt::format("{}# EOF\n", std::move(text_)); }

 private:
  // In canonical form, a whole number has its fraction.
  static std::string bound(double value) {
    std::string text = number(value);
    if (text.find_first_of(".e") == std::string::npos) text += ".0";
    return text;
  }
  std::string text_;
};

Labels label(const char* name, const std::string& value) {
  return fmt::format("{}=\"{}\"", name, label_text(value));
}

void add_grants(Page& page, const Meters& meters) {
  page.family("coordutils_grants", "counter", "", "Locks and leaderships granted to tools of this host.");
  page.sample("coordutils_grants_total", "", std::to_string(meters.all.grants));
  page.family("coordutils_losses", "counter", "", "Holds of this host that were lost or broken.");
  page.sample("coordutils_losses_total", "", std::to_string(meters.all.losses));
  page.family("coordutils_wait_seconds", "histogram", "seconds", "From the request of a tool to its grant.");
  page.histogram("coordutils_wait_seconds", "", meters.all.wait);
  page.family("coordutils_hold_seconds", "histogram", "seconds", "From a grant to its end.");
  page.histogram("coordutils_hold_seconds", "", meters.all.hold);
}

void add_named(Page& page, const Meters& meters) {
  if (meters.named.empty()) return;
  page.family("coordutils_named_grants", "counter", "", "Grants of the names in metrics_names.");
  for (const auto& [name, of] : meters.named)
    page.sample("coordutils_named_grants_total", label("name", name), std::to_string(of.grants));
  page.family("coordutils_named_losses", "counter", "", "Losses of the names in metrics_names.");
  for (const auto& [name, of] : meters.named)
    page.sample("coordutils_named_losses_total", label("name", name), std::to_string(of.losses));
  page.family("coordutils_named_wait_seconds", "histogram", "seconds",
              "Waits for the names in metrics_names.");
  for (const auto& [name, of] : meters.named)
    page.histogram("coordutils_named_wait_seconds", label("name", name), of.wait);
  page.family("coordutils_named_hold_seconds", "histogram", "seconds",
              "Holds of the names in metrics_names.");
  for (const auto& [name, of] : meters.named)
    page.histogram("coordutils_named_hold_seconds", label("name", name), of.hold);
}

void add_links(Page& page, const Gauges& gauges) {
  if (gauges.links.empty()) return;
  page.family("coordutils_link_up", "gauge", "", "Whether the connection to that peer stands.");
  for (const Gauges::Link& link : gauges.links)
    page.sample("coordutils_link_up", label("peer", link.peer), link.up ? "1" : "0");
  page.family("coordutils_link_round_trip_seconds", "gauge", "seconds", "Round trip to that peer, smoothed.");
  for (const Gauges::Link& link : gauges.links)
    if (link.round_trip)
      page.sample("coordutils_link_round_trip_seconds", label("peer", link.peer),
                  number(seconds_of(*link.round_trip)));
}

// One sample for each state; 1 for the one that it is in.
void add_members(Page& page, const Gauges& gauges) {
  if (gauges.members.empty()) return;
  page.family("coordutils_member_state", "gauge", "", "State of that peer, as this one sees it.");
  for (const Gauges::Member& member : gauges.members)
    for (const char* state : {"alive", "suspect", "dead", "left", "recovering"})
      page.sample("coordutils_member_state",
                  fmt::format("{},{}", label("peer", member.peer), label("state", state)),
                  member.state == state ? "1" : "0");
  page.family("coordutils_member_phi", "gauge", "", "How surprising the silence of that peer is.");
  for (const Gauges::Member& member : gauges.members)
    if (member.phi) page.sample("coordutils_member_phi", label("peer", member.peer), number(*member.phi));
}

void add_parts(Page& page, const Gauges& gauges) {
  for (const node::Count& count : gauges.parts) {
    const std::string name = fmt::format("coordutils_{}", count.name);
    page.family(name, count.only_rises ? "counter" : "gauge", name.ends_with("_bytes") ? "bytes" : "",
                count.help);
    page.sample(count.only_rises ? fmt::format("{}_total", name) : name, "", std::to_string(count.value));
  }
}

}  // namespace

void Histogram::observe(Duration time) {
  const double value = std::max(0.0, seconds_of(time));
  ++count_;
  sum_s_ += value;
  const auto bound = std::lower_bound(bounds_s_.begin(), bounds_s_.end(), value);
  if (bound != bounds_s_.end()) ++counts_[static_cast<std::size_t>(bound - bounds_s_.begin())];
}

std::uint64_t Histogram::at_most(std::size_t bound) const {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i <= bound; ++i) sum += counts_[i];
  return sum;
}

Histogram short_times() {
  return Histogram({0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5});
}

Histogram long_times() {
  return Histogram({0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 600, 3600, 21600, 86400});
}

void Meters::granted(const std::vector<std::string>& names, std::optional<Duration> waited) {
  const auto add = [&](GrantMeters& of) {
    ++of.grants;
    if (waited) of.wait.observe(*waited);
  };
  add(all);
  for (const std::string& name : names)
    if (const auto found = named.find(name); found != named.end()) add(found->second);
}

void Meters::lost(const std::vector<std::string>& names) {
  ++all.losses;
  for (const std::string& name : names)
    if (const auto found = named.find(name); found != named.end()) ++found->second.losses;
}

void Meters::held(const std::vector<std::string>& names, Duration time) {
  all.hold.observe(time);
  for (const std::string& name : names)
    if (const auto found = named.find(name); found != named.end()) found->second.hold.observe(time);
}

std::string label_text(const std::string& value) {
  std::string text;
  for (std::string_view rest = value; !rest.empty();) {
    const std::size_t length = utf8_length(rest);
    if (length == 0) {
      text += "\xEF\xBF\xBD";  // the replacement character
      rest.remove_prefix(1);
      continue;
    }
    const std::string_view character = rest.substr(0, length);
    rest.remove_prefix(length);
    if (character == "\n") {
      text += "\\n";
    } else {
      if (character == "\\" || character == "\"") text += '\\';
      text += character;
    }
  }
  return text;
}

std::string open_metrics(const Meters& meters, const Gauges& gauges) {
  const auto whole = [](std::uint64_t value) { return static_cast<double>(value); };
  Page page;
  add_grants(page, meters);
  add_named(page, meters);
  page.gauge("coordutils_sessions", "", "Sessions of the group.", whole(gauges.sessions));
  page.gauge("coordutils_locks", "", "Names in use in the group.", whole(gauges.locks));
  page.gauge("coordutils_tools", "", "Tools of this host at work.", whole(gauges.tools));
  page.gauge("coordutils_term", "", "Term, as this peer knows it.", whole(gauges.term));
  page.gauge("coordutils_leads", "", "1: this peer leads.", gauges.leads ? 1 : 0);
  page.gauge("coordutils_has_leader", "", "1: this peer knows a leader.", gauges.has_leader ? 1 : 0);
  page.family("coordutils_leader_changes", "counter", "",
              "Changes of leader or term that this peer has seen.");
  page.sample("coordutils_leader_changes_total", "", std::to_string(meters.leader_changes));
  page.gauge("coordutils_level", "", "Level of the group's formats and rules.", whole(gauges.level));
  page.family("coordutils_commit_seconds", "histogram", "seconds", "From a leader's append to its commit.");
  page.histogram("coordutils_commit_seconds", "", meters.commit);
  page.family("coordutils_disk_sync_seconds", "histogram", "seconds", "Time of a synced write of the log.");
  page.histogram("coordutils_disk_sync_seconds", "", meters.disk_sync);
  page.gauge("coordutils_log_entries", "", "Entries of the log after its snapshot.",
             whole(gauges.log_entries));
  page.gauge("coordutils_log_size_bytes", "bytes", "Size of the log on the disk.", whole(gauges.log_bytes));
  add_links(page, gauges);
  add_members(page, gauges);
  add_parts(page, gauges);
  page.gauge("coordutils_start_time_seconds", "seconds", "When this peer started, Unix time.",
             gauges.started_s);
  return page.take();
}

}  // namespace coord::daemon
