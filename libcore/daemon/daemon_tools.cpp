// SPDX-License-Identifier: MIT
// The tools of this host: what they say goes into the inbox, what they are told comes with
// a descriptor where it must.
#include <boost/asio/post.hpp>
#include <utility>

#include "base/format.hpp"
#include "daemon/daemon.hpp"
#include "daemon/reach.hpp"
#include "daemon/system_random.hpp"
#include "daemon/wall_now.hpp"
#include "net/steady_now.hpp"
#include "process/boot_time.hpp"
#include "process/pidfd.hpp"
#include "replica/forwarder.hpp"
#include "wire/codec.hpp"
#include "wire/local_version.hpp"

namespace coord::daemon {

namespace {

replica::ConnectionId connection_of(net::ClientNumber number) {
  return replica::ConnectionId{number.value};
}

std::uint64_t request_of(const local::Answer& answer) {
  if (const auto* grant = std::get_if<local::Granted>(&answer)) return grant->request;
  if (const auto* passed = std::get_if<local::Passed>(&answer)) return passed->request;
  return 0;
}

// Whose descriptor goes along with the answer; 0: nobody's.
SessionId session_to_hold(const local::Answer& answer) {
  if (const auto* grant = std::get_if<local::Granted>(&answer)) return grant->session;
  if (const auto* passed = std::get_if<local::Passed>(&answer)) return passed->session;
  return {};
}

}  // namespace

constexpr std::size_t frames_before_known = 16;  // a tool waits for an answer before it says more

void Daemon::tool_opened(net::ClientNumber number, const net::Credentials& who) {
  Tool tool;
  tool.who = who;
  tool.since = process::ticks_now();
  tool.secret = from_system_random<local::Secret>();
  tools_.emplace(connection_of(number), std::move(tool));
  user_names_.ask(who.uid, [this, number](const Result<std::string>& user) { tool_known(number, user); });
}

// Without the user's name nobody can say what the tool may touch.
void Daemon::tool_known(net::ClientNumber number, const Result<std::string>& user) {
  const auto found = tools_.find(connection_of(number));
  if (found == tools_.end() || !found->second.connected || ended_) return;
  std::vector<wire::Frame> waiting = std::exchange(found->second.waiting, {});
  if (!user) {
    log_(net::LogLevel::warning, user.error().text());
    turn_away(number, user.error().text());
    return;
  }
  found->second.user = *user;
  found->second.known = true;
  for (wire::Frame& frame : waiting) tool_said(number, std::move(frame));
}

void Daemon::tool_said(net::ClientNumber number, wire::Frame&& frame) {
  if (frame.type != wire::FrameType::request) return;
  const auto tool = tools_.find(connection_of(number));
  if (tool == tools_.end()) return;
  if (!tool->second.known) {
    if (tool->second.waiting.size() < frames_before_known) {
      tool->second.waiting.push_back(std::move(frame));
    } else {
      turn_away(number, "too much at once: wait for the answer");
    }
    return;
  }
  auto request = wire::decode<local::Request>(frame.payload, frame.decode_options());
  if (!request) {
    if (const auto line = wrong_messages_.limited(
            process::boot_now(), fmt::format("tools of user {}", tool->second.who.uid),
            fmt::format("tool {}: {}", tool->second.who.pid, request.error().what)))
      log_(net::LogLevel::warning, *line);
    server_->close(number);
    tool_closed(number);
    return;
  }
  if (node::Narrator* const tell = narrator()) tell->is_told(tool->first, *request);
  if (const auto* raise = std::get_if<local::RaiseLevel>(&*request))
    return raise_level(tool->first, tool->second, *raise);
  if (const auto* step = std::get_if<local::HandOver>(&*request))
    return hand_over(tool->first, tool->second, *step);
  if (const auto* keep = std::get_if<local::KeepVoters>(&*request))
    return keep_voters(tool->first, tool->second, *keep);
  if (const auto* move = std::get_if<local::MovePeer>(&*request))
    return move_peer(tool->first, tool->second, *move);
  if (const auto* order = std::get_if<local::OrderVoters>(&*request))
    return order_voters(tool->first, tool->second, *order);
  if (const auto* order = std::get_if<local::Order>(&*request); order != nullptr && is_guest(tool->second)) {
    const auto body = std::visit([](const auto& what) { return service::Body(what); }, order->what);
    if (service::nature_of(body).operators)
      return tell(tool->first, tool->second,
                  local::Refused{order->request, local::RefusedKind::mismatch,
                                 "only root and the peer's own user may order this"});
  }
  if (const auto* hello = std::get_if<local::Hello>(&*request)) {
    tool->second.speaks = local::common(hello->speaks);
    tool->second.greeted = process::boot_now();
    // The tool finds out by the end of its connection, and asks the host's peer.
    if (settings_.options.given_up && is_unused() && !awaits(number) && settings_.options.given_up()) {
      give_up();
      if (ended_) return;
    }
    if (const auto why = refuse_floor(tool->second, hello->token_floor)) return turn_away(number, *why);
    if (settings_.options.host && hello->token_floor != Token{})
      push(replica::RaiseTokens{hello->token_floor});
  } else {
    tool->second.asked = true;
  }
  if (const auto* part = std::get_if<local::ToPart>(&*request); part != nullptr && tool->second.speaks < 2)
    return tell(tool->first, tool->second,
                local::Refused{part->request, local::RefusedKind::protocol, "a greeting comes first"});
  if (const auto* part = std::get_if<local::ToPart>(&*request);
      part != nullptr && wire::Channel{part->channel} == wire::Channel::kept_snapshots)
    return shelf_->said(tool->first, tool->second.who.uid, *part);
  if (const auto* part = std::get_if<local::ToPart>(&*request);
      part != nullptr && wire::Channel{part->channel} == wire::Channel::metrics)
    return tell_metrics(tool->first, tool->second, part->request);
  if (const auto* part = std::get_if<local::ToPart>(&*request);
      part != nullptr && wire::Channel{part->channel} == wire::Channel::native)
    return ask_native(tool->first, tool->second, *part);
  note_request(tool->second, *request);
  replica::FromTool event;
  event.connection = tool->first;
  event.who = {tool->second.who.uid, tool->second.user, tool->second.secret, tool->second.speaks,
               is_guest(tool->second)};
  event.unguardable = name_processes(tool->first, tool->second, *request);
  const bool asks_for_turn = std::holds_alternative<local::Acquire>(*request);
  if (asks_for_turn) {
    if (floor_is_missing())
      return turn_away(number,
                       "the leader is of an older release, and its tokens would be smaller than those that "
                       "this host has given before it came to the group: upgrade all peers");
    event.inside = holds_around(tool->first, tool->second.who.pid);
    if (tool->second.holder.pid != 0) event.not_entered = not_around(event.inside, tool->second.holder);
  }
  if (std::holds_alternative<local::Release>(*request))
    event.holders_left = tool->second.hold && tool->second.hold->held();
  event.request = std::move(*request);
  push(std::move(event));
  // While the tool does its part of the work.
  if (asks_for_turn) boost::asio::post(io_, [this, connection = connection_of(number)] { meet(connection); });
}

std::vector<std::string> Daemon::silent_peers() const {
  std::vector<std::string> names;
  if (!transport_) return names;
  for (const net::PeerStatus& status : transport_->status()) {
    if (!status.link.answers && !status.incoming) names.push_back(status.name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

void Daemon::tool_closed(net::ClientNumber number) {
  const auto tool = tools_.find(connection_of(number));
  if (tool == tools_.end() || !tool->second.connected) return;
  tool->second.connected = false;
  shelf_->gone(tool->first);
  if (native_) native_->gone(tool->first);
  push(replica::ToolGone{tool->first});
}

// In the version that the tool speaks. One that does not know this kind of answer at
// all has not asked for it.
void Daemon::tell(replica::ConnectionId connection, const Tool& tool, const local::Answer& answer, int pass) {
  static const local::Answer too_new =
      local::Refused{0, local::RefusedKind::protocol,
                     "this tool is of an older release than the peer: install the same one"};
  const local::Answer& told = local::knows(tool.speaks, answer) ? answer : too_new;
  if (node::Narrator* const narrates = narrator()) narrates->tells(connection, told);
  (void)server_->send(net::ClientNumber{connection.value}, wire::FrameType::answer,
                      wire::encode(told, tool.speaks), pass, tool.speaks);
}

// Tells a tool why nothing it asks for will be done, and ends its connection.
void Daemon::turn_away(net::ClientNumber number, const std::string& why) {
  if (const auto tool = tools_.find(connection_of(number)); tool != tools_.end())
    tell(tool->first, tool->second, local::Refused{0, local::RefusedKind::limit, why.substr(0, 1024)});
  server_->close(number);
  tool_closed(number);
}

// Without its descriptor and its record nobody could tell whether the session has a holder left: the tool
// must not begin. It learns why, and its session ends.
void Daemon::refuse_grant(const replica::ToTool& action, const std::string& why) {
  log_(net::LogLevel::error, why);
  const net::ClientNumber number{action.connection.value};
  const local::Answer refusal =
      local::Refused{request_of(action.answer), local::RefusedKind::limit, why.substr(0, 1024)};
  tell(action.connection, tools_.at(action.connection), refusal);
  server_->close(number);
  tool_closed(number);
  push(replica::HoldersGone{action.connection});
}

void Daemon::perform(replica::ToTool&& action) {
  const auto found = tools_.find(action.connection);
  if (found == tools_.end()) return;
  Tool& tool = found->second;
  if (holds_back(action)) return;
  note_answer(tool, action.answer);
  if (!tool.connected) {
    // It went while its grant came: nobody was given the descriptor, so nobody will be seen to let it go.
    if (session_to_hold(action.answer) != SessionId{}) push(replica::HoldersGone{action.connection});
    return;
  }
  if (auto* waiting = std::get_if<local::Waiting>(&action.answer); waiting != nullptr && !waiting->quorum)
    waiting->silent_peers = silent_peers();
  Descriptor pass;
  if (const SessionId session = session_to_hold(action.answer); session != SessionId{}) {
    if (!tool.recorded) return refuse_grant(action, tool.recorded.error().text());
    if (!engine_remembered_) return refuse_grant(action, engine_remembered_.error().text());
    if (tool.holder.pid != 0) {
      if (Status room = room_for_hold(); !room) return refuse_grant(action, room.error().text());
      tool.session = session;
      const auto gone = [this, id = action.connection] { push(replica::HoldersGone{id}); };
      tool.watch = ProcessWatch::open(io_, tool.holder, gone);
      if (!tool.watch && process::is_running(tool.holder))
        return refuse_grant(action, "the process that is to hold cannot be watched: try again");
      if (!tool.watch) gone();
    } else {
      const bool made = tool.session == session && tool.hold && !tool.hold->is_given();
      if (Status ready = made ? done() : new_hold(tool, session); !ready)
        return refuse_grant(action, ready.error().text());
      pass = tool.hold->give([this, id = action.connection] { push(replica::HoldersGone{id}); });
    }
  }
  tell(action.connection, tool, action.answer, pass.get());
}

void Daemon::perform(replica::DescribePeers&& action) {
  const auto tool = tools_.find(action.connection);
  if (tool == tools_.end()) return;
  local::Peers answer = describe();
  answer.request = action.request;
  tell(action.connection, tool->second, std::move(answer));
}

}  // namespace coord::daemon
