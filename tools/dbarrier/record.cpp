// SPDX-License-Identifier: MIT
#include "dbarrier/record.hpp"

#include <algorithm>

#include "base/format.hpp"
#include "cli/age.hpp"
#include "cli/names.hpp"
#include "cli/table.hpp"

namespace coord::dbarrier {

namespace {

using local::BarrierStage;
using local::Participant;

Duration between(WallTime from, WallTime to) {
  return Duration(std::max<std::int64_t>(to.unix_ns - from.unix_ns, 0));
}

// The times of a generation. Arrivals are by the clocks of the hosts that they came from: as far as these
// differ, so do the waits; none is shown as negative.
struct Times {
  WallTime first{}, end{};  // of the wait
  Duration total_wait{}, longest_wait{}, total_run{}, longest_run{};
  std::size_t waited = 0, ran = 0;
  bool commands = false;

  Times(const local::BarrierRecord& record, WallTime as_of)
      : end(record.stage == BarrierStage::released ? record.released : as_of) {
    for (const Participant& p : record.participants) {
      commands = commands || p.command;
      if (p.late) continue;
      if (waited++ == 0 || p.arrived < first) first = p.arrived;
      total_wait += wait(p);
      longest_wait = std::max(longest_wait, wait(p));
      if (!p.status || p.lost) continue;
      ++ran;
      total_run += p.run;
      longest_run = std::max(longest_run, p.run);
    }
  }
  Duration wait(const Participant& p) const { return p.late ? Duration{} : between(p.arrived, end); }

