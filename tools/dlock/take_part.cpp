// SPDX-License-Identifier: MIT
#include "dlock/take_part.hpp"

#include <algorithm>
#include <utility>

#include "base/format.hpp"
#include "cli/connect.hpp"
#include "cli/names.hpp"
#include "cli/refusal.hpp"
#include "dlock/request.hpp"
#include "process/boot_time.hpp"
#include "wire/archive.hpp"
#include "wire/channel.hpp"

namespace coord::dlock {

namespace {

constexpr auto channel = static_cast<std::uint16_t>(wire::Channel::agreements);

local::ToPart to_part(const agreements::FromTool& what) {
  return {part_request, channel, wire::encode(what, 2)};
}

Error error_of(const std::string& object, const agreements::CannotTell& why) {
  const bool wrong =
      why.why == agreements::CannotTell::Why::no_site || why.why == agreements::CannotTell::Why::wrong;
  return {wrong ? ErrorKind::usage : ErrorKind::unavailable, object, why.text, ""};
}

Result<agreements::ToTool> read(const std::string& object, const local::FromPart& said) {
  auto told = wire::decode<agreements::ToTool>(said.bytes);
  if (!told)
    return Error{ErrorKind::unavailable, object, "its peer's answer cannot be read",
                 "install this release's coordd"};
  if (const auto* why = std::get_if<agreements::CannotTell>(&*told)) return error_of(object, *why);
  return std::move(*told);
}

Result<agreements::Sites> sites_now(engine::LocalConnection& peer, const std::string& object) {
  if (Status sent = peer.send(to_part(agreements::GetSites{true})); !sent) return sent.error();
  const Instant end = cli::must_answer_by(peer, process::boot_now());
  for (;;) {
    auto answer = peer.wait(end);
    if (!answer) return answer.error();
    if (!answer->has_value()) return Error{ErrorKind::unavailable, object, "the peer does not answer", ""};
    if (const auto* refused = std::get_if<local::Refused>(&**answer)) {
      // A host without a vote has no sites.
      const bool no_part = cli::is_without_part(*refused);
      return Error{no_part ? ErrorKind::usage : ErrorKind::unavailable, object, refused->why, ""};
    }
    const auto* said = std::get_if<local::FromPart>(&**answer);
    if (said == nullptr) continue;
    auto told = read(object, *said);
    if (!told) return told.error();
    if (auto* sites = std::get_if<agreements::Sites>(&*told)) return std::move(*sites);
  }
}

// Of the sites that answer those that the user names, all of them.
Status keep_named(agreements::Sites& told, const std::vector<std::string>& named, const std::string& object) {
  if (named.empty()) return done();
  auto& sites = told.sites;
  const auto is_named = [&](const service::DecisionSite& site) {
    return std::ranges::find(named, site.host) != named.end();
  };
  std::string there, silent, wanted;
  for (const service::DecisionSite& site : sites) there += (there.empty() ? "" : ", ") + site.host;
  for (const std::string& host : named) {
    wanted += (wanted.empty() ? "" : ", ") + host;
    if (std::ranges::find(sites, host, &service::DecisionSite::host) == sites.end())
      silent += (silent.empty() ? "" : ", ") + host;
  }
  if (!silent.empty())
    return Error{ErrorKind::unavailable, object,
                 fmt::format("{} does not answer, or has no vote: those that answer are {}", silent, there),
                 ""};
  std::erase_if(sites, [&](const auto& site) { return !is_named(site); });
  if (std::ranges::find(sites, told.self, &service::DecisionSite::node) == sites.end())
    return Error{ErrorKind::usage, object,
                 fmt::format("this host is no site, for --among does not name it: ask on one of {}", wanted),
                 ""};
  return done();
}

// To enter as soon as it takes part: what an older peer does not know, so that it does not take what follows
// for a plain lock.
engine::Spoken request_ahead(const Settings& settings) {
  engine::Spoken spoken(request_of(settings));
  spoken.ahead = to_part(agreements::EnterAhead{settings.names.front(), cli::only_request, outer_sessions()});
  return spoken;
}

}  // namespace

Result<engine::LocalConnection> ask_to_take_part(Settings& settings, const cli::ConnectOptions& how,
                                                 bool names_sites, const std::function<void()>& meanwhile) {
  const std::string object = cli::shown(settings.name_list);
  const bool is_ahead = !names_sites && !settings.no_wait;
  if (!names_sites) settings.part = service::TakePart{*settings.algorithm};
  auto peer = is_ahead ? cli::connect_to_peer(how, "dlock", request_ahead(settings), meanwhile)
                       : cli::connect_to_peer(how, "dlock");
  if (!peer) return peer;
  if (peer->speaks() < 2)
    return Error{ErrorKind::unavailable, "the peer of this host", "its release has no --algorithm",
                 "install this release's coordd"};
  if (is_ahead) return peer;
  if (!names_sites) {
    if (Status sent = peer->send(request_of(settings)); !sent) return sent.error();
    meanwhile();
    return peer;
  }
  auto sites = sites_now(*peer, object);
  if (!sites) return sites.error();
  if (Status named = keep_named(*sites, settings.among, object); !named) return named.error();
  const Token closes = settings.part ? settings.part->closes : Token{};
  settings.part =
      service::TakePart{*settings.algorithm, std::move(sites->sites), closes, false, !settings.among.empty()};
  if (Status sent = peer->send(request_of(settings)); !sent) return sent.error();
  meanwhile();
  return peer;
}

Result<agreements::WholeLog> log_of_epoch(const cli::ConnectOptions& how, const std::string& object,
                                          Token epoch) {
  auto peer = cli::connect_to_peer(how, "dlock");
  if (!peer) return peer.error();
  return agreements::log_of(
      agreements::GetLog{epoch, 0}, [&](const agreements::FromTool& what) -> Result<agreements::ToTool> {
        if (Status sent = peer->send(to_part(what)); !sent) return sent.error();
        const Instant end = cli::must_answer_by(*peer, process::boot_now());
        for (;;) {
          auto answer = peer->wait(end);
          if (!answer) return answer.error();
          if (!answer->has_value())
            return Error{ErrorKind::unavailable, object, "the peer does not answer", ""};
          if (const auto* said = std::get_if<local::FromPart>(&**answer)) return read(object, *said);
        }
      });
}

namespace {

// nullopt: no answer by `end`, or the session was lost. `only`: what else was asked before is answered, too.
template <class Only = void>
std::optional<Result<agreements::ToTool>> ask(cli::HeldSession& session, const std::string& object,
                                              Instant end, const agreements::FromTool& what) {
  std::optional<Result<agreements::ToTool>> told;
  const bool answered = session.ask(
      to_part(what), [&] { return end; }, true,
      [&](const local::Answer& answer) {
        const auto* said = std::get_if<local::FromPart>(&answer);
        if (said == nullptr) return false;
        told = read(object, *said);
        if constexpr (!std::is_void_v<Only>) return !*told || std::holds_alternative<Only>(**told);
        return true;
      });
  return answered ? std::move(told) : std::nullopt;
}

// The peer says whether that it has not entered is for want of a majority.
NotEntered withdraw(cli::HeldSession& session, const std::string& object) {
  const Instant end = process::boot_now() + cli::answer_patience;
  const agreements::Withdraw what{session.grant().session, cli::only_request};
  const auto told = ask<agreements::Withdrawn>(session, object, end, what);
  const auto* withdrawn = told && *told ? std::get_if<agreements::Withdrawn>(&**told) : nullptr;
  return {withdrawn != nullptr && withdrawn->quorum};
}

}  // namespace

Result<Entry> enter(cli::HeldSession& session, const std::string& object, Instant end, bool at_once) {
  const agreements::Enter what{session.grant().session, cli::only_request, at_once, outer_sessions()};
  for (;;) {
    auto told = ask(session, object, end, what);
    if (!told) return Entry(session.passed_on() ? NotEntered{} : withdraw(session, object));
    if (!*told) return told->error();
    if (auto* missing = std::get_if<agreements::Missing>(&**told)) return Entry(std::move(*missing));
    if (std::holds_alternative<agreements::Busy>(**told)) return Entry(NotEntered{true});
    if (auto* in = std::get_if<agreements::Entered>(&**told)) return Entry(std::move(*in));
  }
}

bool entered_ahead(cli::HeldSession& session, const std::string& object,
                   std::optional<agreements::Entered>& entered) {
  const auto is_entered = [&](const local::Answer& answer) {
    const auto* said = std::get_if<local::FromPart>(&answer);
    if (said != nullptr) entered = entered_in(object, *said);
    return entered.has_value();
  };
  return entered || session.has_heard(is_entered);
}

std::optional<agreements::Entered> entered_in(const std::string& object, const local::FromPart& said) {
  auto told = read(object, said);
  auto* const in = told ? std::get_if<agreements::Entered>(&*told) : nullptr;
  return in != nullptr ? std::optional(std::move(*in)) : std::nullopt;
}

Beginning::Beginning(SessionId session, Token token, std::string object)
    : object_(std::move(object)),
      along_{to_part(agreements::Begin{session, cli::only_request, token}),
             [this](const local::Answer& answer) {
               const auto* said = std::get_if<local::FromPart>(&answer);
               if (said == nullptr) return false;
               told_ = read(object_, *said);
               // What was asked before, over a line that broke, may be answered still.
               return !*told_ || !std::holds_alternative<agreements::Entered>(**told_);
             },
             [this] { return !instead(); }} {}

std::optional<Result<agreements::ToTool>> Beginning::instead() const {
  const bool is_begun = told_ && *told_ && std::holds_alternative<agreements::Begun>(**told_);
  return is_begun ? std::nullopt : told_;
}

}  // namespace coord::dlock
