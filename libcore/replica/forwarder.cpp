// SPDX-License-Identifier: MIT
#include "replica/forwarder.hpp"

#include <algorithm>
#include <utility>

#include "base/format.hpp"
#include "base/rule.hpp"
#include "replica/raise_counts.hpp"
#include "replica/replica.hpp"
#include "wire/codec.hpp"

namespace coord::replica {

namespace {

Client::Config of_client(const Forwarder::Config& config) {
  return {config.self, config.level,   config.resend, config.commands_in_flight, config.commands_queued,
          config.name, config.address, config.zone};
}

const raft::Message* of_log(const PeerMessage& message) {
  const auto* either = std::get_if<EitherWay>(&message);
  return either != nullptr ? &either->message : std::get_if<raft::Message>(&message);
}

// What a leader sends to who votes or learns, and to nobody else.
bool is_of_leader(const raft::Message& message) {
  return std::holds_alternative<raft::AppendRequest>(message) ||
         std::holds_alternative<raft::Heartbeat>(message);
}

}  // namespace

Forwarder::Forwarder(Config config, Random random, Instant)
    : config_(std::move(config)),
      random_(random),
      commands_(of_client(config_), config_.life != 0 ? config_.life : Client::draw_life(random_)),
      spoken_(config_.speaks),
      voters_(config_.voters),
      next_read_(commands_.life()) {}

// ---- driven

Actions Forwarder::step(Instant now, WallTime wall, const Event& event) {
  wall_ = wall;
  if (!halted_) std::visit([&](const auto& concrete) { on(now, concrete); }, event);
  return std::exchange(out_, {});
}

Actions Forwarder::settle(Instant now, WallTime wall) {
  wall_ = wall;
  asked_ = false;
  if (halted_) return {};
  choose(now);
  send_commands(now);
  ask_reads(now);
  answer_reads(now);
  if (const auto next = next_question(); next && now >= *next) question(now, false);
  return std::exchange(out_, {});
}

std::optional<Instant> Forwarder::deadline() const {
  std::optional<Instant> next;
  const auto also = [&next](std::optional<Instant> other) {
    if (other && (!next || *other < *next)) next = other;
  };
  also(next_question());
  if (waiting_since_) also(*waiting_since_ + config_.patience);
  if (leaderless_since_) also(*leaderless_since_ + config_.patience);
  if (can_send()) also(commands_.next_resend());
  if (voter_ == NodeId{})
    for (const auto& [node, until] : avoided_) also(until);
  for (const auto& [id, reading] : reads_) {
    also(reading.began + config_.query_patience);
    if (!reading.index && reading.asked && has_quorum()) also(*reading.asked + config_.query_retry);
  }
  return next;
}

void Forwarder::on(Instant now, const Tick&) {
  const bool silent = waiting_since_ && now >= *waiting_since_ + config_.patience;
  const bool leaderless = leaderless_since_ && now >= *leaderless_since_ + config_.patience;
  if (voter_ != NodeId{} && (silent || leaderless)) leave(now);
}

void Forwarder::on(Instant, const Submit& event) {
  asked_ = true;
  commands_.submit(event, out_);
}

void Forwarder::on(Instant, const Retract& event) {
  commands_.retract(event, machine_, wall_, out_);
}

void Forwarder::on(Instant, const PutIntoLog& event) {
  if (!can_send()) return;
  service::Command command;
  command.node = config_.self;
  command.wall = wall_;
  command.body = event.body;
  send(Forward{{wire::encode(command, machine_.level())}});
}

void Forwarder::on(Instant, const KnownVoters& event) {
  if (has_quorum() || event.voters.empty()) return;  // whom it follows knows better
  say_who_votes(event.voters, {});
  avoided_.clear();
}

// The voter that is asked passes it on, if another one leads.
void Forwarder::on(Instant now, const AskVoters& event) {
  if (!can_send()) {
    VoterAnswer nobody;
    nobody.leader = leader_;
    nobody.voters = {voters_, learners_};
    out_.push_back(VotersAnswered{event.ticket, std::move(nobody)});
    return;
  }
  const std::uint64_t id = next_read_++;
  if (passed_orders_.add(now, id, {NodeId{}, event.ticket})) send(PassedOrder{id, event.order});
}

void Forwarder::hear(const OrderAnswer& answer) {
  const auto asker = passed_orders_.take(answer.id);
  if (asker) out_.push_back(VotersAnswered{asker->number, answer.answer});
}

void Forwarder::on(Instant now, const Query& event) {
  asked_ = true;
  reads_.emplace(next_read_++, Reading{event.ticket, now, {}, {}});
}

void Forwarder::on(Instant now, const FromPeer& event) {
  if (event.level > config_.level || event.datagram) return;
  speak(event.level);
  if (const auto* fed = std::get_if<Fed>(&event.message)) {
    hear(now, event.from, *fed);
  } else if (const auto* piece = std::get_if<FedState>(&event.message)) {
    hear(now, event.from, *piece);
  } else if (const auto* answer = std::get_if<ReadAnswer>(&event.message)) {
    hear(*answer);
  } else if (const auto* order = std::get_if<OrderAnswer>(&event.message)) {
    hear(*order);
  } else if (const auto* rejected = std::get_if<Rejected>(&event.message)) {
    commands_.reject(*rejected, false, machine_, wall_, out_);
  } else if (const raft::Message* const raft = of_log(event.message)) {
    // It may have been given its vote while it was away, and the leader is gone: without that vote there may
    // be no other. As long as one leads, who asks is behind.
    const bool is_needed = std::holds_alternative<raft::VoteRequest>(*raft) && !has_quorum();
    is_sent_log_ = is_sent_log_ || is_of_leader(*raft) || is_needed;
  }
}

// ---- which voter

bool Forwarder::is_voter(NodeId node) const {
  return node != config_.self && std::ranges::find(voters_, node) != voters_.end();
}

// A new connection: what was sent before may have gone into one that was dead already.
void Forwarder::on(Instant now, const Greeted& event) {
  connected_.insert(event.from);
  avoided_.erase(event.from);
  commands_.sent_in_vain_to(event.from);
  if (event.from != voter_) {
    // Better than one that was only hoped for.
    if (is_voter(event.from) && voter_ != NodeId{} && !connected_.contains(voter_)) attach(now, event.from);
    return;
  }
  for (auto& [id, reading] : reads_) reading.asked.reset();
  question(now, true);
}

void Forwarder::on(Instant now, const Parted& event) {
  connected_.erase(event.from);
  avoided_[event.from] = now + config_.avoid;
  if (event.from == voter_) leave(now);
}

// The leader where it can be reached; else any that was not left a moment ago, by lot, and rather one with
// which a connection stands.
void Forwarder::choose(Instant now) {
  std::erase_if(avoided_, [now](const auto& each) { return now >= each.second; });
  const auto may = [this](NodeId node) { return is_voter(node) && !avoided_.contains(node); };
  const auto stands = [&](NodeId node) { return may(node) && connected_.contains(node); };
  if (leader_ != NodeId{} && leader_ != voter_ && stands(leader_)) return attach(now, leader_);
  if (voter_ != NodeId{}) return;
  std::vector<NodeId> candidates;
  std::ranges::copy_if(voters_, std::back_inserter(candidates), stands);
  if (candidates.empty()) std::ranges::copy_if(voters_, std::back_inserter(candidates), may);
  if (!candidates.empty()) attach(now, candidates.at(random_.below(candidates.size())));
}

void Forwarder::attach(Instant now, NodeId voter) {
  voter_ = voter;
  ++attachment_;
  waiting_since_.reset();
  leaderless_since_ = now;
  taking_.reset();
  for (auto& [id, reading] : reads_) reading.asked.reset();
  question(now, true);
}

void Forwarder::leave(Instant now) {
  avoided_[voter_] = now + config_.avoid;
  const bool others = std::ranges::any_of(
      voters_, [this](NodeId node) { return is_voter(node) && !avoided_.contains(node); });
  if (!others) avoided_.clear();  // nobody is better
  voter_ = NodeId{};
  waiting_since_.reset();
  leaderless_since_.reset();
  leader_is(NodeId{}, term_);
}

void Forwarder::question(Instant now, bool again) {
  if (voter_ == NodeId{}) return;
  Follow follow;
  follow.life = life();
  follow.number = ++last_number_;
  follow.place = applied_;
  follow.again = again;
  if (taking_) {
    follow.state = taking_->index;
    follow.received = taking_->data.size();
  }
  last_asked_ = now;
  if (!waiting_since_) {
    waiting_since_ = now;
    waiting_for_ = last_number_;
  }
  not_acknowledged_ = 0;
  send(std::move(follow));
}

std::optional<Instant> Forwarder::next_question() const {
  if (voter_ == NodeId{} || !last_asked_) return std::nullopt;
  return *last_asked_ + (commands_.has_pending() ? config_.ask_soon : config_.ask_every);
}

// It is from the voter that is asked, for this life, and to no question of an earlier attachment.
bool Forwarder::answered(Instant now, NodeId from, std::uint64_t for_life, std::uint64_t number) {
  if (from != voter_) return false;
  if (!COORD_RULE(fed_to_this_life, for_life == life())) return false;
  if (number == last_number_) {
    waiting_since_.reset();
  } else if (waiting_since_ && number >= waiting_for_) {
    waiting_since_ = now;
    waiting_for_ = last_number_;
  }
  return true;
}

// Commands that went to the one before go again at once.
void Forwarder::leader_is(NodeId leader, Term term) {
  term_ = term;
  if (leader_ == leader) return;
  leader_ = leader;
  ++attachment_;
  out_.push_back(LeaderChanged{raft::Role::follower, term, leader});
}

// ---- what it tells

void Forwarder::hear(Instant now, NodeId from, const Fed& fed) {
  if (!answered(now, from, fed.life, fed.number)) return;
  if (!fed.voters.empty() && fed.after == applied_) say_who_votes(fed.voters, fed.learners);
  leaderless_since_ = fed.leader != NodeId{} ? std::nullopt
                      : leaderless_since_    ? leaderless_since_
                                             : std::optional(now);
  for (const raft::Entry& entry : fed.entries) {
    if (entry.index <= applied_) continue;
    // What lies between got lost with a connection, or this is of an earlier time with the same voter.
    const bool follows = entry.index.value == applied_.value + 1;
    if (!COORD_RULE(nothing_is_left_out, follows)) return question(now, true);
    not_acknowledged_ += entry.data.size();
    if (!apply(entry)) return;
  }
  leader_is(fed.leader, fed.term);
  if (fed.entries.empty() && fed.after > applied_) return question(now, true);
  if (not_acknowledged_ >= config_.acknowledge_bytes) question(now, false);
}

void Forwarder::say_who_votes(std::vector<NodeId> voters, std::vector<NodeId> learners) {
  voters_ = std::move(voters);
  learners_ = std::move(learners);
}

bool Forwarder::apply(const raft::Entry& entry) {
  if (entry.level > config_.level) {
    halt(
        fmt::format("log entry {} is of level {}, and this program knows level {}: install the release that "
                    "the other peers have",
                    entry.index.value, entry.level, config_.level));
    return false;
  }
  if (entry.kind == raft::EntryKind::command) {
    const auto command = wire::decode<service::Command>(entry.data, {.version = entry.level});
    if (!command) {
      halt(fmt::format("log entry {} cannot be read ({})", entry.index.value, command.error().what));
      return false;
    }
    applied_ = entry.index;
    service::Effects effects = machine_.apply(entry.index, *command);
    commands_.applied(*command, effects, machine_, out_);
    out_.push_back(Applied{entry.index, std::move(effects)});
    return true;
  }
  applied_ = entry.index;
  if (entry.kind == raft::EntryKind::members) {
    if (auto said = raft::decode_voters(entry.data)) {
      say_who_votes(std::move(said->voters), std::move(said->learners));
      service::Effects effects = machine_.apply_voters(entry.index, voters_);
      if (!effects.empty()) out_.push_back(Applied{entry.index, std::move(effects)});
    }
  }
  if (entry.kind != raft::EntryKind::raise) return true;
  const auto raise = wire::decode<service::Raise>(entry.data);
  if (!raise) {
    halt(fmt::format("log entry {} cannot be read ({})", entry.index.value, raise.error().what));
    return false;
  }
  const std::vector<NodeId> all = who_must_know({voters_, learners_}, machine_.level());
  service::Effects effects = machine_.apply_raise(entry.index, *raise, all);
  speak(machine_.level());
  commands_.level_has_changed(machine_);
  out_.push_back(Applied{entry.index, std::move(effects)});
  return true;
}

void Forwarder::hear(Instant now, NodeId from, const FedState& piece) {
  if (!answered(now, from, piece.life, piece.number) || piece.index <= applied_) return;
  if (piece.number != last_number_) return;  // the next question has its own answer
  if (piece.level > config_.level || piece.size > config_.state_limit)
    return halt("the group's state cannot be read by this program: install the release that the peers have");
  if (!taking_ || taking_->index != piece.index) {
    if (piece.offset != 0) return question(now, true);
    taking_ = Taking{piece.index, piece.level, piece.size, {}};
  }
  if (piece.offset != taking_->data.size() || piece.data.size() > taking_->size - taking_->data.size())
    return question(now, true);
  if (!piece.voters.empty()) say_who_votes(piece.voters, piece.learners);
  taking_->data.insert(taking_->data.end(), piece.data.begin(), piece.data.end());
  if (taking_->data.size() == taking_->size) install(std::move(*std::exchange(taking_, {})));
  if (!halted_) question(now, false);
}

void Forwarder::install(Taking&& taken) {
  auto machine = machine_from({taken.index, {}, std::move(taken.data), taken.level});
  if (!machine)
    return halt(fmt::format("the state that a voter has sent cannot be read: {}", machine.error().text()));
  const Level before = machine_.level();
  machine_ = std::move(*machine);
  applied_ = taken.index;
  if (machine_.level() != before) {
    speak(machine_.level());
    commands_.level_has_changed(machine_);
  }
  out_.push_back(Replaced{});
  commands_.replaced(machine_, out_);
}

void Forwarder::speak(Level level) {
  if (level <= spoken_) return;
  spoken_ = level;
  out_.push_back(SpeakLevel{level});
}

void Forwarder::halt(std::string why) {
  halted_ = true;
  out_.push_back(Halted{std::move(why)});
}

// ---- what is asked of it

void Forwarder::send(PeerMessage message) {
  out_.push_back(SendPeer{.to = voter_, .message = std::move(message), .level = spoken_});
}

// Not before the state is here: it says which level the group is at, and which registration is the last.
bool Forwarder::can_send() const {
  return has_begun() && has_quorum() && machine_.level() == spoken_;
}

void Forwarder::send_commands(Instant now) {
  if (can_send()) {
    if (auto registration = commands_.registration(now, target(), machine_, wall_))
      send(Forward{{std::move(*registration)}});
  }
  commands_.admit(machine_, wall_);
  if (!can_send()) return;
  for (std::vector<Bytes>& commands : commands_.due(now, target())) send(Forward{std::move(commands)});
}

// Linearizable reads: how far must one have applied? As in replica_reads.cpp; the voter asks its leader.
void Forwarder::ask_reads(Instant now) {
  if (!has_quorum()) return;
  for (auto& [id, reading] : reads_) {
    if (reading.index || (reading.asked && now < *reading.asked + config_.query_retry)) continue;
    reading.asked = now;
    send(ReadRequest{id});
  }
}

void Forwarder::hear(const ReadAnswer& answer) {
  const auto found = reads_.find(answer.id);
  if (found != reads_.end() && answer.known && !found->second.index) found->second.index = answer.index;
}

void Forwarder::answer_reads(Instant now) {
  for (auto it = reads_.begin(); it != reads_.end();) {
    const Reading& reading = it->second;
    const bool ready = reading.index && applied_ >= *reading.index;
    if (!ready && now < reading.began + config_.query_patience) {
      ++it;
      continue;
    }
    if (ready) {
      out_.push_back(QueryReady{reading.ticket});
    } else {
      out_.push_back(QueryFailed{reading.ticket});
    }
    it = reads_.erase(it);
  }
}

LevelView Forwarder::level_view() const {
  LevelView view;
  view.level = view.next = machine_.level();
  return view;
}

}  // namespace coord::replica
