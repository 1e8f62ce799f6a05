// SPDX-License-Identifier: MIT
#include "dlock/take_part.hpp"

#include <utility>

#include "cli/connect.hpp"
#include "cli/names.hpp"
#include "dlock/request.hpp"
#include "process/boot_time.hpp"
#include "wire/archive.hpp"
#include "wire/channel.hpp"

namespace coord::dlock {

namespace {

constexpr auto channel = static_cast<std::uint16_t>(wire::Channel::agreements);
constexpr std::uint64_t part_request = 2;  // beside cli::only_request

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

Result<std::vector<service::DecisionSite>> sites_now(engine::LocalConnection& peer,
                                                     const std::string& object) {
  if (Status sent = peer.send(to_part(agreements::GetSites{true})); !sent) return sent.error();
  const Instant end = cli::must_answer_by(peer, process::boot_now());
  for (;;) {
    auto answer = peer.wait(end);
    if (!answer) return answer.error();
    if (!answer->has_value()) return Error{ErrorKind::unavailable, object, "the peer does not answer", ""};
    // A host without a vote has no sites.
    if (const auto* refused = std::get_if<local::Refused>(&**answer))
      return Error{ErrorKind::usage, object, refused->why, ""};
    const auto* said = std::get_if<local::FromPart>(&**answer);
    if (said == nullptr) continue;
    auto told = read(object, *said);
    if (!told) return told.error();
    if (auto* sites = std::get_if<agreements::Sites>(&*told)) return std::move(sites->sites);
  }
}

}  // namespace

Result<engine::LocalConnection> ask_to_take_part(Settings& settings, const cli::ConnectOptions& how) {
  const std::string object = cli::shown(settings.name_list);
  auto peer = cli::connect_to_peer(how, "dlock");
  if (!peer) return peer;
  if (peer->speaks() < 2)
    return Error{ErrorKind::unavailable, "the peer of this host", "its release has no --algorithm",
                 "install this release's coordd"};
  auto sites = sites_now(*peer, object);
  if (!sites) return sites.error();
  const Token closes = settings.part ? settings.part->closes : Token{};
  settings.part = service::TakePart{*settings.algorithm, std::move(*sites), closes};
  if (Status sent = peer->send(request_of(settings)); !sent) return sent.error();
  return peer;
}

Result<Entry> enter(cli::HeldSession& session, const std::string& object, Instant end) {
  std::optional<Result<agreements::ToTool>> told;
  const agreements::Enter wish{session.grant().session, cli::only_request};
  const bool answered = session.ask(
      to_part(wish), [&] { return end; }, true,
      [&](const local::Answer& answer) {
        const auto* said = std::get_if<local::FromPart>(&answer);
        if (said != nullptr) told = read(object, *said);
        return said != nullptr;
      });
  if (!answered) return Entry(NotEntered{});
  if (!*told) return told->error();
  if (auto* entered = std::get_if<agreements::Entered>(&**told)) return Entry(std::move(*entered));
  if (auto* missing = std::get_if<agreements::Missing>(&**told)) return Entry(std::move(*missing));
  return Error{ErrorKind::unavailable, object, "its peer's answer cannot be", ""};
}

}  // namespace coord::dlock
