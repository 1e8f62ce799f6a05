// SPDX-License-Identifier: MIT
// dpeers key pin: by which key another host signs, as this host's peer believes it from now on.
#include <algorithm>
#include <chrono>
#include <fstream>
#include <string>
#include <string_view>
#include <utility>

#include "agreements/messages.hpp"
#include "base/base64.hpp"
#include "base/format.hpp"
#include "cli/connect.hpp"
#include "cli/json.hpp"
#include "cli/names.hpp"
#include "cli/refusal.hpp"
#include "cli/run.hpp"
#include "dpeers/keys.hpp"
#include "process/boot_time.hpp"
#include "wire/archive.hpp"
#include "wire/channel.hpp"

namespace coord::dpeers {

namespace {

constexpr Duration pin_patience = std::chrono::seconds(10);
constexpr auto pins_channel = static_cast<std::uint16_t>(wire::Channel::agreements);
constexpr std::size_t longest_file = std::size_t{1} << 20U;

bool is_signing_key(std::string_view text) {
  constexpr std::string_view prefix = "ed25519:";
  constexpr std::size_t size = 32;
  if (!text.starts_with(prefix)) return false;
  const auto bytes = from_base64(text.substr(prefix.size()));
  return bytes && bytes->size() == size;
}

Error no_signing_key(const std::string& object) {
  return {ErrorKind::usage, object, "is no key to sign by",
          "`dpeers doctor` on that host shows it: ed25519: and base64"};
}

// A key alone, or the line of this host in a file as `peer-keys` of a state directory is.
Result<std::string> key_in_file(const std::string& host, const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return Error{ErrorKind::usage, cli::shown(path), "cannot be read", "name a file with the key"};
  std::string text(longest_file, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(file.gcount()));
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    std::string line = text.substr(begin, end - begin);
    begin = end + 1;
    if (line.starts_with(host + ' ')) line.erase(0, host.size() + 1);
    if (is_signing_key(line)) return line;
  }
  return Error{ErrorKind::usage, cli::shown(path), fmt::format("has no key of {}", cli::shown(host)), ""};
}

Result<agreements::SigningKeys> ask_for_pins(engine::LocalConnection& peer, std::uint64_t request,
                                             const agreements::FromTool& what) {
  const Bytes bytes = wire::encode(what, wire::channels_since);
  if (Status sent = peer.send(local::ToPart{request, pins_channel, bytes}); !sent) return sent.error();
  const Instant until = process::boot_now() + pin_patience;
  for (;;) {
    auto answer = peer.wait(until);
    if (!answer) return answer.error();
    if (!answer->has_value())
      return Error{ErrorKind::unavailable, "key pin", "this host's peer does not answer", "see its log"};
    if (const auto* refused = std::get_if<local::Refused>(&**answer))
      return cli::refused_by_peer("key pin", *refused);
    const auto* said = std::get_if<local::FromPart>(&**answer);
    if (said == nullptr || said->request != request) continue;
    auto told = wire::decode<agreements::ToTool>(said->bytes);
    if (!told)
      return Error{ErrorKind::unavailable, "key pin", "this host's peer has no such keys",
                   "install this release's coordd"};
    if (const auto* why = std::get_if<agreements::CannotTell>(&*told)) {
      const bool wrong = why->why == agreements::CannotTell::Why::wrong;
      return Error{wrong ? ErrorKind::usage : ErrorKind::unavailable, "key pin", why->text, ""};
    }
    if (auto* keys = std::get_if<agreements::SigningKeys>(&*told)) return std::move(*keys);
  }
}

std::string pinned_of(const agreements::SigningKeys& keys, const std::string& host) {
  const auto found = std::ranges::find(keys.others, host, &agreements::SigningKeys::OfHost::host);
  return found == keys.others.end() ? "" : found->pinned;
}

Result<engine::LocalConnection> connect_to_signer(const KeySettings& settings) {
  cli::ConnectOptions running = settings.peer;
  running.no_autostart = true;
  auto peer = cli::connect_to_peer(running, "dpeers");
  if (!peer) return peer.error();
  if (peer->speaks() < 2)
    return Error{ErrorKind::unavailable, "key pin",
                 "this host's peer is of release 0.1.0, which signs nothing", "start coordd of this release"};
  if (peer->welcome().scope != local::Scope::cluster)
    return Error{ErrorKind::usage, "key pin", "this host's peer has no other peers that sign", ""};
  return peer;
}

}  // namespace

Result<cli::Exit> pin_key(const KeySettings& settings) {
  const std::string& host = settings.id;
  if (host.empty())
    return Error{ErrorKind::usage, "key pin", "whose key?", "name the host, as `dpeers` shows it"};
  if (settings.key.empty() == settings.from.empty())
    return Error{ErrorKind::usage, "key pin", "which key?",
                 "give it, as `dpeers doctor` on that host shows it, or --from FILE"};
  const auto key =
      settings.from.empty() ? Result<std::string>(settings.key) : key_in_file(host, settings.from);
  if (!key) return key.error();
  if (!is_signing_key(*key)) return no_signing_key(cli::shown(*key));
  auto peer = connect_to_signer(settings);
  if (!peer) return peer.error();
  const auto before = ask_for_pins(*peer, 1, agreements::GetSigningKeys{});
  if (!before) return before.error();
  const auto after = ask_for_pins(*peer, 2, agreements::PinSigningKey{host, *key});
  if (!after) return after.error();
  const std::string was = pinned_of(*before, host);
  if (settings.json) {
    cli::JsonObject object;
    object.text("verb", "pin").text("host", host).text("key", pinned_of(*after, host));
    was.empty() ? object.null("before") : object.text("before", was);
    cli::print(object.line());
  } else if (!settings.quiet) {
    const std::string instead = was.empty() || was == *key ? "" : fmt::format(", in place of {}", was);
    cli::print(fmt::format("{} signs by {}{}\n", cli::shown(host), pinned_of(*after, host), instead));
  }
  return cli::Exit::done;
}

}  // namespace coord::dpeers
