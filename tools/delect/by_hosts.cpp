// SPDX-License-Identifier: MIT
// delect --algorithm: a leadership that the hosts settle by themselves (agreements/part_elections.cpp),
// without the group's log. The peer says for how long this host leads without another word of it: the command
// is told to end then, or when the peer says that it leads no more, or is gone.
#include <poll.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <utility>
#include <variant>

#include "agreements/log_of.hpp"
#include "base/descriptor.hpp"
#include "base/format.hpp"
#include "cli/child.hpp"
#include "cli/connect.hpp"
#include "cli/json.hpp"
#include "cli/names.hpp"
#include "cli/output_file.hpp"
#include "cli/refusal.hpp"
#include "cli/run.hpp"
#include "cli/run_report.hpp"
#include "cli/spawn.hpp"
#include "cli/trial.hpp"
#include "delect/settings.hpp"
#include "process/boot_time.hpp"
#include "process/cgroup.hpp"
#include "wire/archive.hpp"
#include "wire/channel.hpp"

namespace coord::delect {

namespace {

using agreements::ElectBy;
using agreements::Standing;

constexpr auto channel = static_cast<std::uint16_t>(wire::Channel::agreements);
constexpr std::uint64_t only_request = 1;

Result<engine::LocalConnection> connect(const Settings& settings) {
  auto peer = cli::connect_to_peer(settings.peer, "delect");
  if (peer && peer->speaks() < 2)
    return Error{ErrorKind::unavailable, "the peer of this host", "its release has no --algorithm",
                 "install this release's coordd"};
  return peer;
}

Status say(engine::LocalConnection& peer, const agreements::FromTool& what,
           std::uint64_t request = only_request) {
  return peer.send(local::ToPart{request, channel, wire::encode(what, 2)});
}

// What an answer says; nothing: it is of something else.
Result<std::optional<Standing>> read(const std::string& object, const local::Answer& answer) {
  if (const auto* refused = std::get_if<local::Refused>(&answer)) {
    // A host without a vote has no part in it.
    const bool no_part = cli::is_without_part(*refused);
    return Error{no_part ? ErrorKind::usage : ErrorKind::unavailable, object, refused->why, ""};
  }
  const auto* said = std::get_if<local::FromPart>(&answer);
  if (said == nullptr) return std::optional<Standing>();
  auto told = wire::decode<agreements::ToTool>(said->bytes);
  if (!told)
    return Error{ErrorKind::unavailable, object, "its peer's answer cannot be read",
                 "install this release's coordd"};
  if (const auto* why = std::get_if<agreements::CannotTell>(&*told))
    return Error{ErrorKind::usage, object, why->text, ""};
  auto* standing = std::get_if<Standing>(&*told);
  return standing != nullptr ? std::optional(std::move(*standing)) : std::optional<Standing>();
}

// nullopt: none until `end`.
Result<std::optional<Standing>> hear(engine::LocalConnection& peer, const std::string& object, Instant end) {
  for (;;) {
    auto answer = peer.wait(end);
    if (!answer) return answer.error();
    if (!answer->has_value()) return std::optional<Standing>();
    auto told = read(object, **answer);
    if (!told || *told) return told;
  }
}

class HostsRace {
 public:
  HostsRace(const Settings& settings, engine::LocalConnection peer, cli::RunReport& report)
      : settings_(settings),
        object_(cli::shown(settings.name())),
        by_(*settings.algorithm),
        bound_(by_ == ElectBy::bully ? *settings.bound : settings.ttl),
        peer_(std::move(peer)),
        report_(report) {}
  Result<cli::Exit> whole();
  void write_log(const Descriptor& log);

 private:
  Status stand() { return say(peer_, agreements::Stand{by_, settings_.name(), bound_}, ++request_); }
  Result<std::optional<cli::Exit>> wait_for_turn();
  bool still_leads();
  Result<std::optional<cli::Exit>> run();
  void take_all(cli::Child& child);
  void take(cli::Child& child, const Standing& is);
  void lost(cli::Child& child);
  void ask_again_later(cli::Child& child);
  void count(const Standing& is);
  Result<agreements::ToTool> answer_to(const agreements::FromTool& what);
  // From TERM to KILL: by then whoever is next has not begun, if the bound holds.
  Duration grace() const { return by_ == ElectBy::bully ? bound_ / 2 : bound_ / 10; }
  Duration ask_every() const { return bound_ / 8; }

