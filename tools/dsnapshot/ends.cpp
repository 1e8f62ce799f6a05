// SPDX-License-Identifier: MIT
#include "ends.hpp"

#include <algorithm>
#include <limits>
#include <vector>

#include "base/format.hpp"
#include "cli/connect.hpp"
#include "cli/names.hpp"
#include "cli/refusal.hpp"
#include "group_line.hpp"

namespace coord::dsnapshot {

namespace {

using local::HoldRecord;

Result<std::vector<HoldRecord>> history_of(const cli::ConnectOptions& options, const std::string& group) {
  auto peer = cli::connect_to_peer(options, "dsnapshot");
  if (!peer) return peer.error();
  if (Status sent = peer->send(local::Request(local::ListHistory{1, lock_of(group), false})); !sent)
    return sent.error();
  std::vector<HoldRecord> holds;
  for (bool more = true; more;) {
    auto answer = peer->wait(std::nullopt);
    if (!answer) return answer.error();
    if (const auto* refused = std::get_if<local::Refused>(&**answer))
      return Error{ErrorKind::unavailable, cli::shown(group), cli::why_of(*refused), "see dpeers"};
    const auto* history = std::get_if<local::History>(&**answer);
    if (history == nullptr) continue;
    more = history->more;
    holds.insert(holds.end(), history->holds.begin(), history->holds.end());
  }
  std::erase_if(holds, [](const HoldRecord& hold) { return id_in(hold.holder.command).empty(); });
  return holds;
}

// Who came while another one had its id was refused, and was never a process.
bool was_refused(const HoldRecord& hold, const std::vector<HoldRecord>& holds) {
  return std::ranges::any_of(holds, [&](const HoldRecord& other) {
    return other.holder.token < hold.holder.token &&
           id_in(other.holder.command) == id_in(hold.holder.command) &&
           (!other.ended || other.ended->unix_ns > hold.holder.since.unix_ns);
  });
}

// The beginning of the run that has ended last, or goes on.
std::int64_t beginning(const std::vector<HoldRecord>& holds) {
  const auto end_of = [](const HoldRecord& hold) {
    return hold.ended ? hold.ended->unix_ns : std::numeric_limits<std::int64_t>::max();
  };
  const auto last = std::ranges::max_element(holds, {}, end_of);
  std::int64_t begin = last->holder.since.unix_ns;
  for (bool moved = true; moved;) {
    moved = false;
    for (const HoldRecord& hold : holds) {
      if (hold.holder.since.unix_ns >= begin || end_of(hold) < begin) continue;
      begin = hold.holder.since.unix_ns;
      moved = true;
    }
  }
  return begin;
}

}  // namespace

Result<Ends> ends_in(const cli::ConnectOptions& peer, const std::string& group) {
  auto holds = history_of(peer, group);
  if (!holds) return holds.error();
  const std::vector<HoldRecord> all = *holds;
  std::erase_if(*holds, [&](const HoldRecord& hold) { return was_refused(hold, all); });
  Ends ends;
  ends.any = !holds->empty();
  if (holds->empty()) return ends;
  const std::int64_t begin = beginning(*holds);
  for (const HoldRecord& hold : *holds) {
    if (!hold.ended || hold.holder.since.unix_ns < begin || hold.status == std::uint8_t{0}) continue;
    ends.badly = cli::shown(id_in(hold.holder.command)) +
                 (hold.status ? fmt::format(" has ended with {}", *hold.status) : " has died");
    break;
  }
  return ends;
}

}  // namespace coord::dsnapshot
