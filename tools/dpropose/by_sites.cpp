// SPDX-License-Identifier: MIT
// What a tool and the sites of a decision by a classical algorithm say to each other.
#include <algorithm>
#include <chrono>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/format.hpp"
#include "cli/names.hpp"
#include "cli/refusal.hpp"
#include "cli/run.hpp"
#include "dpropose/majorities.hpp"
#include "dpropose/settings.hpp"
#include "wire/archive.hpp"
#include "wire/channel.hpp"

namespace coord::dpropose {

namespace {

constexpr const char* was_forgotten = "it was forgotten after this proposal was made";
constexpr const char* begin_anew =
    "ask the others with --get; if none knows it, begin anew after dpropose --forget";
constexpr const char* may_be_decided =
    "it may be decided: ask the others with --get; if none knows it, begin anew after dpropose --forget";
constexpr auto channel = static_cast<std::uint16_t>(wire::Channel::agreements);

Error error_of(const std::string& object, const agreements::CannotTell& why) {
  switch (why.why) {
    case agreements::CannotTell::Why::no_site:
    case agreements::CannotTell::Why::wrong:
      return {ErrorKind::usage, object, why.text, ""};
    case agreements::CannotTell::Why::forgotten:
      return {ErrorKind::unavailable, object, was_forgotten, "propose again for a new decision"};
    case agreements::CannotTell::Why::lost:
      return {ErrorKind::unavailable, object, why.text, begin_anew};
    case agreements::CannotTell::Why::lost_meanwhile:
      return {ErrorKind::unknown, object, why.text, may_be_decided};
    case agreements::CannotTell::Why::no_majority:
    case agreements::CannotTell::Why::store:
    case agreements::CannotTell::Why::behind:
    case agreements::CannotTell::Why::open:
      break;
  }
  return {ErrorKind::unavailable, object, why.text, ""};
}

}  // namespace

bool is_forgotten(const Error& error) {
  return error.what == was_forgotten;
}

bool is_lost(const Error& error) {
  return error.remedy == begin_anew || error.remedy == may_be_decided;
}

Result<agreements::ToTool> ask_sites(engine::LocalConnection& peer, const std::string& object,
                                     const agreements::FromTool& what, std::optional<Instant> end) {
  static std::uint64_t last_request = 100;
  const std::uint64_t request = ++last_request;
  if (Status sent = peer.send(local::ToPart{request, channel, wire::encode(what, 2)}); !sent)
    return sent.error();
  for (;;) {
    auto answer = peer.wait(end);
    if (!answer) return answer.error();
    if (!answer->has_value())
      return Error{ErrorKind::unavailable, object, "its sites have not decided in time", ""};
    if (const auto* refused = std::get_if<local::Refused>(&**answer);
        refused && refused->request == request) {
      // A host without a vote has no sites.
      if (cli::is_without_part(*refused)) return Error{ErrorKind::usage, object, refused->why, ""};
      return cli::refused_by_peer(object, *refused);
    }
    const auto* said = std::get_if<local::FromPart>(&**answer);
    if (said == nullptr || said->request != request) continue;
    auto told = wire::decode<agreements::ToTool>(said->bytes);
    if (!told)
      return Error{ErrorKind::unavailable, object, "its peer's answer cannot be read",
                   "install this release's coordd"};
    if (const auto* why = std::get_if<agreements::CannotTell>(&*told)) return error_of(object, *why);
    return std::move(*told);
  }
}

Status choose_sites(const Settings& settings, const std::string& self,
                    std::vector<service::DecisionSite>& sites) {
  const auto hosts_of = [](const std::vector<service::DecisionSite>& some) {
    std::string hosts;
    for (const service::DecisionSite& site : some) hosts += (hosts.empty() ? "" : ", ") + site.host;
    return hosts;
  };
  if (!settings.among.empty()) {
    std::set<std::string> wanted;
    for (std::string_view rest = settings.among;;) {
      const std::size_t comma = std::min(rest.find(','), rest.size());
      wanted.emplace(rest.substr(0, comma));
      if (comma == rest.size()) break;
      rest.remove_prefix(comma + 1);
    }
    for (const std::string& host : wanted) {
      if (std::ranges::find(sites, host, &service::DecisionSite::host) == sites.end())
        return Error{ErrorKind::usage, "--among",
                     fmt::format("{} is no voter of the group", cli::shown(host)),
                     fmt::format("the voters are {}", hosts_of(sites))};
    }
    std::erase_if(sites, [&](const service::DecisionSite& site) { return !wanted.contains(site.host); });
    if (!wanted.contains(self))
      return Error{ErrorKind::usage, "--among", fmt::format("{} is none of them", cli::shown(self)),
                   fmt::format("propose on one of {}", hosts_of(sites))};
  }
  const bool may_lie = settings.algorithm == service::Agreement::pbft;
  if (may_lie && (sites.size() < 4 || sites.size() % 3 != 1))
    return Error{
        ErrorKind::usage, "--algorithm pbft",
        fmt::format("it needs 4, 7, 10, ... sites, and there are {}: {}", sites.size(), hosts_of(sites)),
        "choose so many by --among"};
  // A site that is not known takes no part, for ever: it would have one failure less to withstand.
  std::vector<service::DecisionSite> unknown = sites;
  std::erase_if(unknown, [](const service::DecisionSite& site) { return site.disk != 0; });
  if (may_lie ? unknown.empty() : sites.size() - unknown.size() > sites.size() / 2) return done();
  return Error{ErrorKind::unavailable, hosts_of(unknown),
               "its peer was not heard yet, so nothing was proposed",
               may_lie ? "start it, or choose 4, 7, 10, ... others by --among" : "start it"};
}

Status are_pinned(const agreements::SigningKeys& keys, const std::string& self,
                  const std::vector<service::DecisionSite>& sites) {
  std::string unknown;
  for (const service::DecisionSite& site : sites) {
    const auto found = std::ranges::find(keys.others, site.host, &agreements::SigningKeys::OfHost::host);
    const bool is_pinned = found != keys.others.end() && !found->pinned.empty();
    if (site.host != self && !is_pinned) unknown += (unknown.empty() ? "" : ", ") + cli::shown(site.host);
  }
  if (unknown.empty()) return done();
  return Error{ErrorKind::unavailable, unknown, "its signing key is not pinned here, so nothing was proposed",
               "compare `dpeers doctor` there and here, then run `dpeers key pin`"};
}

namespace {

double milliseconds(Duration after) {
  return std::chrono::duration<double, std::milli>(after).count();
}

// A phase: all messages of one type.
struct Phase {
  Duration first{}, last{};
  std::size_t number = 0;
};

std::string type_of(const agreements::Step& step) {
  return step.text.substr(0, step.text.find(' '));
}

std::map<std::string, Phase> phases_of(const std::vector<agreements::Step>& steps) {
  std::map<std::string, Phase> phases;
  for (const agreements::Step& step : steps) {
    const auto [phase, is_new] = phases.try_emplace(type_of(step), Phase{step.after, step.after, 0});
    if (is_new) phase->second.number = phases.size();
    phase->second.last = step.after;
  }
  return phases;
}

std::string how_it_ended(const agreements::Steps& later) {
  if (!later.is_known) return "has not kept what followed, and does not know whether it is completed";
  if (later.not_acknowledged.empty()) return "completed: from the command's beginning";
  std::string silent;
  for (const std::string& host : later.not_acknowledged)
    silent += (silent.empty() ? "" : ", ") + cli::shown(host);
  return fmt::format("not completed: {} has not acknowledged within 1 s", silent);
}

}  // namespace

void print_trace(const Traced& traced, const std::vector<service::DecisionSite>& sites,
                 const std::string& self, service::Agreement algorithm) {
  Majorities majorities(sites.size(), self, algorithm);
  std::vector<agreements::Step> steps = traced.decided.steps;
  const std::size_t until_decided = steps.size();
  steps.insert(steps.end(), traced.later.steps.begin(), traced.later.steps.end());
  const auto phases = phases_of(steps);
  std::set<std::string> begun;
  const auto say_decided = [&] {
    cli::notice("dpropose", fmt::format("{:9.3f} ms  {} decided, after {} messages one after the other",
                                        milliseconds(traced.decided.took), self, traced.decided.delays));
  };
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const agreements::Step& step = steps[i];
    if (i == until_decided) say_decided();
    const Phase& phase = phases.at(type_of(step));
    if (begun.insert(type_of(step)).second)
      cli::notice("dpropose", fmt::format("phase {}, {}: {:.3f} to {:.3f} ms", phase.number, type_of(step),
                                          milliseconds(phase.first), milliseconds(phase.last)));
    std::string peer = std::to_string(step.peer.value);
    for (const service::DecisionSite& site : sites) {
      if (site.node == step.peer) peer = site.host;
    }
    const std::string majority = step.sent ? "" : majorities.after(step.text, peer);
    cli::notice("dpropose", fmt::format("{:9.3f} ms  {} {} {}  {}{}", milliseconds(step.after), self,
                                        step.sent ? "->" : "<-", peer, step.text, majority));
  }
  if (until_decided == steps.size()) say_decided();
  cli::notice("dpropose",
              fmt::format("{:9.3f} ms  {} {}", milliseconds(traced.whole), self, how_it_ended(traced.later)));
}

}  // namespace coord::dpropose
