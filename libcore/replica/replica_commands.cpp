// SPDX-License-Identifier: MIT
// This peer's commands on their way into the log: each kept until it is seen
// applied, each taking effect once.
#include <algorithm>
#include <utility>

#include "base/format.hpp"
#include "base/rule.hpp"
#include "replica/replica.hpp"
#include "wire/codec.hpp"

namespace coord::replica {

namespace {

bool is_growing(const Bytes& bytes, Level level) {
  const auto command = wire::decode<service::Command>(bytes, {.version = level});
  return command && service::nature_of(command->body).grows;
}

const char* text_of(Rejected::Why why, bool here) {
  if (why == Rejected::Why::majority_full)
    return "fewer than a majority of the peers have room on their disks";
  return here ? "the disk is nearly full" : "the leader's disk is nearly full";
}

constexpr std::size_t forward_bytes = 256 * 1024;  // a message stays far below a frame

}  // namespace

void Replica::on(Instant, const Submit& event) {
  asked_ = true;
  if (queued_.size() >= config_.commands_queued) {
    out_.push_back(Outcome{event.ticket, {}, "too many commands are on their way: try again later"});
    return;
  }
  queued_.push_back(Queued{event.ticket, event.body});
  // A leader that answers for a renewal by itself goes on doing so after it was deposed.
  if (COORD_RULE_OR(renewed_through_the_log, false,
                    raft_.role() == raft::Role::leader && std::holds_alternative<service::Renew>(event.body)))
    out_.push_back(Outcome{event.ticket, {.kind = service::OutcomeKind::renewed}, {}});
}

// What waits here is dropped. What was sent may be in some log: another command takes its sequence number, so
// that whichever is ordered first is the only one that takes effect.
void Replica::on(Instant, const Retract& event) {
  const auto queued = std::ranges::find(queued_, event.ticket, &Queued::ticket);
  if (queued != queued_.end()) {
    queued_.erase(queued);
    out_.push_back(Outcome{event.ticket, {}, "nobody waits for it any more"});
    return;
  }
  const auto found = std::ranges::find_if(
      pending_, [&](const auto& pending) { return pending.second.ticket == event.ticket; });
  if (found == pending_.end()) return;
  replace(found->first, found->second);
}

// By a command that does nothing, under the same number.
void Replica::replace(std::uint64_t sequence, Pending& pending) {
  pending.command = encoded(sequence, pending_.begin()->first - 1, service::Renew{});
  pending.level = machine_.level();
  pending.growing = false;
  pending.sent.reset();
}

Bytes Replica::encoded(std::uint64_t sequence, std::uint64_t acknowledged, service::Body body) const {
  service::Command command;
  command.node = config_.raft.self;
  command.client = client_;
  command.sequence = sequence;
  command.acknowledged = acknowledged;
  command.wall = wall_;
  command.body = std::move(body);
  return wire::encode(command, machine_.level());
}

// Until the group knows this process: a Register goes to every new leader, and again when nothing came of it.
void Replica::register_here(Instant now) {
  if (client_ != service::ClientId{} || !has_quorum()) return;
  const bool same_leader = register_sent_in_ == raft_.term() && register_sent_to_ == raft_.leader();
  if (register_sent_ && same_leader && now < *register_sent_ + config_.resend) return;
  register_sent_ = now;
  register_sent_in_ = raft_.term();
  register_sent_to_ = raft_.leader();
  service::Command command;
  command.node = config_.raft.self;
  command.wall = wall_;
  command.body =
      service::Register{config_.raft.self, nonce_, machine_.registration(config_.raft.self), config_.level};
  send_to_leader(now, {wire::encode(command, machine_.level())});
}

// Gives queued submits their sequence numbers, as far as the window of the machine allows.
void Replica::admit_queued() {
  if (client_ == service::ClientId{}) return;
  while (!queued_.empty() && pending_.size() < config_.commands_in_flight) {
    if (!pending_.empty() && next_sequence_ - pending_.begin()->first >= config_.commands_in_flight) break;
    Queued next = std::move(queued_.front());
    queued_.pop_front();
    const std::uint64_t sequence = next_sequence_++;
    const std::uint64_t acknowledged = pending_.empty() ? sequence - 1 : pending_.begin()->first - 1;
    Pending pending;
    pending.ticket = next.ticket;
    pending.growing = service::nature_of(next.body).grows;
    pending.command = encoded(sequence, acknowledged, std::move(next.body));
    pending.level = machine_.level();
    pending_.emplace(sequence, std::move(pending));
  }
}

// Sends, in sequence order, what this leader has not been sent, or not lately.
void Replica::send_commands(Instant now) {
  if (!has_quorum()) return;
  std::vector<Bytes> batch;
  std::size_t bytes = 0;
  for (auto& [sequence, pending] : pending_) {
    const bool same_leader =
        pending.sent && pending.sent_to == raft_.leader() && pending.sent_in == raft_.term();
    if (same_leader && now < *pending.sent + config_.resend) continue;
    if (bytes + pending.command.size() > forward_bytes && !batch.empty()) {
      send_to_leader(now, std::exchange(batch, {}));
      bytes = 0;
    }
    pending.sent = now;
    ++pending.sends;
    pending.sent_to = raft_.leader();
    pending.sent_in = raft_.term();
    bytes += pending.command.size();
    batch.push_back(pending.command);
  }
  if (!batch.empty()) send_to_leader(now, std::move(batch));
}

void Replica::send_to_leader(Instant now, std::vector<Bytes> commands) {
  if (raft_.role() == raft::Role::leader) {
    propose(now, config_.raft.self, std::move(commands), machine_.level());
  } else if (raft_.leader() != config_.raft.self) {
    // The message says their level with its own: what is of an earlier one goes when this peer has caught up.
    if (machine_.level() == spoken_) send_peer(raft_.leader(), Forward{std::move(commands)});
  }
}

// What this peer cannot read nobody may have to apply: every one that cannot would halt.
void Replica::drop_unreadable(NodeId from, std::vector<Bytes>& commands, Level level) {
  const std::size_t dropped = std::erase_if(commands, [&](const Bytes& bytes) {
    return !wire::decode<service::Command>(bytes, {.version = level}).ok();
  });
  if (dropped > 0)
    out_.push_back(Report{fmt::format("peer {} forwarded {} commands that cannot be read: they were ignored",
                                      from.value, dropped)});
}

void Replica::propose(Instant now, NodeId from, std::vector<Bytes> commands, Level level) {
  if (from != config_.raft.self) drop_unreadable(from, commands, level);
  if (raft_.is_making_way()) {  // they are sent again, to whoever leads then
    std::erase_if(commands, [level](const Bytes& bytes) { return is_growing(bytes, level); });
  } else if (nearly_full_) {
    reject_growing(from, commands, level, Rejected::Why::leader_full);
  } else if (!COORD_RULE(majority_must_have_room, raft_.majority_has_room())) {
    reject_growing(from, commands, level, Rejected::Why::majority_full);
  }
  if (commands.empty()) return;
  if (lone() && !tokens_ready(commands.size())) {
    waiting_for_tokens_.insert(waiting_for_tokens_.end(), std::make_move_iterator(commands.begin()),
                               std::make_move_iterator(commands.end()));
    return;
  }
  put_into_log(now, std::move(commands), level);
}

// Which commands a lone peer syncs, their families say.
void Replica::put_into_log(Instant now, std::vector<Bytes> commands, Level level) {
  const auto is_durable = [level](const Bytes& bytes) {
    const auto command = wire::decode<service::Command>(bytes, {.version = level});
    return command && service::nature_of(command->body).durable;
  };
  const bool durable = lone() && (machine_.makes_durable() || std::ranges::any_of(commands, is_durable));
  tell_raft(now,
            raft::Propose{std::move(commands), COORD_RULE_OR(work_done_is_synced, durable, false), level});
}

// Drops from `commands` what would add to the state, and tells its sender.
void Replica::reject_growing(NodeId from, std::vector<Bytes>& commands, Level level, Rejected::Why why) {
  Rejected rejected;
  rejected.why = why;
  std::erase_if(commands, [&](const Bytes& bytes) {
    const auto command = wire::decode<service::Command>(bytes, {.version = level});
    if (!command || !service::nature_of(command->body).grows) return false;
    rejected.sequences.push_back(command->sequence);
    return true;
  });
  if (rejected.sequences.empty()) return;
  if (from != config_.raft.self) {
    send_peer(from, std::move(rejected));
    return;
  }
  reject(rejected, true);
}

void Replica::reject(const Rejected& rejected, bool here) {
  for (const std::uint64_t sequence : rejected.sequences) reject(sequence, text_of(rejected.why, here));
}

// Of what was sent more than once an older copy may be in a log: whoever asked is told when that is decided.
void Replica::reject(std::uint64_t sequence, const char* why) {
  const auto found = pending_.find(sequence);
  if (found == pending_.end()) return;
  const std::string text = fmt::format("{}: free some space there", why);
  if (found->second.sends > 1) {
    found->second.rejected = text;
    replace(found->first, found->second);
  } else {
    out_.push_back(Outcome{found->second.ticket, {}, text});
    pending_.erase(found);
  }
}

// A lone peer does not sync a grant, so a power cut may take it back; its token must never be given again.
// Tokens are therefore reserved, durably, in blocks before any of a block is given, and a restarted peer
// begins above the block.
bool Replica::tokens_ready(std::size_t commands) {
  // The first command of a group places its tokens by the wall clock, far above any earlier life.
  if (machine_.state().applied == LogIndex{} && inherited_ == Token{}) return true;
  const std::uint64_t by_place = machine_.state().token_base.value + raft_.last_index().value;
  const std::uint64_t highest = std::max({machine_.state().last_token.value, by_place, inherited_.value});
  const std::uint64_t needed = highest + commands + 2 * config_.commands_in_flight;
  if (COORD_RULE(grant_only_reserved_tokens, needed <= tokens_reserved_.value)) return true;
  if (tokens_asked_.value < needed) {
    tokens_asked_ = Token{needed + config_.token_block};
    const std::uint64_t job = next_job_++;
    jobs_[job].reserved = tokens_asked_;
    out_.push_back(DiskJob{job, ReserveTokens{tokens_asked_}});
  }
  return false;
}

void Replica::propose_token_floor(Instant now) {
  if (floor_due_ <= machine_.state().last_token || raft_.role() != raft::Role::leader) return;
  service::Command command;
  command.wall = wall_;
  command.body = service::TokenFloor{std::exchange(floor_due_, Token{})};
  // What was reserved is on the disk already, what was inherited is not.
  const bool durable = inherited_ > machine_.state().last_token;
  tell_raft(now, raft::Propose{{wire::encode(command, machine_.level())}, durable, machine_.level()});
}

// Durable before it is in force: who has been told that it is closed goes by that.
void Replica::on(Instant now, const GrantNothing& event) {
  if (!lone() || raft_.role() != raft::Role::leader || machine_.level() < 2) return;
  service::Command command;
  command.wall = wall_;
  command.body = service::Shut{event.closed};
  tell_raft(now, raft::Propose{{wire::encode(command, machine_.level())}, true, machine_.level()});
}

void Replica::on(Instant, const RaiseTokens& event) {
  if (event.above <= std::max(inherited_, machine_.state().last_token)) return;
  inherited_ = COORD_RULE_OR(grants_above_inherited, event.above, inherited_);
  floor_due_ = std::max(floor_due_, inherited_);
  asked_ = true;
}

void Replica::settle_outcome(const service::Command& command, const service::Effects& effects) {
  for (const service::Effect& effect : effects) {
    if (const auto* registered = std::get_if<service::Registered>(&effect)) {
      if (registered->node == config_.raft.self && registered->nonce == nonce_) client_ = registered->client;
    } else if (const auto* refused = std::get_if<service::NotRegistered>(&effect)) {
      // What this peer knew of itself was old: again, with what it has learnt.
      if (refused->node == config_.raft.self && refused->nonce == nonce_) register_sent_.reset();
    }
  }
  if (command.client == service::ClientId{} || command.client != client_) return;
  const auto found = pending_.find(command.sequence);
  if (found == pending_.end()) return;
  const service::Outcome what = machine_.outcome(config_.raft.self, client_, command.sequence);
  out_.push_back(Outcome{found->second.ticket, what, why_not(found->second, what)});
  pending_.erase(found);
}

std::string Replica::why_not(const Pending& pending, const service::Outcome& what) {
  return what.kind == service::OutcomeKind::renewed ? pending.rejected : std::string();
}

// The entries were not seen one by one: ask the machine what became of each command.
void Replica::settle_after_replacement() {
  for (auto it = pending_.begin(); it != pending_.end();) {
    const service::Outcome what = machine_.outcome(config_.raft.self, client_, it->first);
    if (what.kind == service::OutcomeKind::pending) {
      ++it;
      continue;
    }
    out_.push_back(Outcome{it->second.ticket, what, why_not(it->second, what), true});
    it = pending_.erase(it);
  }
}

std::optional<Instant> Replica::next_resend() const {
  if (!has_quorum()) return std::nullopt;
  std::optional<Instant> next;
  if (client_ == service::ClientId{} && register_sent_) next = *register_sent_ + config_.resend;
  for (const auto& [sequence, pending] : pending_) {
    if (pending.sent && (!next || *pending.sent + config_.resend < *next))
      next = *pending.sent + config_.resend;
  }
  return next;
}

}  // namespace coord::replica
