// SPDX-License-Identifier: MIT
#include "dpeers/metrics.hpp"

#include <chrono>

#include "process/boot_time.hpp"
#include "wire/channel.hpp"
#include "wire/local.hpp"

namespace coord::dpeers {

Result<std::string> metrics(const cli::ConnectOptions& options) {
  constexpr Duration patience = std::chrono::seconds(10);
  constexpr std::size_t longest = std::size_t{16} << 20U;
  constexpr std::string_view end = "\n# EOF\n";
  cli::ConnectOptions running = options;
  running.no_autostart = true;
  auto peer = cli::connect_to_peer(running, "dpeers");
  if (!peer) return peer.error();
  if (peer->speaks() < 2)
    return Error{ErrorKind::unavailable, "--openmetrics",
                 "this host's peer is of release 0.1.0, which counts nothing",
                 "start coordd of this release"};
  constexpr auto channel = static_cast<std::uint16_t>(wire::Channel::metrics);
  if (Status sent = peer->send(local::ToPart{1, channel, {}}); !sent) return sent.error();
  const Instant until = process::boot_now() + patience;
  std::string page;
  while (!page.ends_with(end) && page.size() < longest) {
    auto answer = peer->wait(until);
    if (!answer) return answer.error();
    if (!answer->has_value())
      return Error{ErrorKind::unavailable, "--openmetrics", "the peer does not answer", "see its log"};
    if (const auto* refused = std::get_if<local::Refused>(&**answer))
      return Error{ErrorKind::unavailable, "--openmetrics", refused->why,
                   "install the same release everywhere"};
    if (const auto* part = std::get_if<local::FromPart>(&**answer);
        part != nullptr && part->channel == channel)
      page.append(part->bytes.begin(), part->bytes.end());
  }
  return page;
}

}  // namespace coord::dpeers
