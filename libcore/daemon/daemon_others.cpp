// SPDX-License-Identifier: MIT
// The other peers of the group: what they say comes into the inbox, what they are
// sent is of the group's level.
#include <chrono>

#include "base/format.hpp"
#include "daemon/daemon.hpp"
#include "daemon/wall_now.hpp"
#include "net/datagram_format.hpp"
#include "process/boot_time.hpp"
#include "service/ownership.hpp"
#include "wire/codec.hpp"
#include "wire/group_snapshot.hpp"

namespace coord::daemon {

namespace {

// messages of peers beyond it are lost; Raft sends again what matters
constexpr std::size_t inbox_limit = 8192;

constexpr std::size_t most_claimed = 64;  // names that are told

wire::PeerTiming timing_of(const Options& options) {
  return {options.heartbeat, options.election_low, options.election_high};
}

// What another peer's values are where they are not ours; empty: the same, or it does not tell.
std::string difference(const wire::PeerTiming& own, const wire::PeerTiming& other) {
  if (other == wire::PeerTiming{}) return "";
  std::string text;
  const auto compare = [&](const char* name, Duration here, Duration there) {
    const auto ms = [](Duration d) { return fmt::format("{} ms", d.count() / 1'000'000); };
    if (here != there)
      text += fmt::format("{}{} {} (here {})", text.empty() ? "" : ", ", name, ms(there), ms(here));
  };
  compare("heartbeat", own.heartbeat, other.heartbeat);
  compare("election_low", own.election_low, other.election_low);
  compare("election_high", own.election_high, other.election_high);
  return text;
}

}  // namespace

// With the names that users know.
node::Narrator Daemon::make_narrator() {
  node::Narrator::Names names;
  names.node = [this](NodeId id) {
    const net::Roster::Node* const node = settings_.roster.find(id);
    if (node != nullptr) return node->name;
    return id == settings_.node ? settings_.name : fmt::format("peer {}", id.value);
  };
  names.tool = [this](replica::ConnectionId connection) {
    const auto found = tools_.find(connection);
    if (found == tools_.end()) return fmt::format("connection {}", connection.value);
    const Tool& tool = found->second;
    return fmt::format("tool {}", tool.who.pid != 0 ? tool.who.pid : tool.process.pid);
  };
  names.part = [this](std::uint16_t channel) {
    const node::Part* const part = node_->part(static_cast<node::Channel>(channel));
    return part == nullptr ? fmt::format("channel {}", channel) : std::string(part->name());
  };
  return node::Narrator(settings_.node, std::move(names),
                        [this](const std::string& line) { log_(net::LogLevel::debug, line); });
}

Status Daemon::join_group() {
  for (const auto& [id, node] : settings_.roster.all())
    if (node.founder) listed_[id] = node.address;
  founding_roster_ = settings_.roster;
  open_address_book();
  net::PeerConfig config{settings_.name, settings_.listen, settings_.roster, *settings_.keys, COORD_VERSION};
  config.level = node_->log().speaks();
  config.knows = newest_level;
  config.life = node_->log().life();
  config.timing = timing_of(settings_.options);
  config.token_floor = settings_.options.token_floor;
  config.founding = founding_;
  config.has_state = role() != raft::Role::bootstrap;
  config.group_id = told_group_ = group_id();
  net::PeerHandlers peers;
  peers.message = [this](const std::string& name, wire::Frame&& frame) { peer_said(name, frame, false); };
  peers.datagram = [this](const std::string& name, wire::Frame&& frame) { peer_said(name, frame, true); };
  peers.greeted = [this](const std::string& name, const wire::PeerHello& hello) {
    peer_greeted(name, hello);
  };
  peers.parted = [this](const std::string& name) { push(replica::Parted{settings_.roster.id_of(name)}); };
  peers.came = [this](const std::string& name) { push(node::Came{settings_.roster.id_of(name)}); };
  config.stamp = [this] { return clock_.stamp(wall_now()); };
  peers.stamped = [this](const std::string& name, std::uint64_t stamp) { peer_stamped(name, stamp); };
  peers.told_retired = [this](const std::string& name) { is_told_retired(name); };
  peers.asked = [this](const wire::IntroductionQuestion& question, const std::string& source) {
    return introduce(question, source);
  };
  peers.up = [this](const std::string& name) { peer_up(name); };
  peers.waited = [this](const std::string& name, std::uint64_t count) {
    node_->waited(settings_.roster.id_of(name), count);
  };
  peers.down = [this](const std::string& name) {
    since_[name] = wall_now();
    up_.erase(name);
    node_->disconnected(settings_.roster.id_of(name));
  };
  auto transport = net::PeerTransport::open(io_, std::move(config), std::move(peers), log_);
  if (!transport) return transport.error();
  transport_ = std::move(*transport);
  return done();
}

// What cannot be read may be of a later level, or mean that the two of us do not run what they say: nothing
// more is taken over this connection. A datagram has none: it is dropped.
void Daemon::cannot_read(const std::string& name, const std::string& why, bool datagram) {
  ++traffic_.unreadable[name];
  if (const auto line = wrong_messages_.refused(
          process::boot_now(), fmt::format("peer {}", name),
          fmt::format("a message that cannot be read: {}: install the same release on every host", why)))
    log_(net::LogLevel::warning, *line);
  if (!datagram) transport_->drop(name, "it sent a message that cannot be read");
}

// One that is too far ahead would take the clocks of all with it for good.
void Daemon::peer_stamped(const std::string& name, std::uint64_t stamp) {
  const auto ahead = clock_.hear(stamp, wall_now());
  if (stamp != 0) stamps_[name] = stamp;
  if (!ahead) return;
  if (const auto line = wild_clocks_.refused(
          process::boot_now(), fmt::format("peer {}", name),
          fmt::format(
              "its clock is {} s ahead of this host's, and its stamps are not followed: set the clock "
              "of one of the two",
              *ahead / std::chrono::seconds(1))))
    log_(net::LogLevel::warning, *line);
}

// Neither of the two hosts knows which one is right: both say so.
void Daemon::look_at_rates() {
  const auto* members = membership();
  if (members == nullptr || !members->runs()) return;
  const Instant now = process::boot_now();
  for (const auto& [id, node] : settings_.roster.all()) {
    const auto view = members->view(now, id);
    if (!view || view->member.state != membership::State::alive || !view->rate_ppm ||
        std::abs(*view->rate_ppm) <= local::rate_that_leases_allow_ppm)
      continue;
    if (const auto line =
            wild_rates_.limited(now, node.name,
                                fmt::format("clock: that of {} runs {} % {} than this host's, and leases "
                                            "allow for {} %: find out which one "
                                            "is wrong, and end all commands under locks on that host",
                                            node.name, std::abs(*view->rate_ppm) / 10'000,
                                            *view->rate_ppm > 0 ? "faster" : "slower",
                                            local::rate_that_leases_allow_ppm / 10'000)))
      log_(net::LogLevel::warning, *line);
  }
}

void Daemon::push_if_room(node::NodeEvent event) {
  if (inbox_.size() < inbox_limit) return push(std::move(event));
  if (node::Narrator* const tell = narrator()) tell->hears(event, false);
}

void Daemon::peer_said(const std::string& name, const wire::Frame& frame, bool datagram) {
  // A group lives that may be its own: it founds nothing until it knows.
  if (reminded_by_ && is_mute()) return;
  if (frame.type == wire::FrameType::channel) return peer_said_on_channel(name, frame, datagram);
  auto message = frame.version <= newest_level
                     ? replica::decode_peer_message(frame.payload, frame.version)
                     : Error{ErrorKind::data, "message",
                             fmt::format("it is of level {}, and this program knows level {}", frame.version,
                                         newest_level),
                             ""};
  if (!message) return cannot_read(name, message.error().what, datagram);
  ++traffic_.received[replica::name_of(*message)];
  push_if_room(replica::FromPeer{settings_.roster.id_of(name), std::move(*message), frame.version, datagram});
}

void Daemon::peer_up(const std::string& name) {
  since_[name] = wall_now();
  up_.insert(name);
  const NodeId node = settings_.roster.id_of(name);
  node_->connected(node);
  const Level level = node_->log().speaks();
  for (const wire::ChannelMessage& message : node_->first_on(node))
    (void)transport_->send(name, wire::encode(message, level), level, wire::FrameType::channel, false);
}

// For another part than the service. Which parts there are, only the node knows; so does what is in it.
void Daemon::peer_said_on_channel(const std::string& name, const wire::Frame& frame, bool datagram) {
  if (frame.version < wire::channels_since || frame.version > newest_level)
    return cannot_read(name, fmt::format("one on a channel, of level {}", frame.version), datagram);
  auto message = wire::decode<wire::ChannelMessage>(frame.payload, {.version = frame.version});
  if (!message) return cannot_read(name, message.error().what, datagram);
  if (datagram && wire::Channel{message->channel} == wire::Channel::group_snapshot)
    return peer_said_in_colour(name, frame, message->bytes);
  const node::Part* const part = node_->part(wire::Channel{message->channel});
  ++traffic_.received[part == nullptr ? "for an unknown part" : part->name()];
  push_if_room(node::OnChannel{settings_.roster.id_of(name), std::move(*message), frame.version,
                               datagram ? node::Way::datagram : node::Way::stream});
}

void Daemon::peer_said_in_colour(const std::string& name, const wire::Frame& frame, const Bytes& bytes) {
  auto coloured = wire::decode<wire::ColouredDatagram>(bytes, {.version = frame.version});
  if (!coloured) return cannot_read(name, coloured.error().what, true);
  push(node::Coloured{settings_.roster.id_of(name), std::move(coloured->colour)});
  const wire::FrameType type = coloured->channel ? wire::FrameType::channel : wire::FrameType::message;
  peer_said(name, wire::Frame{frame.version, type, std::move(coloured->payload)}, true);
}

// Nothing: with the colour that it has to carry now it is too large.
std::optional<node::Datagram> Daemon::datagram_to(NodeId to, const Bytes& bytes, Level level,
                                                  wire::FrameType type) const {
  return node::in_colour(node_->colour(to), {bytes, type}, level, net::datagram_message_limit);
}

void Daemon::perform(node::SendOnChannel&& action) {
  const net::Roster::Node* const node = settings_.roster.find(action.to);
  if (node == nullptr || action.to == settings_.node || !transport_) return;
  const node::Part* const part = node_->part(wire::Channel{action.message.channel});
  if (part != nullptr) ++traffic_.sent[part->name()];
  const Bytes bytes = wire::encode(action.message, action.level);
  bool went = false;
  const auto datagram = action.way == node::Way::stream
                            ? std::nullopt
                            : datagram_to(action.to, bytes, action.level, wire::FrameType::channel);
  if (datagram) {
    const bool taken = transport_->send_datagram(node->name, datagram->bytes, action.level, datagram->type);
    node_->sent(action.to, node::Way::datagram, action.message, taken);
    went = taken;
  }
  // Dropped here, a probe would make its peer look dead.
  if (action.way != node::Way::datagram || !datagram) {
    const bool taken = transport_->send(node->name, bytes, action.level, wire::FrameType::channel,
                                        node_->is_counted(action.message));
    node_->sent(action.to, node::Way::stream, action.message, taken && up_.contains(node->name));
    went = went || taken;
  }
  if (node::Narrator* const tell = narrator())
    tell->sends(action, part == nullptr ? "unknown part" : part->name(), went);
}

void Daemon::perform(node::Unread&& action) {
  const net::Roster::Node* const node = settings_.roster.find(action.from);
  if (node != nullptr && transport_)
    cannot_read(node->name, fmt::format("{}: {}", action.part, action.why),
                action.way == node::Way::datagram);
}

void Daemon::peer_greeted(const std::string& name, const wire::PeerHello& hello) {
  push(replica::Greeted{settings_.roster.id_of(name), std::max(hello.knows, hello.version), hello.life});
  if (hello.wall != WallTime{})
    clock_offset_[name] = std::chrono::nanoseconds(hello.wall.unix_ns - wall_now().unix_ns);
  if (!hello.group_id.empty()) greeted_group_ = hello.group_id;
  if (hello.token_floor != Token{}) push(replica::RaiseTokens{hello.token_floor});
  const std::string differs = difference(timing_of(settings_.options), hello.timing);
  if (!differs.empty() && differs != timing_[name])
    log_(
        net::LogLevel::warning,
        fmt::format("peer {}: its time-outs are not those of this peer: {}: make them the same on every host",
                    name, differs));
  timing_[name] = differs;
}

void Daemon::perform(replica::SendPeer&& action) {
  const net::Roster::Node* const node = settings_.roster.find(action.to);
  if (node == nullptr || !transport_) return;
  ++traffic_.sent[replica::name_of(action.message)];
  const Bytes bytes = replica::encode(action.message, action.level);
  bool went = false;
  const auto datagram = action.datagram_also
                            ? datagram_to(action.to, bytes, action.level, wire::FrameType::message)
                            : std::nullopt;
  if (datagram) {
    went = transport_->send_datagram(node->name, datagram->bytes, action.level, datagram->type);
    node_->sent(action.to, node::Way::datagram, action.message, went);
  }
  const bool taken = transport_->send(node->name, bytes, action.level);
  // What waits for a link is told when that is up.
  node_->sent(action.to, node::Way::stream, action.message, taken && up_.contains(node->name));
  went = went || taken;
  if (node::Narrator* const tell = narrator()) tell->sends(action, went);
}

void Daemon::perform(replica::SpeakLevel&& action) {
  if (transport_) transport_->speak(action.level);
}

void Daemon::perform(replica::Applied&& action) {
  note_enrolled(action);
  for (const service::Effect& effect : action.effects) {
    const auto* raise = std::get_if<service::RaiseApplied>(&effect);
    if (raise == nullptr) continue;
    const std::string level = fmt::format("level {}", raise->level);
    if (raise->in_force) {
      log_(net::LogLevel::info, fmt::format("the group is at {} from now on", level));
    } else if (raise->level > node_->log().machine().level()) {  // else another gateway has said the same
      log_(net::LogLevel::warning,
           fmt::format("the group was not raised to {}: a peer has restarted meanwhile", level));
    }
  }
}

std::string Daemon::why_missing(NodeId voter, replica::LevelView::Missing why) const {
  using enum replica::LevelView::Missing;
  switch (why) {
    case unreachable:
      return "not connected";
    case unregistered:
      return "has only begun";
    case earlier:
      break;
  }
  const net::Roster::Node* const node = settings_.roster.find(voter);
  for (const net::PeerStatus& status : transport_ ? transport_->status() : std::vector<net::PeerStatus>{}) {
    if (node != nullptr && status.name == node->name && !status.link.software.empty())
      return fmt::format("runs release {}", status.link.software);
  }
  return "runs an earlier release";
}

local::LevelRecord Daemon::describe_level() const {
  const replica::LevelView view = node_->log().level_view();
  local::LevelRecord record;
  record.level = view.level;
  record.next = view.next;
  for (const auto& [voter, why] : view.missing) {
    const net::Roster::Node* const node = settings_.roster.find(voter);
    const auto& gateways = node_->log().machine().state().registrations;
    const auto gateway = settings_.is_gateway() ? gateways.find(voter) : gateways.end();
    const std::string& name = gateway != gateways.end() ? gateway->second.name
                              : node != nullptr         ? node->name
                                                        : settings_.name;
    record.missing.emplace_back(name, why_missing(voter, why));
  }
  if (view.level < 2 && view.next >= 2)
    record.claimed = service::owned_names(node_->log().machine().state(), most_claimed);
  if (view.due) record.due = std::max(Duration{}, *view.due - process::boot_now());
  return record;
}

// The operator's word: at the leader, which alone can append; behind an engine at any gateway.
void Daemon::raise_level(replica::ConnectionId connection, const Tool& tool,
                         const local::RaiseLevel& request) {
  const local::LevelRecord now = describe_level();
  const auto refuse = [&](std::string why) {
    tell(connection, tool,
         local::Refused{request.request, local::RefusedKind::protocol, why.substr(0, 1024)});
  };
  if (is_guest(tool))
    return tell(connection, tool,
                local::Refused{request.request, local::RefusedKind::mismatch,
                               "only root and the peer's own user may raise the level"});
  if (settings_.is_gateway() && !node_->log().has_quorum())
    return refuse(fmt::format("the engine's log cannot be followed now: {}", node_->log().trouble()));
  if (now.next == now.level)
    return refuse(fmt::format("the group is at level {}, and this peer knows no later one", now.level));
  if (!settings_.is_gateway() && role() != raft::Role::leader) {
    const net::Roster::Node* const leader = settings_.roster.find(node_->log().leader());
    return refuse(leader == nullptr ? "nobody leads now: try again later"
                                    : fmt::format("peer {} leads: ask on its host", leader->name));
  }
  if (!now.missing.empty()) {
    std::string who;
    for (const auto& [name, why] : now.missing)
      who += fmt::format("{}{} ({})", who.empty() ? "" : ", ", name, why);
    return refuse(fmt::format("these peers do not know level {}: {}", now.next, who));
  }
  push(replica::RaiseNow{});
  tell(connection, tool, local::Done{request.request});
}

}  // namespace coord::daemon
