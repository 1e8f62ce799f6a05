// SPDX-License-Identifier: MIT
#include "dlock/native.hpp"

#include <unistd.h>

#include <array>
#include <optional>
#include <utility>

#include "base/format.hpp"
#include "cli/names.hpp"
#include "cli/refusal.hpp"
#include "process/boot_time.hpp"
#include "wire/channel.hpp"
#include "wire/codec.hpp"

namespace coord::dlock {

namespace {

constexpr auto channel = static_cast<std::uint16_t>(wire::Channel::native);
constexpr std::uint64_t native_request = 3;  // beside cli::only_request

local::ToPart to_part(const native::FromTool& what) {
  return {native_request, channel, wire::encode(what, native::formats)};
}

Error error_of(const std::string& object, const native::Cannot& why) {
  const bool wrong = why.why == native::Cannot::Why::lacks || why.why == native::Cannot::Why::wrong;
  const std::string what = why.why == native::Cannot::Why::lacks ? "--native" : object;
  return {wrong ? ErrorKind::usage : ErrorKind::unavailable, what, why.text, ""};
}

// Nothing: it is none of the engine's answers.
std::optional<Result<native::ToTool>> read(const std::string& object, const local::Answer& answer) {
  using Told = Result<native::ToTool>;
  if (const auto* refused = std::get_if<local::Refused>(&answer)) {
    if (refused->kind == local::RefusedKind::protocol)
      return Told(Error{ErrorKind::unavailable, "the peer of this host", "its release has no --native",
                        "install this release's coordd"});
    return Told(cli::refused_by_peer(object, *refused));
  }
  const auto* said = std::get_if<local::FromPart>(&answer);
  if (said == nullptr) return std::nullopt;
  auto told = wire::decode<native::ToTool>(said->bytes, wire::DecodeOptions{.version = native::formats});
  if (!told)
    return Told(Error{ErrorKind::unavailable, object, "its peer's answer cannot be read",
                      "install this release's coordd"});
  if (const auto* why = std::get_if<native::Cannot>(&*told)) return Told(error_of(object, *why));
  return told;
}

std::string holder() {
  std::array<char, 256> host{};
  ::gethostname(host.data(), host.size() - 1);
  return fmt::format("dlock {} {}", host.data(), ::getpid());
}

// Whether it is the engine that has kept us waiting, or that others have it.
NotNative give_up(cli::HeldSession& session, const std::string& object) {
  const Instant end = process::boot_now() + cli::answer_patience;
  NotNative over;
  (void)session.ask(
      to_part(native::Unlock{session.grant().session}), [&] { return end; }, false,
      [&](const local::Answer& answer) {
        const auto told = read(object, answer);
        const auto* free = told && *told ? std::get_if<native::Unlocked>(&**told) : nullptr;
        if (free != nullptr) over.reached = free->reached;
        return free != nullptr;
      });
  return over;
}

}  // namespace

Result<NativeEntry> lock_native(cli::HeldSession& session, const Settings& settings, Instant end,
                                const std::function<void(const std::string& behind)>& queued) {
  const std::string object = cli::shown(settings.name_list);
  const native::Lock what{session.grant().session, settings.names.front(), settings.ttl, !settings.no_wait,
                          holder()};
  std::optional<Result<native::ToTool>> told;
  (void)session.ask(
      to_part(what), [&] { return end; }, true,
      [&](const local::Answer& answer) {
        auto said = read(object, answer);
        if (!said) return false;
        if (const auto* line = *said ? std::get_if<native::Queued>(&**said) : nullptr) {
          queued(line->behind);
          return false;
        }
        told = std::move(said);
        return true;
      });
  if (!told) return NativeEntry(give_up(session, object));
  if (!*told) return told->error();
  const auto* locked = std::get_if<native::Locked>(&**told);
  if (locked == nullptr) return NativeEntry(NotNative{true});
  session.bound_by(locked->sent);
  return NativeEntry(*locked);
}

}  // namespace coord::dlock
