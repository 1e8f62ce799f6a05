// SPDX-License-Identifier: MIT
#include "node/node.hpp"

#include <algorithm>
#include <type_traits>
#include <utility>

#include "base/check.hpp"
#include "base/format.hpp"
#include "replica/engine_log.hpp"
#include "replica/text.hpp"
#include "wire/codec.hpp"
#include "wire/group_snapshot.hpp"

namespace coord::node {

namespace {

constexpr const char* unknown_part = "for an unknown part";
constexpr const char* between_peers =
    "this is spoken between peers, and an engine keeps this host's log: no engine has it, a group of peers "
    "of your own does (coordd --setup)";

// Only the part can read its bytes.
std::string words_of(std::string_view part, const OnChannel& event) {
  return fmt::format("{} message of {} bytes", part, event.message.bytes.size());
}

std::uint16_t number_of(const Part& part) {
  return static_cast<std::uint16_t>(part.channel());
}

}  // namespace

std::optional<Datagram> in_colour(Bytes colour, Datagram datagram, Level level, std::size_t most) {
  if (colour.empty()) return datagram;
  const wire::ColouredDatagram coloured{std::move(colour), datagram.type == wire::FrameType::channel,
                                        std::move(datagram.bytes)};
  const wire::ChannelMessage message{static_cast<std::uint16_t>(Channel::group_snapshot),
                                     wire::encode(coloured, level)};
  Bytes bytes = wire::encode(message, level);
  if (bytes.size() > most) return {};
  return Datagram{std::move(bytes), wire::FrameType::channel};
}

Node::Node(replica::ReplicatedService service, Parts parts)
    : service_(std::move(service)), parts_(std::move(parts)) {
  std::sort(parts_.begin(), parts_.end(),
            [](const auto& a, const auto& b) { return a->channel() < b->channel(); });
  COORD_CHECK(parts_.empty() || parts_.front()->channel() != Channel::service);
  COORD_CHECK(std::adjacent_find(parts_.begin(), parts_.end(), [](const auto& a, const auto& b) {
                return a->channel() == b->channel();
              }) == parts_.end());
  for (const auto& part : parts_) {
    auto* const watcher = dynamic_cast<Watcher*>(part.get());
    if (watcher == nullptr) continue;
    COORD_CHECK(watcher_ == nullptr);
    watcher_ = watcher;
    watching_ = part.get();
  }
}

Part* Node::find(std::uint16_t channel) {
  const auto found =
      std::lower_bound(parts_.begin(), parts_.end(), channel,
                       [](const auto& part, auto number) { return number_of(*part) < number; });
  return found == parts_.end() || number_of(**found) != channel ? nullptr : found->get();
}

const Part* Node::part(Channel channel) const {
  return const_cast<Node*>(this)->find(static_cast<std::uint16_t>(channel));
}

std::vector<Count> Node::counts_of_parts() const {
  std::vector<Count> all;
  for (const auto& part : parts_)
    for (const Count& count : part->counts()) all.push_back(count);
  return all;
}

bool Node::is_leaving() const {
  return std::ranges::any_of(parts_, [](const auto& part) { return part->is_leaving(); });
}

NodeActions Node::step(Instant now, WallTime wall, NodeEvent&& event) {
  if (auto* message = std::get_if<OnChannel>(&event)) {
    heard(now, wall, std::move(*message));
    return std::exchange(out_, {});
  }
  if (const auto* worked = std::get_if<PartWorked>(&event)) {
    Part* const part = find(static_cast<std::uint16_t>(worked->part));
    COORD_CHECK(part != nullptr);
    of_part(*part, part->step(moment(now, wall), Worked{worked->work}));
    return std::exchange(out_, {});
  }
  if (const auto* came = std::get_if<Came>(&event)) {
    if (watcher_ != nullptr) watcher_->came(came->from, came->lost);
    return {};
  }
  if (const auto* datagram = std::get_if<Coloured>(&event)) {
    if (watcher_ != nullptr)
      of_part(*watching_, watcher_->coloured(moment(now, wall), datagram->from, datagram->colour));
    return std::exchange(out_, {});
  }
  const auto& of_all = std::get<replica::ServiceEvent>(event);
  if (const auto* asked = std::get_if<replica::FromTool>(&of_all)) {
    if (const auto* said = std::get_if<local::ToPart>(&asked->request)) {
      tool_said(now, wall, *asked, *said);
      return std::exchange(out_, {});
    }
  }
  if (const auto* message = std::get_if<replica::FromPeer>(&of_all);
      message != nullptr && watcher_ != nullptr)
    watcher_->received(message->from, message->datagram ? Way::datagram : Way::stream,
                       replica::name_of(message->message),
                       [&] { return replica::to_text(message->message, message->level); });
  of_service(service_.step(now, wall, of_all));
  if (parts_.empty()) return std::exchange(out_, {});
  std::visit(
      [&]<class T>(const T& concrete) {
        if constexpr (std::is_same_v<T, Tick> || std::is_same_v<T, Greeted> || std::is_same_v<T, Parted> ||
                      std::is_same_v<T, ToolGone> || std::is_same_v<T, Leave>)
          tell_all(now, wall, concrete);
      },
      of_all);
  return std::exchange(out_, {});
}

template <class T>
void Node::tell_all(Instant now, WallTime wall, const T& event) {
  for (const auto& part : parts_) {
    if constexpr (std::is_same_v<T, Tick>) {
      const auto due = part->deadline();
      if (!due || *due > now) continue;
    }
    of_part(*part, part->step(moment(now, wall), event));
  }
}

NodeActions Node::settle(Instant now, WallTime wall) {
  of_service(service_.settle(now, wall));
  for (const auto& part : parts_) of_part(*part, part->settle(moment(now, wall)));
  return std::exchange(out_, {});
}

std::optional<Instant> Node::deadline() const {
  std::optional<Instant> next = service_.deadline();
  for (const auto& part : parts_) {
    const auto due = part->deadline();
    if (due && (!next || *due < *next)) next = due;
  }
  return next;
}

void Node::sent(NodeId to, Way way, const replica::PeerMessage& message, bool taken) {
  if (watcher_ != nullptr) watcher_->sent(to, way, replica::name_of(message), taken);
}

void Node::sent(NodeId to, Way way, const wire::ChannelMessage& message, bool taken) {
  if (watcher_ == nullptr || !is_counted(message)) return;
  const Part* const part = find(message.channel);
  watcher_->sent(to, way, part == nullptr ? unknown_part : part->name(), taken);
}

bool Node::is_counted(const wire::ChannelMessage& message) const {
  return watching_ == nullptr || message.channel != number_of(*watching_);
}

void Node::connected(NodeId to) {
  if (watcher_ != nullptr) watcher_->connected(to);
}

void Node::waited(NodeId to, std::uint64_t count) {
  if (watcher_ != nullptr) watcher_->waited(to, count);
}

void Node::disconnected(NodeId to) {
  if (watcher_ != nullptr) watcher_->disconnected(to);
}

std::vector<wire::ChannelMessage> Node::first_on(NodeId to) const {
  std::vector<wire::ChannelMessage> messages;
  if (watcher_ == nullptr) return messages;
  for (Bytes& bytes : watcher_->first_on(to)) messages.push_back({number_of(*watching_), std::move(bytes)});
  return messages;
}

Bytes Node::colour(NodeId to) const {
  return watcher_ == nullptr ? Bytes() : watcher_->colour(to);
}

void Node::of_service(replica::ServiceActions actions) {
  if (actions.empty()) return;
  out_.reserve(out_.size() + actions.size());
  for (replica::ServiceAction& action : actions) out_.emplace_back(std::move(action));
}

void Node::heard(Instant now, WallTime wall, OnChannel&& event) {
  Part* const part = find(event.message.channel);
  if (part == nullptr) {
    ++counts_.unknown_channel;
    if (watcher_ != nullptr)
      watcher_->received(event.from, event.way, unknown_part, [&] { return words_of(unknown_part, event); });
    return;
  }
  if (watcher_ != nullptr && part != watching_)
    watcher_->received(event.from, event.way, part->name(), [&] { return words_of(part->name(), event); });
  const FromPeer message{event.from, std::move(event.message.bytes), event.level, event.way};
  of_part(*part, part->step(moment(now, wall), message), &event);
}

void Node::tool_said(Instant now, WallTime wall, const replica::FromTool& event, const local::ToPart& said) {
  Part* const part = find(said.channel);
  if (part == nullptr) {
    // There it cannot be had, whichever host is asked.
    const bool of_engine = dynamic_cast<const replica::EngineLog*>(&log()) != nullptr;
    out_.emplace_back(replica::ServiceAction(replica::ToTool{
        event.connection,
        local::Refused{said.request, of_engine ? local::RefusedKind::mismatch : local::RefusedKind::protocol,
                       of_engine ? between_peers
                                 : fmt::format("this peer has no part {}: install the tool's release on "
                                               "this host",
                                               said.channel)}}));
    return;
  }
  const FromTool question{event.connection, event.who, said.request, said.bytes};
  of_part(*part, part->step(moment(now, wall), question));
}

void Node::of_part(const Part& part, PartActions actions, const OnChannel* heard) {
  for (PartAction& action : actions) {
    if (auto* message = std::get_if<Send>(&action)) {
      send(part, std::move(*message));
    } else if (auto* answer = std::get_if<ToTool>(&action)) {
      tell(part, std::move(*answer));
    } else if (auto* unreadable = std::get_if<Unreadable>(&action)) {
      COORD_CHECK(heard != nullptr);
      out_.emplace_back(Unread{heard->from, heard->way, part.name(), std::move(unreadable->why)});
    } else if (auto* report = std::get_if<Report>(&action)) {
      out_.emplace_back(replica::ServiceAction(std::move(*report)));
    } else if (auto* work = std::get_if<Do>(&action)) {
      out_.emplace_back(PartWork{part.channel(), std::move(work->work)});
    }
  }
}

void Node::tell(const Part& part, ToTool answer) {
  if (answer.bytes.size() > local::part_bytes_limit) {  // a tool that heard nothing would wait for ever
    ++counts_.too_large;
    out_.emplace_back(replica::ServiceAction(replica::ToTool{
        answer.connection, local::Refused{answer.request, local::RefusedKind::limit,
                                          fmt::format("the answer of {} is too large", part.name())}}));
    return;
  }
  out_.emplace_back(replica::ServiceAction(replica::ToTool{
      answer.connection, local::FromPart{answer.request, number_of(part), std::move(answer.bytes)}}));
}

void Node::send(const Part& part, Send send) {
  const Level level = log().speaks();
  if (level < wire::channels_since) {
    ++counts_.too_early;
  } else if (send.bytes.size() > wire::channel_bytes_limit) {
    ++counts_.too_large;
  } else {
    out_.emplace_back(SendOnChannel{send.to, {number_of(part), std::move(send.bytes)}, level, send.way});
  }
}

}  // namespace coord::node