  const Settings& settings_;
  std::string object_;
  ElectBy by_;
  Duration bound_;
  engine::LocalConnection peer_;
  cli::RunReport& report_;
  Standing last_;
  std::uint64_t request_ = only_request;  // with which it was asked last
  Instant asked_ = process::boot_now();
};

void HostsRace::count(const Standing& is) {
  last_ = is;
  report_.entry->messages = is.messages;
  report_.entry->delays = is.delays;
  report_.entry->sites = is.hosts;
}

// An exit: it does not lead.
Result<std::optional<cli::Exit>> HostsRace::wait_for_turn() {
  const auto no = static_cast<cli::Exit>(settings_.conflict_status);
  std::optional<Instant> end;
  if (settings_.wait) end = asked_ + *settings_.wait;
  // By then an election is over, and whoever has the lease has been heard.
  if (settings_.no_wait) end = asked_ + 4 * bound_;
  if (Status sent = stand(); !sent) return sent.error();
  for (bool told_that_it_waits = false;;) {
    const Instant next = process::boot_now() + ask_every();
    auto heard = hear(peer_, object_, end ? std::min(*end, next) : next);
    if (!heard) return heard.error();
    if (*heard) {
      count(**heard);
      if ((*heard)->leads) return std::optional<cli::Exit>();
      if (settings_.no_wait && !(*heard)->leader.empty()) return std::optional(no);
      if (settings_.output.verbose > 0 && !std::exchange(told_that_it_waits, true))
        cli::notice("delect", "standing by");
      continue;
    }
    if (end && process::boot_now() >= *end) return std::optional(no);
    if (Status sent = stand(); !sent) return sent.error();
  }
}

void HostsRace::lost(cli::Child& child) {
  const Instant now = process::boot_now();
  child.limit(cli::StopCause::lost, {now, now + grace()});
  child.watch() = {};
}

void HostsRace::take(cli::Child& child, const Standing& is) {
  count(is);
  if (!is.leads) return lost(child);
  child.limit(cli::StopCause::lost, {is.until, is.until + grace()});
}

void HostsRace::take_all(cli::Child& child) {
  for (;;) {
    auto answer = peer_.receive();
    if (!answer) return lost(child);
    if (!answer->has_value()) return;
    auto told = read(object_, **answer);
    if (!told) return lost(child);
    if (*told) take(child, **told);
    if (child.watch().fd < 0) return;
  }
}

void HostsRace::ask_again_later(cli::Child& child) {
  child.watch().at = process::boot_now() + ask_every();
  child.watch().due = [this, &child] {
    if (!stand()) return lost(child);
    ask_again_later(child);
  };
}

// Asked after the command was forked, before it may begin. What was said before that may have stood in the
// socket while this process was stopped, and another host may lead by now; of the answer to this question too
// only its deadline counts.
bool HostsRace::still_leads() {
  const Instant end = process::boot_now() + std::min<Duration>(bound_, std::chrono::seconds(2));
  for (;;) {
    auto answer = peer_.wait(end);
    if (!answer || !answer->has_value()) return false;
    auto told = read(object_, **answer);
    if (!told) return false;
    if (!*told) continue;
    count(**told);
    if (std::get<local::FromPart>(**answer).request == request_) break;
  }
  return last_.leads && process::boot_now() < last_.until;
}

// nullopt: it leads no more, and nothing was begun.
Result<std::optional<cli::Exit>> HostsRace::run() {
  cli::Program program;
  program.argv = settings_.command.argv;
  program.environment = {{"DELECT_NAME", settings_.name()},
                         {"DELECT_TERM", std::to_string(last_.term)},
                         {"DELECT_ALGORITHM", name_of(by_)},
                         {"DELECT_SCOPE", report_.scope}};
  const Instant began = process::boot_now();
  bool is_asked = false;
  const cli::Gate gate{[&](cli::Suspended&) { is_asked = stand().ok(); },
                       [&] { return is_asked && still_leads(); }, [this] { return last_.until; }};
  auto started = cli::Child::start(program, process::Cgroup::create(), &gate);
  if (const auto* child = std::get_if<0>(&started); child != nullptr && *child == nullptr)
    return std::optional<cli::Exit>();
  report_.outcome = "ran";
  if (auto* failed = std::get_if<cli::SpawnError>(&started)) {
    cli::complain("delect", failed->error);
    report_.status = static_cast<int>(failed->exit);
    return std::optional(failed->exit);
  }
  auto& child = *std::get<std::unique_ptr<cli::Child>>(started);
  child.watch().fd = peer_.fd();
  child.watch().events = POLLIN;
  child.watch().ready = [&](short) { take_all(child); };
  take(child, last_);
  if (child.watch().fd >= 0) ask_again_later(child);
  const cli::Outcome outcome = child.run();
  report_.hold = process::boot_now() - began;
  report_.command = outcome;
  if (outcome.stopped == cli::StopCause::lost) report_.outcome = "lost";
  (void)say(peer_, agreements::StepDown{by_, settings_.name()});
  return std::optional(outcome.exit());
}

Result<agreements::ToTool> HostsRace::answer_to(const agreements::FromTool& what) {
  if (Status sent = say(peer_, what, ++request_); !sent) return sent.error();
  const Instant end = cli::must_answer_by(peer_, process::boot_now());
  for (;;) {
    auto answer = peer_.wait(end);
    if (!answer) return answer.error();
    if (!answer->has_value()) return Error{ErrorKind::unavailable, object_, "the peer does not answer", ""};
    const auto* said = std::get_if<local::FromPart>(&**answer);
    if (said != nullptr && said->request == request_) return wire::decode<agreements::ToTool>(said->bytes);
  }
}

// When it stands no more, so that what it then told the others is there.
void HostsRace::write_log(const Descriptor& log) {
  const auto events =
      agreements::log_of(agreements::GetElectionLog{by_, settings_.name(), 0},
                         [this](const agreements::FromTool& what) { return answer_to(what); });
  if (!events) return cli::complain("delect", events.error());
  if (!events->whole) cli::notice("delect", fmt::format("{}: --log: the first events only", object_));
  if (Status written = cli::write_output_file(log, events->text, "log"); !written)
    cli::complain("delect", written.error());
}

Result<cli::Exit> HostsRace::whole() {
  for (;;) {
    auto not_led = wait_for_turn();
    report_.wait = process::boot_now() - asked_;
    if (!not_led) {
      report_.outcome = not_led.error().kind == ErrorKind::usage ? "usage" : "no_quorum";
      return not_led.error();
    }
    if (*not_led) {
      report_.outcome = "not_acquired";
      return **not_led;
    }
    if (settings_.output.verbose > 0)
      cli::notice("delect", fmt::format("leads {}, by {}", object_, name_of(by_)));
    auto ended = run();
    if (!ended) return ended.error();
    if (*ended) return **ended;
  }
}

}  // namespace

Result<cli::Exit> lead_by_hosts(const Settings& settings) {
  auto report = cli::RunReport::open(settings.output.report);
  if (!report) return report.error();
  Descriptor log;
  if (!settings.log.empty()) {
    auto opened = cli::open_output_file(settings.log, fmt::format("log {}", cli::shown(settings.log)));
    if (!opened) return opened.error();
    log = std::move(*opened);
  }
  report->name = settings.name();
  report->entry.emplace();
  report->entry->algorithm = name_of(*settings.algorithm);
  auto peer = connect(settings);
  Result<cli::Exit> result = peer ? Result<cli::Exit>(cli::Exit::done) : Result<cli::Exit>(peer.error());
  if (peer) {
    report->scope = name_of(peer->welcome().scope);
    HostsRace race(settings, std::move(*peer), *report);
    result = race.whole();
    if (log.is_open()) race.write_log(log);
  } else {
    report->outcome = "no_quorum";
  }
  const Status written = report->write();
  if (!written) cli::complain("delect", written.error());
  if (report->command) cli::die_as_interrupted(*report->command);
  if (!written && result.ok() && *result == cli::Exit::done) return cli::Exit::output;
  return result;
}

Result<cli::Exit> show_by_hosts(const Settings& settings) {
  auto peer = connect(settings);
  if (!peer) return peer.error();
  const std::string object = cli::shown(settings.name());
  const ElectBy by = *settings.algorithm;
  if (Status sent = say(*peer, agreements::WhoLeads{by, settings.name()}); !sent) return sent.error();
  auto told = hear(*peer, object, cli::must_answer_by(*peer, process::boot_now()));
  if (!told) return told.error();
  if (!*told) return Error{ErrorKind::unavailable, object, "the peer does not answer", ""};
  const Standing& is = **told;
  const bool yes = settings.mode == Mode::is_leader ? is.here : !is.leader.empty();
  if (settings.output.json) {
    cli::JsonObject record;
    record.name("name", settings.name()).text("algorithm", name_of(by));
    is.leader.empty() ? record.null("leader") : record.text("leader", is.leader);
    record.boolean("here", is.here).time("as_of", wall_now());
    record.text("scope", name_of(peer->welcome().scope));
    cli::print(record.line());
  } else if (settings.mode == Mode::who && !settings.output.quiet) {
    cli::print(fmt::format("{}: {}\n", object,
                           is.leader.empty()
                               ? "nobody leads, as far as this host knows"
                               : fmt::format("{} leads, as this host believes", cli::shown(is.leader))));
  }
  return yes ? cli::Exit::done : cli::Exit::no;
}

}  // namespace coord::delect
