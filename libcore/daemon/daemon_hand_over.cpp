// SPDX-License-Identifier: MIT
// Another authority takes the place of a peer that is alone (base/hand_over.hpp).
//
// A user's private peer gives up for the host's as soon as nobody holds or waits at it: it writes its highest
// token down and ends. It alone decides, with its state directory locked, and looks for the host's file after
// it has taken that lock. Tools look for the file first and for a private peer then. So whoever sees the file
// and no private peer comes before any private peer that could still grant, and that one sees the file.
//
// Tools that are connected meanwhile find their connection closed, as when a peer is started again, look for
// their authority anew, and ask that one.
#include <algorithm>
#include <chrono>
#include <utility>

#include "base/format.hpp"
#include "base/hand_over.hpp"
#include "daemon/daemon.hpp"
#include "process/boot_time.hpp"
#include "service/hand_over.hpp"

namespace coord::daemon {

namespace {

constexpr Duration to_ask = std::chrono::seconds(1);  // for a tool that has greeted

std::uint64_t unix_seconds() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::seconds>(now).count());
}

}  // namespace

// It has ended for good: it does not begin again, but for a private peer whose host has no other any more.
// What the host's has given meanwhile it can only tell by the clock: as with a group that is founded anew
// (service/state_machine.cpp), at most a million tokens a second. What was handed over to a group a person
// has to go on with: the kind `data`.
Status Daemon::take_up_again(store::Store& store) {
  const std::string& directory = settings_.options.state_dir;
  const auto before = handed_over(directory);
  if (!before) return before.error();
  if (!*before) return done();
  const auto& given_up = settings_.options.given_up;
  if ((*before)->to == HandedOver::To::group)
    return Error{ErrorKind::data, directory, "this peer has handed over to a group",
                 "configure the group, or dpeers hand-over --abort"};
  if (!given_up || given_up())
    return Error{ErrorKind::unavailable, directory, "this user's locks are at the host's peer now",
                 "use tools of this release"};
  const Token by_clock{(unix_seconds() + 1) << 20U};
  if (Status kept = store.reserve_tokens(std::max((*before)->token, by_clock)); !kept) return kept;
  return forget_handed_over(directory);
}

// Nobody holds or waits here, and nothing is on its way.
bool Daemon::is_unused() const {
  if (!settings_.alone() || settings_.is_gateway()) return false;
  const service::State& state = node_->replica().machine().state();
  return inbox_.empty() && !node_->replica().has_pending() && state.sessions.empty() &&
         state.lingering_holds.empty();
}

// Some tool has greeted and is about to ask. One that never does is not waited for.
bool Daemon::awaits(net::ClientNumber but) const {
  const Instant now = process::boot_now();
  for (const auto& [id, tool] : tools_) {
    const bool is_new = tool.connected && tool.known && !tool.asked && now < tool.greeted + to_ask;
    if (is_new && id.value != but.value) return true;
  }
  return false;
}

void Daemon::give_up_if_unused() {
  if (settings_.options.given_up && is_unused() && !awaits({}) && settings_.options.given_up()) give_up();
}

// The last thing that it does, with nobody to serve: so it may wait for the disk.
void Daemon::give_up() {
  const std::string& directory = settings_.options.state_dir;
  const HandedOver what{HandedOver::To::host, node_->replica().highest_token()};
  if (Status written = write_handed_over(directory, what); !written) {
    if (!std::exchange(give_up_told_, true))
      log_(net::LogLevel::error,
           fmt::format("cannot hand over to the host's peer: {}", written.error().text()));
    return;
  }
  log_(net::LogLevel::info,
       fmt::format("unused: the host's peer takes over, above token {}", what.token.value));
  stop(std::nullopt);
}

// The first command of whoever leads raises the tokens; only a leader of release 0.1.0 does not know of it.
bool Daemon::floor_is_missing() const {
  const Token floor = settings_.options.token_floor;
  const service::State& state = node_->log().machine().state();
  return state.applied != LogIndex{} && std::max(state.last_token, state.token_base) < floor;
}

// For a group, step by step, as the operator's tool asks: each is durable before it is told, so that a tool
// or a peer that dies in between leaves a peer that is closed, or has ended.
void Daemon::hand_over(replica::ConnectionId connection, const Tool& tool, const local::HandOver& request) {
  const auto refuse = [&](std::string why) {
    tell(connection, tool,
         local::Refused{request.request, local::RefusedKind::mismatch, why.substr(0, 1024)});
  };
  if (settings_.is_gateway()) return refuse("this peer's log is kept by an engine: it has none to hand over");
  if (!settings_.alone()) return refuse("this peer is one of a group already");
  if (is_guest(tool)) return refuse("only root and the peer's own user may hand it over");
  local::LoneView not_begun;
  not_begun.request = request.request;
  if (node_->replica().client() == service::ClientId{}) return tell(connection, tool, not_begun);
  if (node_->replica().machine().level() < 2)
    return refuse("this peer is at level 1, which knows no hand-over: dpeers level --raise first");
  local::LoneView view = view_of_lone(request);
  if (handed_over_ || request.step == local::HandOverStep::look) return tell(connection, tool, view);
  if (request.step == local::HandOverStep::close || request.step == local::HandOverStep::open) {
    push(replica::GrantNothing{request.step == local::HandOverStep::close});
    return tell(connection, tool, view);
  }
  const bool drained = view.closed && view.held == 0 && inbox_.empty() && !node_->replica().has_pending();
  if (!drained) return tell(connection, tool, view);
  const HandedOver what{HandedOver::To::group, Token{view.token}};
  if (Status written = write_handed_over(settings_.options.state_dir, what); !written)
    return refuse(written.error().text());
  log_(net::LogLevel::info, fmt::format("handed over to a group, above token {}", what.token.value));
  handed_over_ = view.ended = true;
  tell(connection, tool, view);
  constexpr Duration to_write = std::chrono::milliseconds(200);
  leave_by_ = process::boot_now() + to_write;
  push(replica::Tick{});
}

local::LoneView Daemon::view_of_lone(const local::HandOver& request) const {
  constexpr std::size_t shown = 64;
  const service::StateMachine& machine = node_->replica().machine();
  const auto cut = [](std::vector<std::string> texts) {
    constexpr std::size_t longest = 512;
    for (std::string& text : texts) text.resize(std::min(text.size(), longest));
    return texts;
  };
  service::Counted holding = service::holding(machine, shown), staying = service::staying(machine, shown);
  local::LoneView view;
  view.request = request.request;
  view.begun = true;
  view.closed = machine.state().closed;
  view.ended = handed_over_;
  view.token = node_->replica().highest_token().value;
  view.held = holding.all;
  view.holders = cut(std::move(holding.some));
  view.stays = staying.all;
  view.staying = cut(std::move(staying.some));
  view.where = fmt::format("{}/{}", settings_.options.state_dir, hand_over_name);
  return view;
}

// A floor can only make tokens larger; but one far ahead would leave none to a group that is
// founded by the clock later.
std::optional<std::string> Daemon::refuse_floor(const Tool& tool, Token floor) const {
  constexpr std::uint64_t day = 24 * 3600;
  if (!is_guest(tool) || floor.value <= (unix_seconds() + day) << 20U) return std::nullopt;
  return fmt::format(
      "this user's private peer has given token {}, which is far ahead of this host's clock: see whether the "
      "clock is right",
      floor.value);
}

}  // namespace coord::daemon
