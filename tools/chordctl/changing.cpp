// SPDX-License-Identifier: MIT
// How the ring's hosts change: one at a time, and each change is over once all is where it belongs.
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "base/format.hpp"
#include "cli/run.hpp"
#include "cli/terminal.hpp"
#include "membership.hpp"

namespace coord::chordctl {
namespace {

bool has_part_in(const service::RingView& view, NodeId host) {
  const auto is_among = [host](const std::vector<service::RingHost>& hosts) {
    return std::ranges::find(hosts, host, &service::RingHost::host) != hosts.end();
  };
  return is_among(view.hosts) || is_among(view.before);
}

// Until the change that `view` shows is over. One whose own command was interrupted is ended here, if this
// host has a part in it. False: there is no time left.
Result<bool> wait_for_change(const MembershipSettings& s, Client& client, NodeId here,
                             const service::RingView& view) {
  if (has_part_in(view, here)) {
    auto settled = settle(s, client, here, view.number);
    if (!settled)
      return client.pause(looks_again_every) ? Result<bool>(settled.error()) : Result<bool>(false);
    if (*settled != cli::Exit::done) return false;
  }
  for (;;) {
    auto now = client.view(s.common.ring);
    if (!now) return now.error();
    if (now->before.empty() || now->number != view.number) return true;
    if (!client.pause(looks_again_every)) return false;
  }
}

}  // namespace

Result<cli::Exit> refused_change(const MembershipSettings& s, const Client::Ordered& ordered) {
  cli::notice("chordctl", fmt::format("{}: {}", s.shown_ring(), ordered.why));
  return ordered.is_late ? cli::Exit::no : cli::Exit::failed;
}

Result<cli::Exit> refused_by_part(const MembershipSettings& s, const ring::Refused& refusal) {
  if (status_of(refusal) != cli::Exit::failed) return refused(refusal, s.common.ring);
  return refused_change(s, {false, refusal.text, {}});
}

Result<cli::Exit> settle(const MembershipSettings& s, Client& client, NodeId here, Token number,
                         const std::vector<NodeId>& lost) {
  auto answer = client.ask(ring::AwaitHandOver{s.common.ring, number, lost});
  if (!answer) return answer.error();
  if (const auto* refusal = std::get_if<ring::Refused>(&*answer)) return refused_by_part(s, *refusal);
  auto view = client.view(s.common.ring);
  if (!view) return view.error();
  if (view->number != number || view->before.empty()) return cli::Exit::done;
  // Who has no part in a change cannot tell how far it is.
  if (!has_part_in(*view, here)) return cli::Exit::done;
  auto ordered = client.order(service::SettleRing{s.common.ring, number, 0, {}});
  if (!ordered) return ordered.error();
  return cli::Exit::done;
}

Result<Client::Ordered> order_in_turn(const MembershipSettings& s, Client& client, const Known& known,
                                      const service::AnyOrder& what) {
  bool is_told = !cli::is_terminal(STDERR_FILENO);
  for (Token seen = known.view.number;;) {
    auto ordered = client.order(what);
    if (!ordered || ordered->done || !ordered->may_be_done_later || s.patience.no_wait) return ordered;
    auto view = client.view(s.common.ring);
    if (!view) return view.error();
    const bool is_changing = !view->before.empty();
    if (!is_changing && view->number == seen) return ordered;  // it is refused for something else
    seen = view->number;
    if (!is_changing) continue;
    if (!std::exchange(is_told, true))
      cli::notice("chordctl", fmt::format("{}: waits for another host that comes or goes", s.shown_ring()));
    auto is_over = wait_for_change(s, client, known.here.host, *view);
    if (!is_over) return is_over.error();
    if (!*is_over) {
      ordered->is_late = true;
      return ordered;
    }
  }
}

}  // namespace coord::chordctl
