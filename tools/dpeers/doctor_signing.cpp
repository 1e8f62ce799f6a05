// SPDX-License-Identifier: MIT
// The part of dpeers doctor that shows whose signing key is whose, as this host has them pinned.
#include <chrono>
#include <utility>

#include "agreements/messages.hpp"
#include "base/format.hpp"
#include "cli/connect.hpp"
#include "dpeers/findings.hpp"
#include "process/boot_time.hpp"
#include "wire/archive.hpp"
#include "wire/channel.hpp"

namespace coord::dpeers {

namespace {

constexpr Duration patience = std::chrono::seconds(2);
constexpr auto signing_channel = static_cast<std::uint16_t>(wire::Channel::agreements);

// nullopt: it has none, or does not say.
std::optional<agreements::SigningKeys> signing_keys(const cli::ConnectOptions& options) {
  cli::ConnectOptions running = options;
  running.no_autostart = true;
  auto peer = cli::connect_to_peer(running, "dpeers");
  if (!peer || peer->speaks() < 2 || peer->welcome().scope != local::Scope::cluster) return std::nullopt;
  const Bytes question =
      wire::encode(agreements::FromTool(agreements::GetSigningKeys{}), wire::channels_since);
  if (!peer->send(local::ToPart{1, signing_channel, question})) return std::nullopt;
  const Instant until = process::boot_now() + patience;
  for (;;) {
    auto answer = peer->wait(until);
    if (!answer || !answer->has_value() || std::holds_alternative<local::Refused>(**answer))
      return std::nullopt;
    const auto* said = std::get_if<local::FromPart>(&**answer);
    if (said == nullptr || said->request != 1) continue;
    auto told = wire::decode<agreements::ToTool>(said->bytes);
    auto* keys = told ? std::get_if<agreements::SigningKeys>(&*told) : nullptr;
    return keys == nullptr ? std::nullopt : std::optional(std::move(*keys));
  }
}

}  // namespace

void examine_signing(const cli::ConnectOptions& options, const Examined& examined, Findings& findings) {
  const auto keys = signing_keys(options);
  if (!keys) return;
  const std::string directory = examined.state_dir.empty() ? "STATE_DIR" : examined.state_dir;
  if (keys->own.empty()) {
    findings.push_back({Health::warn, "signing", directory,
                        "this host's signing key, or its list of the others', cannot be read",
                        "see the peer's log, and restart it when that is put right"});
    return;
  }
  findings.push_back({Health::ok, "signing", "this host", keys->own, ""});
  for (const auto& other : keys->others) {
    if (!other.shown.empty() && other.pinned.empty()) {
      findings.push_back(
          {Health::ok, "signing", other.host,
           fmt::format("not pinned: it, or somebody under its name, shows {}; if `dpeers doctor` "
                       "there says the same: dpeers key pin {} {}",
                       other.shown, other.host, other.shown),
           ""});
    } else if (!other.shown.empty()) {
      findings.push_back(
          {Health::warn, "signing", other.host,
           fmt::format("it, or somebody under its name, shows {}, and {} is pinned here: signatures of the "
                       "shown key are not accepted",
                       other.shown, other.pinned),
           fmt::format(
               "only if `dpeers doctor` on that host says that it is its own, for its disk was replaced: "
               "dpeers key pin {} {}",
               other.host, other.shown)});
    } else {
      findings.push_back({Health::ok, "signing", other.host,
                          other.pinned.empty() ? "not pinned: it has not shown its key yet" : other.pinned,
                          ""});
    }
  }
}

}  // namespace coord::dpeers