  // How much of the participants' time was not spent waiting: with commands, of the time from the start to
  // the end of the longest one; else of the time from the first arrival to the release.
  double efficiency() const {
    const auto share = [](Duration part, Duration whole, std::size_t of) {
      const double all = static_cast<double>(whole.count()) * static_cast<double>(of);
      return all > 0 ? static_cast<double>(part.count()) / all : 1.0;
    };
    if (ran > 0) return share(total_run, longest_run, ran);
    return waited > 0 && longest_wait > Duration{} ? 1.0 - share(total_wait, longest_wait, waited) : 1.0;
  }
};

std::string seconds(Duration length) {
  return fmt::format("{:.3f}", static_cast<double>(length.count()) / 1e9);
}

// Not there yet: blank; waiting: '-'; running: '#'.
std::string bar_of(const Participant& p, const Times& times) {
  constexpr std::size_t columns = 30;
  const Duration whole = between(times.first, times.end) + times.longest_run;
  if (p.late) return fmt::format("{}late", std::string(columns - 4, ' '));
  const auto column = [&](Duration at) {
    const double part =
        whole > Duration{} ? static_cast<double>(at.count()) / static_cast<double>(whole.count()) : 1.0;
    return std::min(columns, static_cast<std::size_t>(part * static_cast<double>(columns) + 0.5));
  };
  const Duration released = between(times.first, times.end);
  const std::size_t came = column(between(times.first, p.arrived));
  const std::size_t began = std::max(came, column(released));
  const std::size_t ended = std::max(began, column(released + p.run));
  return std::string(came, ' ') + std::string(began - came, '-') + std::string(ended - began, '#');
}

std::string status_of(const Participant& p) {
  if (p.late) return "late";
  if (p.lost) return "lost";
  if (p.status) return std::to_string(*p.status);
  return "";
}

}  // namespace

cli::JsonObject json_of(const local::BarrierRecord& record, WallTime as_of, const std::string& outcome) {
  const Times times(record, as_of);
  cli::JsonArray participants;
  for (const Participant& p : record.participants) {
    cli::JsonObject object;
    object.name("id", p.id).text("host", p.host).seconds("arrival_s", between(times.first, p.arrived));
    object.seconds("wait_s", times.wait(p));
    if (p.status && !p.lost) {
      object.seconds("run_s", p.run);
    } else {
      object.null("run_s");
    }
    if (p.status) {
      object.integer("status", *p.status);
    } else {
      object.null("status");
    }
    object.boolean("late", p.late).boolean("lost", p.lost);
    participants.object(object);
  }
  cli::JsonArray missing;
  for (const std::string& id : record.missing) missing.text(id);
  cli::JsonObject object;
  object.name("name", record.name).integer("generation", record.generation).integer("count", record.count);
  if (record.quorum > 0) {
    object.integer("quorum", record.quorum);
  } else {
    object.null("quorum");
  }
  object.text("outcome", outcome.empty() ? name_of(record.stage) : outcome);
  if (record.trigger.empty()) {
    object.null("trigger");
  } else {
    object.name("trigger", record.trigger);
  }
  if (record.stage == BarrierStage::broken && record.cause != service::BreakCause::unsaid) {
    object.text("cause", name_of(record.cause));
  } else {
    object.null("cause");
  }
  if (record.why.empty()) {
    object.null("why");
  } else {
    object.name("why", record.why);
  }
  object.boolean("in_turn", record.in_turn);
  if (record.turn.empty()) {
    object.null("turn");
  } else {
    object.name("turn", record.turn);
  }
  object.seconds("total_wait_s", times.total_wait).number("efficiency", times.efficiency());
  return object.array("participants", participants).array("missing", missing).time("as_of", as_of);
}

std::string broken_text(const std::string& by, service::BreakCause cause, const std::string& why) {
  switch (cause) {
    using enum service::BreakCause;
    case unsaid:
      return by.empty() ? "reset" : fmt::format("broken: {} died", cli::shown(by));
    case reset:
      return "reset";
    case died:
      return fmt::format("broken: {} died", cli::shown(by));
    case said:
      return fmt::format("broken: {} failed{}", cli::shown(by),
                         why.empty() ? "" : fmt::format(": {}", cli::shown(why)));
    case failed:
      return fmt::format("broken: {} failed, and nobody after it ran", cli::shown(by));
    case lost:
      return fmt::format("broken: {} was lost, and nobody after it ran", cli::shown(by));
  }
  return "broken";
}

std::string state_of(const local::BarrierRecord& record) {
  const std::size_t there = record.participants.size();
  const auto runs = std::ranges::count_if(
      record.participants, [](const Participant& p) { return p.command && !p.late && !p.status; });
  switch (record.stage) {
    case BarrierStage::waiting:
      return fmt::format("{} of {} are there", there, record.count);
    case BarrierStage::broken:
      return broken_text(record.trigger, record.cause, record.why);
    case BarrierStage::released:
      break;
  }
  if (!record.turn.empty()) {
    return fmt::format("{} has its turn, {} of {} are done", cli::shown(record.turn),
                       there - static_cast<std::size_t>(runs), there);
  }
  if (runs > 0) return std::to_string(runs) + (runs == 1 ? " command runs" : " commands run");
  return record.trigger.empty() ? "released by time"
                                : fmt::format("released by {}", cli::shown(record.trigger));
}

std::vector<std::string> row_of(const local::BarrierRecord& record, WallTime as_of) {
  std::string missing;
  for (const std::string& id : record.missing) missing += (missing.empty() ? "" : " ") + id;
  return {record.name,
          std::to_string(record.generation),
          std::to_string(record.count),
          state_of(record),
          cli::age_text(Times(record, as_of).first, as_of),
          missing};
}

std::string text_of(const local::BarrierRecord& record, WallTime as_of, std::size_t width, bool color) {
  const Times times(record, as_of);
  std::string text =
      fmt::format("{}, generation {}: {}", cli::shown(record.name), record.generation, state_of(record));
  if (times.waited > 0)
    text +=
        fmt::format("; waited {} s in all, efficiency {:.2f}", seconds(times.total_wait), times.efficiency());
  text += '\n';
  using Align = cli::Table::Align;
  std::vector<cli::Table::Column> columns{
      {"ID"}, {"HOST"}, {"ARRIVED", Align::right}, {"WAITED", Align::right}};
  if (times.commands) {
    columns.push_back({"RAN", Align::right});
    columns.push_back({"STATUS", Align::right});
  }
  columns.push_back({"", Align::left, true});
  cli::Table table(std::move(columns));
  for (const Participant& p : record.participants) {
    std::vector<std::string> cells{p.id, p.host, seconds(between(times.first, p.arrived)),
                                   p.late ? "late" : seconds(times.wait(p))};
    if (times.commands) {
      cells.push_back(p.status && !p.lost ? seconds(p.run) : "");
      cells.push_back(status_of(p));
    }
    cells.push_back(bar_of(p, times));
    table.row(cells, p.late || p.lost ? cli::Tone::warning : cli::Tone::plain);
  }
  if (!table.empty()) text += table.text(width, color);
  for (const std::string& id : record.missing) text += fmt::format("missing: {}\n", cli::shown(id));
  return text;
}

}  // namespace coord::dbarrier
