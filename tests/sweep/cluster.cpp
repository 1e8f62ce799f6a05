// SPDX-License-Identifier: MIT
#include "sweep/cluster.hpp"

#include "replica/engine_log.hpp"
#include "replica/forwarder.hpp"
#include "replica/text.hpp"
#include "wire/codec.hpp"

namespace coord::sweep {

namespace {

constexpr Duration look_again = std::chrono::milliseconds(50);  // whether somebody made room on a disk

raft::Incarnation random_incarnation(Random& random) {
  raft::Incarnation incarnation{};
  for (auto& byte : incarnation) byte = static_cast<std::uint8_t>(random.below(256));
  return incarnation;
}

}  // namespace

WallTime wall_time(Instant world_now) {
  constexpr std::int64_t start_ns = 1'800'000'000LL * 1'000'000'000LL;
  return WallTime{start_ns + world_now.time_since_epoch().count()};
}

// What a voter has on its disk; a member has nothing.
Result<std::unique_ptr<replica::OrderedLog>> Cluster::open_log(Instant now, sim::Port<Cluster>& port,
                                                               std::optional<store::Store>& store) {
  if (config_.engine) {
    replica::EngineLog::Config config;
    config.self = port.self();
    config.level = knows[port.self().value];
    config.commands_in_flight = config_.replica.commands_in_flight;
    config.seal_every_entries = config_.seal_every_entries;
    config.memory = memories_.at(port.self().value);
    config.name = "n" + std::to_string(port.self().value);
    config.believe_again = std::chrono::seconds(1);
    config.usual_ttl = std::chrono::seconds(3);
    config.raise_after = config_.replica.raise_after;
    return std::unique_ptr<replica::OrderedLog>(
        std::make_unique<replica::EngineLog>(std::move(config), Random(port.random().next()), now));
  }
  std::vector<NodeId> voters;
  for (std::size_t i = 1; i <= config_.nodes; ++i) voters.push_back(NodeId{i});
  if (!keeps_log[port.self().value]) {
    replica::Forwarder::Config config;
    config.self = port.self();
    config.voters = std::move(voters);
    config.level = knows[port.self().value];
    config.speaks = config_.founded_at;
    config.commands_in_flight = config_.replica.commands_in_flight;
    return std::unique_ptr<replica::OrderedLog>(
        std::make_unique<replica::Forwarder>(std::move(config), Random(port.random().next()), now));
  }
  store::Identity identity;
  identity.node = port.self();
  identity.incarnation = random_incarnation(port.random());
  store::Options options = config_.store;
  options.level = knows[port.self().value];
  auto opened = store::Store::open(port.disk(), identity, options);
  if (!opened) return opened.error();
  for (const std::string& line : opened->notes) port.note([&] { return line; });

  replica::Config config = config_.replica;
  config.raft.self = port.self();
  config.raft.peers = std::move(voters);
  config.raft.incarnation = opened->incarnation;
  config.raft.rejoin = rejoining[port.self().value];
  config.level = knows[port.self().value];
  auto machine = service::StateMachine::at_level(config_.founded_at);
  if (opened->recovered.snapshot) {
    auto restored = replica::machine_from(*opened->recovered.snapshot);
    if (!restored) return restored.error();
    machine = std::move(*restored);
  }
  const Token reserved = opened->store.tokens_reserved();
  std::unique_ptr<replica::OrderedLog> log =
      std::make_unique<replica::Replica>(std::move(config), std::move(opened->recovered), std::move(machine),
                                         reserved, Random(port.random().next()), now);
  store = std::move(opened->store);
  return log;
}

Result<std::unique_ptr<Peer>> Cluster::start(Instant now, sim::Port<Cluster>& port) {
  std::optional<store::Store> store;
  auto log = open_log(now, port, store);
  if (!log) return log.error();
  node::Parts parts;
  if (config_.parts) {
    std::vector<NodeId> all;
    for (std::size_t i = 1; i <= nodes(); ++i) all.push_back(NodeId{i});
    parts = config_.parts({port.self(), std::move(all), port.random().next(), now});
  }
  if (watcher != nullptr) watcher->process_started(port.self());
  if (engine != nullptr) engine->process_started(port.self());
  replica::SessionsConfig sessions;
  sessions.self = port.self();
  sessions.peer = sessions.host = "n" + std::to_string(port.self().value);
  sessions.ttl_low = std::chrono::milliseconds(100);
  sessions.enrolment_ttl = std::chrono::seconds(2);
  auto peer = std::make_unique<Peer>(
      Peer{std::move(store),
           node::Node(replica::ReplicatedService(std::move(*log), std::move(sessions)), std::move(parts)),
           {}});
  peer->greeting = {peer->log().speaks(), knows[port.self().value], peer->log().life()};
  if (levels != nullptr) levels->began(port.self(), *peer);
  const replica::Recovered found =
      recovered(port.self(), port.disk().counts().of(sim::FaultKind::disk_replaced));
  carry_out(*peer, peer->node.step(now, wall_time(port.world_now() + wall_offset), found), port);
  return peer;
}

// What coordd finds in its run area.
replica::Recovered Cluster::recovered(NodeId node, std::uint64_t replaced) {
  replica::Recovered event;
  // An empty disk in place of the old one: what an earlier life told is not known.
  if (replaced != disks_.at(node.value)) {
    kept_.at(node.value).clear();
    complete_since_.at(node.value) = {};
  }
  disks_.at(node.value) = replaced;
  event.complete_since = complete_since_.at(node.value);
  for (const auto& [session, record] : kept_.at(node.value)) {
    const replica::ConnectionId connection{++last_recovered_};
    const bool held = watcher != nullptr && watcher->taken_up(node, session, connection);
    event.holds.push_back({connection, record, held});
  }
  return event;
}

// As peers of level 1 say it.
void Cluster::forget_what_is_new(raft::Message& message) {
  if (auto* beat = std::get_if<raft::Heartbeat>(&message)) beat->disks.clear();
  if (auto* reply = std::get_if<raft::HeartbeatReply>(&message)) reply->disk = raft::DiskState::unknown;
}

void Cluster::on_message(Peer& peer, Instant now, NodeId from, Message message, sim::Port<Cluster>& port) {
  // As net/greeting.cpp does: who cannot read the other, or could not be read by this peer, is not let in.
  const Greeting& greeting = message.greeting;
  if (greeting.level > peer.greeting.knows) return;
  if (std::max(greeting.knows, greeting.level) < peer.greeting.level) return;
  if (const auto known = peer.greeted.find(from); known == peer.greeted.end() || known->second != greeting) {
    if (known == peer.greeted.end() || known->second.life != greeting.life) {
      peer.received.erase(from);
      peer.datagrams_seen.erase(from);
    }
    peer.greeted.insert_or_assign(from, greeting);
    feed(peer, now, replica::Greeted{from, greeting.knows, greeting.life}, port);
  }
  if (message.way == node::Way::stream) {
    take_place(peer, now, from, message, port);
  } else if (message.number != 0 && !peer.datagrams_seen[from].insert(message.number).second) {
    return;
  }
  if (!message.colour.empty()) feed(peer, now, node::Coloured{from, std::move(message.colour)}, port);
  if (std::holds_alternative<wire::ChannelMessage>(message.body))
    return hear(peer, now, from, std::move(message), port);
  auto& body = std::get<replica::PeerMessage>(message.body);
  auto* plain = std::get_if<raft::Message>(&body);
  if (plain != nullptr && message.level < 2) forget_what_is_new(*plain);
  if (watcher != nullptr) watcher->heard_of(port.self(), from);
  feed(peer, now,
       replica::FromPeer{from, std::move(body), message.level,
                         config_.ordered && message.way == node::Way::datagram},
       port);
}

// Where something before it is missing, the connection has broken and there is a new one.
void Cluster::take_place(Peer& peer, Instant now, NodeId from, const Message& message,
                         sim::Port<Cluster>& port) {
  if (message.number == 0) return;
  const auto [seen, first] = peer.received.try_emplace(from, message.number);
  const bool broke = !first && message.number != seen->second + 1;
  seen->second = message.number;
  if (!first && !broke) return;
  if (broke) {
    feed(peer, now, replica::Parted{from}, port);
    feed(peer, now, replica::Greeted{from, message.greeting.knows, message.greeting.life}, port);
  }
  feed(peer, now, node::Came{from, message.before}, port);
  for (const wire::ChannelMessage& said : message.first)
    feed(peer, now, node::OnChannel{from, said, message.level, node::Way::stream}, port);
}

void Cluster::hear(Peer& peer, Instant now, NodeId from, Message message, sim::Port<Cluster>& port) {
  auto& body = std::get<wire::ChannelMessage>(message.body);
  feed(peer, now, node::OnChannel{from, std::move(body), message.level, message.way}, port);
}

void Cluster::on_input(Peer& peer, Instant now, Input input, sim::Port<Cluster>& port) {
  std::visit([&](auto& concrete) { feed(peer, now, std::move(concrete), port); }, input);
}

std::optional<Instant> Cluster::deadline(const Peer& peer) const {
  const auto next = peer.node.deadline();
  if (!peer.look_at) return next;
  return next ? std::min(*next, *peer.look_at) : *peer.look_at;
}

// Now and then: no write may come to tell.
void Cluster::look_for_room(Peer& peer, Instant now, sim::Port<Cluster>& port) {
  peer.look_at.reset();
  if (!peer.waiting.empty()) {
    Job again;
    again.tries_again = true;
    port.job(std::move(again));
  } else if (!peer.store->nearly_full()) {
    peer.nearly_full = false;
    feed(peer, now, replica::Space{false}, port);
  } else {
    peer.look_at = now + look_again;
  }
}

void Cluster::on_tick(Peer& peer, Instant now, sim::Port<Cluster>& port) {
  if (peer.look_at && now >= *peer.look_at) look_for_room(peer, now, port);
  feed(peer, now, replica::Tick{}, port);
}

void Cluster::feed(Peer& peer, Instant now, node::NodeEvent&& event, sim::Port<Cluster>& port) {
  const WallTime wall = wall_time(port.world_now() + wall_offset);
  carry_out(peer, peer.node.step(now, wall, std::move(event)), port);
  carry_out(peer, peer.node.settle(now, wall), port);
}

void Cluster::send(Peer& peer, replica::SendPeer&& action, sim::Port<Cluster>& port) {
  if (config_.in_bytes) {
    auto read = replica::decode_peer_message(replica::encode(action.message, action.level), action.level);
    if (!read) return port.stop("sends what cannot be read: " + read.error().text());
    action.message = std::move(*read);
  }
  PeerMessage message{std::move(action.message), action.level, peer.greeting};
  if (levels != nullptr) levels->sent(port.self(), message);
  const auto& body = std::get<replica::PeerMessage>(message.body);
  if (action.datagram_also) {
    message.colour = peer.node.colour(action.to);
    peer.node.sent(action.to, node::Way::datagram, body, true);
    message.way = node::Way::datagram;
    if (config_.ordered) message.number = ++peer.datagrams_sent[action.to];
    port.send_datagram(action.to, message);
    message.way = node::Way::stream;
    message.number = 0;
    message.colour.clear();
  }
  peer.node.sent(action.to, node::Way::stream, body, true);
  if (config_.ordered) return send_in_order(peer, action.to, std::move(message), port);
  port.send(action.to, std::move(message));
}

void Cluster::send_in_order(Peer& peer, NodeId to, Message message, sim::Port<Cluster>& port) {
  message.number = ++peer.sent[to];
  message.first = peer.node.first_on(to);
  message.before = peer.counted[to];
  const auto* said = std::get_if<wire::ChannelMessage>(&message.body);
  if (said == nullptr || wire::Channel{said->channel} != wire::Channel::group_snapshot) ++peer.counted[to];
  port.send_ordered(to, std::move(message));
}

void Cluster::send(Peer& peer, node::SendOnChannel&& action, sim::Port<Cluster>& port) {
  PeerMessage message{std::move(action.message), action.level, peer.greeting, node::Way::datagram};
  if (levels != nullptr) levels->sent(port.self(), message);
  const auto& body = std::get<wire::ChannelMessage>(message.body);
  if (action.way != node::Way::stream) {
    message.colour = peer.node.colour(action.to);
    peer.node.sent(action.to, node::Way::datagram, body, true);
    port.send_datagram(action.to, message);
    message.colour.clear();
  }
  message.way = node::Way::stream;
  if (action.way == node::Way::datagram) return;
  peer.node.sent(action.to, node::Way::stream, body, true);
  send_in_order(peer, action.to, std::move(message), port);
}

void Cluster::carry_out(Peer& peer, node::NodeActions actions, sim::Port<Cluster>& port) {
  for (node::NodeAction& action : actions) {
    if (auto* of_service = std::get_if<replica::ServiceAction>(&action)) {
      perform(peer, *of_service, port);
    } else if (auto* message = std::get_if<node::SendOnChannel>(&action)) {
      send(peer, std::move(*message), port);
    } else if (const auto* unread = std::get_if<node::Unread>(&action)) {
      port.stop("cannot read what node " + std::to_string(unread->from.value) + " has sent: " + unread->why);
    } else {
      port.stop("a part has work for a disk, and there is none here");
    }
  }
}

void Cluster::perform(Peer& peer, replica::ServiceAction& action, sim::Port<Cluster>& port) {
  if (auto* job = std::get_if<replica::DiskJob>(&action)) {
    Job work;
    work.parts.push_back(std::move(*job));
    port.job(std::move(work));
  } else if (auto* send = std::get_if<replica::SendPeer>(&action)) {
    this->send(peer, std::move(*send), port);
  } else if (auto* speak = std::get_if<replica::SpeakLevel>(&action)) {
    peer.greeting.level = speak->level;
    port.note([&] { return "speaks level " + std::to_string(speak->level); });
  } else if (auto* changed = std::get_if<replica::LeaderChanged>(&action)) {
    port.note([&] {
      const std::string term = std::to_string(changed->term.value);
      if (changed->role == raft::Role::leader) return "leads term " + term;
      return "term " + term + ", leader " + std::to_string(changed->leader.value);
    });
  } else if (auto* report = std::get_if<replica::Report>(&action)) {
    port.note([&] { return report->text; });
  } else if (auto* halted = std::get_if<replica::Halted>(&action)) {
    port.stop(halted->why);
  } else if (auto* answer = std::get_if<replica::ToTool>(&action)) {
    if (watcher != nullptr) watcher->told(port.self(), *answer);
  } else if (auto* stop = std::get_if<replica::StopCommand>(&action)) {
    if (watcher != nullptr) watcher->stop_command(port.self(), *stop);
  } else if (auto* keep = std::get_if<replica::KeepHold>(&action)) {
    kept_.at(port.self().value)[keep->record.session] = keep->record;
  } else if (auto* forget = std::get_if<replica::ForgetHold>(&action)) {
    kept_.at(port.self().value).erase(forget->session);
  } else if (auto* since = std::get_if<replica::HoldsCompleteSince>(&action)) {
    complete_since_.at(port.self().value) = since->registration;
  } else if (auto* asked = std::get_if<replica::ToEngine>(&action)) {
    if (engine != nullptr) engine->ask(port.self(), std::move(asked->request));
  } else if (const auto* kept = std::get_if<replica::RememberEngine>(&action)) {
    memories_.at(port.self().value) = kept->memory;
  } else if (const auto* answered = std::get_if<replica::VotersAnswered>(&action)) {
    if (watcher != nullptr) watcher->voters_answered(port.self(), *answered);
  } else if (const auto* step = std::get_if<replica::VoterStep>(&action)) {
    port.note([&] {
      return "makes a step of its order: " + std::string(local::name_of(step->order.verb)) + " " +
             std::to_string(step->order.node.value);
    });
    if (watcher != nullptr) watcher->voter_step(port.self(), *step);
  } else if (auto* applied = std::get_if<replica::Applied>(&action)) {
    if (watcher != nullptr) watcher->applied(port.self(), *applied);
    for (const service::Effect& effect : applied->effects) {
      const auto* raise = std::get_if<service::RaiseApplied>(&effect);
      if (raise == nullptr) continue;
      port.note([&] {
        return "level " + std::to_string(raise->level) + (raise->in_force ? " in force" : " void");
      });
      if (raise->in_force && levels != nullptr) levels->raised(port.self(), peer, raise->level);
    }
  }
}

// Consecutive writes share one sync, as on coordd's store thread.
bool Cluster::merge(Job& running_next, Job& waiting) {
  const auto is_write = [](const Job& job) {
    return !job.tries_again && std::holds_alternative<raft::Persist>(job.parts.front().work);
  };
  if (!is_write(running_next) || !is_write(waiting)) return false;
  for (replica::DiskJob& part : waiting.parts) running_next.parts.push_back(std::move(part));
  return true;
}

// What finds no room waits until there is some, and all that comes after it behind it.
void Cluster::perform(Peer& peer, Job& job) {
  if (!job.tries_again) {
    job.waits = !peer.waiting.empty();
    if (!job.waits) attempt(peer, job);
    return;
  }
  while (!peer.waiting.empty()) {
    Job& first = peer.waiting.front();
    first.waits = false;
    attempt(peer, first);
    if (first.waits) break;
    job.done.push_back(std::move(first));
    peer.waiting.pop_front();
  }
  job.nearly_full = !peer.waiting.empty() || peer.store->nearly_full();
}

void Cluster::attempt(Peer& peer, Job& job) {
  Status status = done();
  if (const auto* snapshot = std::get_if<raft::Snapshot>(&job.parts.front().work)) {
    const Result<store::Saved> saved = peer.store->save_snapshot(*snapshot);
    if (!saved) status = saved.error();
    job.skipped = saved.ok() && *saved != store::Saved::yes;  // there was no room: nothing has changed
  } else if (const auto* reserve = std::get_if<replica::ReserveTokens>(&job.parts.front().work)) {
    status = peer.store->reserve_tokens(reserve->up_to);
  } else {
    std::vector<raft::Persist> writes;
    for (const replica::DiskJob& part : job.parts) writes.push_back(std::get<raft::Persist>(part.work));
    status = peer.store->persist(writes);
    if (status.ok() && config_.prepare_ahead) status = peer.store->prepare();
  }
  job.waits = !status.ok() && !peer.store->failure();
  if (!status.ok() && !job.waits && !job.skipped) job.failure = status.error().text();
  job.nearly_full = job.waits || peer.store->nearly_full();
}

void Cluster::on_done(Peer& peer, Instant now, Job job, sim::Port<Cluster>& port) {
  if (job.failure) {
    feed(peer, now, replica::JobFailed{*job.failure}, port);
    return;
  }
  if (job.nearly_full != peer.nearly_full) {
    peer.nearly_full = job.nearly_full;
    feed(peer, now, replica::Space{job.nearly_full}, port);
  }
  for (Job& late : job.done) {
    late.nearly_full = peer.nearly_full;
    on_done(peer, now, std::move(late), port);
  }
  if (job.waits) {
    if (peer.waiting.empty()) port.note([] { return "waits for room on its disk"; });
    peer.waiting.push_back(std::move(job));
  } else {
    for (const replica::DiskJob& part : job.parts)
      feed(peer, now, replica::JobDone{part.job, job.skipped}, port);
  }
  if ((!peer.waiting.empty() || peer.nearly_full) && !peer.look_at) peer.look_at = now + look_again;
}

void Cluster::on_crash(NodeId node) {
  if (watcher != nullptr) watcher->process_died(node);
}

std::string Cluster::describe(const Message& message) const {
  if (const auto* on_channel = std::get_if<wire::ChannelMessage>(&message.body))
    return "channel " + std::to_string(on_channel->channel) + " +" +
           std::to_string(on_channel->bytes.size()) +
           (message.way == node::Way::datagram ? " by datagram" : "");
  const auto& body = std::get<replica::PeerMessage>(message.body);
  std::string text = replica::to_text(body, message.level);
  if (message.level > first_level) text += " (level " + std::to_string(message.level) + ")";
  return text;
}

}  // namespace coord::sweep
