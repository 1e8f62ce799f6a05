// SPDX-License-Identifier: MIT
// What dcast says to this host's peer, and is told by it.
#include <chrono>
#include <thread>

#include "base/format.hpp"
#include "cli/connect.hpp"
#include "cli/follow.hpp"
#include "cli/names.hpp"
#include "cli/refusal.hpp"
#include "cli/run.hpp"
#include "dcast/settings.hpp"
#include "engine/local_connection.hpp"
#include "process/boot_time.hpp"
#include "wire/channel.hpp"
#include "wire/codec.hpp"
#include "wire/local.hpp"

namespace coord::dcast {

namespace {

using process::boot_now;

constexpr auto channel = static_cast<std::uint16_t>(wire::Channel::casts);
constexpr std::uint64_t only_request = 1;
constexpr Duration on_the_way = std::chrono::seconds(2);  // from our peer, when the time is over

// A peer that knows what dcast says; one of an earlier release does not (69).
Result<engine::LocalConnection> connect(const Settings& settings) {
  auto peer = cli::connect_to_peer(cli::in_time(settings.peer, settings.wait), "dcast");
  if (peer && peer->speaks() < 2)
    return Error{ErrorKind::unavailable, "the peer of this host", "its release has no casts",
                 "install this release's coordd"};
  return peer;
}

Status say(engine::LocalConnection& peer, const casts::FromTool& what) {
  return peer.send(local::ToPart{only_request, channel, wire::encode(what, 2)});
}

Error refused(const Settings& settings, const casts::CannotCast& why) {
  using Why = casts::CannotCast::Why;
  const bool is_usage = why.why == Why::wrong || why.why == Why::not_yours;
  const char* const remedy = why.why == Why::level  ? "raise it, see dpeers(1)"
                             : why.why == Why::full ? "end some of them"
                                                    : "";
  return {is_usage ? ErrorKind::usage : ErrorKind::unavailable, cli::shown(settings.name), why.text, remedy};
}

// What `answer` is, if it is one of ours; an Error: refused, or unreadable.
Result<std::optional<casts::ToTool>> told_by(const Settings& settings, const local::Answer& answer) {
  if (const auto* why = std::get_if<local::Refused>(&answer))
    return cli::refused_by_peer(cli::shown(settings.name), *why);
  const auto* said = std::get_if<local::FromPart>(&answer);
  if (said == nullptr || said->request != only_request || said->channel != channel)
    return std::optional<casts::ToTool>();
  auto told = wire::decode<casts::ToTool>(said->bytes, {.version = 2});
  if (!told)
    return Error{ErrorKind::unavailable, cli::shown(settings.name), "its peer's answer cannot be read",
                 "install this release's coordd"};
  if (const auto* why = std::get_if<casts::CannotCast>(&*told)) return refused(settings, *why);
  return std::optional(std::move(*told));
}

// The next one of ours. A peer that is stopped says nothing: it is waited for until a little after the end.
Result<casts::ToTool> next(const Settings& settings, engine::LocalConnection& peer, const Exchange& what) {
  const auto until = what.end ? std::optional(*what.end + on_the_way) : std::nullopt;
  for (;;) {
    auto answer = peer.wait(until);
    if (!answer) return Error{what.lost, cli::shown(settings.name), answer.error().text(), what.lost_remedy};
    if (!answer->has_value())
      return Error{what.lost, cli::shown(settings.name), "this host's peer does not answer",
                   what.lost_remedy};
    auto told = told_by(settings, **answer);
    if (!told) return told.error();
    if (*told) return std::move(**told);
  }
}

// On one connection: until it breaks (the Error), our output does, or the tool ends.
std::optional<Error> follow_on(const Settings& settings, const Followed& followed,
                               engine::LocalConnection& peer, Status& output,
                               std::optional<Result<cli::Exit>>& end) {
  if (Status sent = say(peer, followed.begin()); !sent) return sent.error();
  for (;;) {
    auto answer = cli::next_answer(peer, output);
    if (!answer) return answer.error();
    auto told = told_by(settings, *answer);
    if (!told) return told.error();
    if (!*told) continue;
    Followed::Took took = followed.take(**told);
    output = cli::flush();
    if (!output) return output.error();
    Status sent = took.reply ? say(peer, *took.reply) : done();
    end = std::move(took.end);
    if (end) return std::nullopt;
    if (!sent) return sent.error();
  }
}

}  // namespace

std::string text_of(const casts::CastId& id) {
  return fmt::format("{:x}-{:x}-{}", id.origin.value, id.life, id.number);
}

Result<casts::ToTool> exchange(const Settings& settings, const Exchange& what) {
  auto peer = connect(settings);
  if (!peer) return peer.error();
  for (;;) {
    const Duration patience =
        what.end ? std::max(Duration{}, *what.end - boot_now()) : std::chrono::hours(24);
    if (Status sent = say(*peer, what.request(patience)); !sent) return sent.error();
    auto told = next(settings, *peer, what);
    if (!told) return told.error();
    const auto* later = std::get_if<casts::Later>(&*told);
    if (later == nullptr || (what.end && boot_now() + later->after > *what.end)) return told;
    std::this_thread::sleep_for(later->after);
  }
}

Result<cli::Exit> follow(const Settings& settings, const Followed& followed) {
  auto peer = connect(settings);
  if (!peer) return peer.error();
  std::optional<Result<cli::Exit>> end;
  return cli::follow_peer(std::move(*peer), {"dcast", settings.quiet,
                                             [&](engine::LocalConnection& on, Status& output) {
                                               return follow_on(settings, followed, on, output, end);
                                             },
                                             [&] { return connect(settings); }, [&] { return *end; }});
}

}  // namespace coord::dcast
