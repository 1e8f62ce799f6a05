// SPDX-License-Identifier: MIT
// A tool that enters by a classical algorithm asks its site before the log lets it take part.
//
// Problem: who enters takes part, by the group's log, and only then does its site wish: a commit, and after
// it the algorithm's round trips. Neither needs the other: a site's turn is that of its host, whichever of
// its sessions uses it. Solution: where nobody of this host is in line the site wishes as soon as a tool
// asks, beside the commit. Whose turn it is enters when the log has it that he takes part, never before;
// until then nobody is inside, and others wait as for one that is slow. A turn that nobody uses soon, because
// the log refuses him, has no majority, or his tool is gone, passes on.
#include <algorithm>
#include <utility>

#include "agreements/part.hpp"

namespace coord::agreements {

// Where others of this host are before it, its Enter will stand in line.
void AgreementsPart::asked(const node::Moment& moment, Tool tool, const EnterAhead& what) {
  for (auto& [epoch, region] : regions_) {
    if (region.known.name != what.name || !region.over.empty()) continue;
    if (region.inside || region.wished || region.ahead || !region.waiting.empty()) return;
    region.ahead = Region::Ahead{tool, what.request, what.outer, moment.now + begins_within};
    return begin_wish(moment, epoch, region);
  }
}

// Whose session takes part by now.
void AgreementsPart::see_who_comes(const node::Moment& moment) {
  for (auto& [epoch, region] : regions_) {
    if (!region.ahead) continue;
    const SessionId session = log_->session_of(moment, region.ahead->tool.connection);
    if (session == SessionId{} || !log_->takes_part(moment, epoch, session)) continue;
    Region::Ahead& came = *region.ahead;
    const bool is_there =
        region.inside == session ||
        std::ranges::find(region.waiting, session, &Entrance::session) != region.waiting.end();
    if (!is_there) region.waiting.push_back({came.tool, session, false, came.outer, ++last_wait_});
    next(moment, epoch, region);
    region.ahead.reset();
  }
}

void AgreementsPart::nobody_comes(const node::Moment& moment, Token epoch, Region& region) {
  const auto gone = std::exchange(region.ahead, std::nullopt);
  if (gone && gone->turn) return leave(moment, epoch, region);
  if (region.waiting.empty() && std::exchange(region.wished, false))
    wish(moment, epoch, region, classical::Leave{});
}

void AgreementsPart::see_who_stays_away(const node::Moment& moment) {
  for (auto& [epoch, region] : regions_) {
    if (region.ahead && region.ahead->until <= moment.now) nobody_comes(moment, epoch, region);
  }
}

}  // namespace coord::agreements
