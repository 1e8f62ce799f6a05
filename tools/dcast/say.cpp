// SPDX-License-Identifier: MIT
// dcast NAME PAYLOAD: hands it to this host's peer, and waits until another member has it too.
#include <chrono>
#include <thread>

#include "base/format.hpp"
#include "cli/connect.hpp"
#include "cli/json.hpp"
#include "cli/names.hpp"
#include "cli/refusal.hpp"
#include "cli/run.hpp"
#include "dcast/settings.hpp"
#include "process/boot_time.hpp"
#include "wire/channel.hpp"
#include "wire/codec.hpp"

namespace coord::dcast {

namespace {

using process::boot_now;

constexpr auto channel = static_cast<std::uint16_t>(wire::Channel::casts);

Error not_taken(const Settings& settings, const casts::CannotCast& why) {
  const bool is_usage = why.why != casts::CannotCast::Why::level;
  return {is_usage ? ErrorKind::usage : ErrorKind::unavailable, cli::shown(settings.name), why.text,
          is_usage ? "" : "raise it, see dpeers(1)"};
}

Result<cli::Exit> taken(const Settings& settings, const casts::Taken& what) {
  if (settings.json) {
    cli::JsonObject object;
    object.name("name", settings.name).text("id", text_of(what.id));
    object.integer("members", what.members).boolean("confirmed", what.confirmed);
    cli::print(object.line());
  }
  if (what.confirmed || what.members == 0) return cli::Exit::done;
  return Error{
      ErrorKind::unknown, cli::shown(settings.name),
      fmt::format("this host's peer has it, but none of {} other members has said so in time", what.members),
      "it is still being told: look at dpeers"};
}

}  // namespace

Result<engine::LocalConnection> connect(const Settings& settings) {
  auto peer = cli::connect_to_peer(settings.peer, "dcast");
  if (peer && peer->speaks() < 2)
    return Error{ErrorKind::unavailable, "the peer of this host", "its release has no casts",
                 "install this release's coordd"};
  return peer;
}

local::ToPart to_part(std::uint64_t request, const casts::FromTool& what) {
  return {request, channel, wire::encode(what, 2)};
}

Result<std::optional<casts::ToTool>> of_part(const Settings& settings, std::uint64_t request,
                                             const local::Answer& answer) {
  if (const auto* refused = std::get_if<local::Refused>(&answer))
    return cli::refused_by_peer(cli::shown(settings.name), *refused);
  const auto* said = std::get_if<local::FromPart>(&answer);
  if (said == nullptr || said->request != request || said->channel != channel)
    return std::optional<casts::ToTool>();
  auto told = wire::decode<casts::ToTool>(said->bytes, {.version = 2});
  if (!told)
    return Error{ErrorKind::unavailable, cli::shown(settings.name), "its peer's answer cannot be read",
                 "install this release's coordd"};
  if (const auto* why = std::get_if<casts::CannotCast>(&*told)) return not_taken(settings, *why);
  return std::optional(std::move(*told));
}

std::string text_of(const casts::CastId& id) {
  return fmt::format("{:x}-{:x}-{}", id.origin.value, id.life, id.number);
}

Result<cli::Exit> say(const Settings& settings) {
  auto peer = connect(settings);
  if (!peer) return peer.error();
  const std::optional<Instant> end =
      settings.wait ? std::optional(boot_now() + *settings.wait) : std::nullopt;
  for (;;) {
    const Duration patience = end ? std::max(Duration{}, *end - boot_now()) : std::chrono::hours(24);
    if (Status sent =
            peer->send(to_part(only_request, casts::Say{settings.name, settings.payload, patience}));
        !sent)
      return sent.error();
    std::optional<casts::Later> later;
    while (!later) {
      auto answer = peer->wait(std::nullopt);
      if (!answer)
        return Error{ErrorKind::unknown, cli::shown(settings.name), answer.error().text(),
                     "it may have been cast"};
      auto told = of_part(settings, only_request, **answer);
      if (!told) return told.error();
      if (!*told) continue;
      if (const auto* has = std::get_if<casts::Taken>(&**told)) return taken(settings, *has);
      if (const auto* wait = std::get_if<casts::Later>(&**told)) later = *wait;
    }
    if (end && boot_now() + later->after > *end) {
      cli::notice("dcast", fmt::format("{}: too many casts at once on this host: this one was not made",
                                       cli::shown(settings.name)));
      return cli::Exit::no;
    }
    std::this_thread::sleep_for(later->after);
  }
}

}  // namespace coord::dcast
