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

}  // namespace

void Replica::on(Instant, const Submit& event) {
  asked_ = true;
  commands_.submit(event, out_);
  // A leader that answers for a renewal by itself goes on doing so after it was deposed.
  if (COORD_RULE_OR(renewed_through_the_log, false,
                    raft_.role() == raft::Role::leader && std::holds_alternative<service::Renew>(event.body)))
    out_.push_back(Outcome{event.ticket, {.kind = service::OutcomeKind::renewed}, {}});
}

void Replica::on(Instant, const Retract& event) {
  commands_.retract(event, machine_, wall_, out_);
}

void Replica::send_commands(Instant now) {
  if (has_quorum()) {
    if (auto registration = commands_.registration(now, target(), machine_, wall_))
      send_to_leader(now, {std::move(*registration)});
  }
  commands_.admit(machine_, wall_);
  if (!has_quorum()) return;
  for (std::vector<Bytes>& commands : commands_.due(now, target())) send_to_leader(now, std::move(commands));
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
  if (lone() && !tokens_ready(commands, level)) {
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

// Drops from `commands` what would add to the state, and tells whose it is: who has sent it may only have
// passed it on.
void Replica::reject_growing(NodeId from, std::vector<Bytes>& commands, Level level, Rejected::Why why) {
  std::map<std::pair<NodeId, service::ClientId>, Rejected> rejected;
  std::erase_if(commands, [&](const Bytes& bytes) {
    const auto command = wire::decode<service::Command>(bytes, {.version = level});
    if (!command || !service::nature_of(command->body).grows) return false;
    const NodeId whose = level < 2 ? from : command->node;
    Rejected& of = rejected[{whose, command->client}];
    of.client = command->client;
    of.why = why;
    of.sequences.push_back(command->sequence);
    return true;
  });
  for (auto& [whose, of] : rejected) {
    if (whose.first == config_.raft.self) {
      commands_.reject(of, true, machine_, wall_, out_);
    } else {
      send_peer(whose.first, std::move(of));
    }
  }
}

// A lone peer does not sync a grant, so a power cut may take it back; its token must never be given again.
// Tokens are therefore reserved, durably, in blocks before any of a block is given, and a restarted peer
// begins above the block. A command takes one, and any one, a timer's too, may let in all who wait. One that
// begins an epoch (service/locks/epochs.cpp) takes many more: whether it does is seen when it is applied, so
// each that may counts until no command is under way.
bool Replica::tokens_ready(const std::vector<Bytes>& commands, Level level) {
  // The first command of a group places its tokens by the wall clock, far above any earlier life.
  if (machine_.state().applied == LogIndex{} && inherited_ == Token{}) return true;
  const std::uint64_t by_place = machine_.state().token_base.value + raft_.last_index().value;
  const std::uint64_t highest = std::max({machine_.state().last_token.value, by_place, inherited_.value});
  if (machine_.state().applied == raft_.last_index()) epochs_under_way_ = 0;
  std::size_t epochs = epochs_under_way_;
  latest_wall_ = std::max(latest_wall_, wall_);
  for (const Bytes& bytes : commands) {
    const auto command = wire::decode<service::Command>(bytes, {.version = level});
    if (!command) continue;
    latest_wall_ = std::max(latest_wall_, command->wall);
    const auto* acquire = std::get_if<service::Acquire>(&command->body);
    epochs += acquire != nullptr && acquire->part.has_value() ? 1 : 0;
  }
  const std::uint64_t waiting = machine_.of<service::Locks>().tokens_to_come(epochs, latest_wall_) +
                                machine_.of<service::Elections>().candidates();
  const std::uint64_t to_come = COORD_RULE_OR(tokens_of_who_waits_are_reserved, waiting, std::uint64_t{0});
  const std::uint64_t needed = highest + to_come + commands.size() + 2 * config_.commands_in_flight;
  if (COORD_RULE(grant_only_reserved_tokens, needed <= tokens_reserved_.value)) {
    epochs_under_way_ = epochs;
    return true;
  }
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

void Replica::on(Instant now, const PutIntoLog& event) {
  if (!has_quorum() || machine_.level() < 2 || raft_.role() == raft::Role::bootstrap) return;
  // Who is being given a vote is not forgotten: nobody could name it.
  const auto* forget = std::get_if<service::Forget>(&event.body);
  if (forget != nullptr && raft_.voters().has(forget->node)) return;
  service::Command command;
  command.node = config_.raft.self;
  command.wall = wall_;
  command.body = event.body;
  send_to_leader(now, {wire::encode(command, machine_.level())});
}

void Replica::on(Instant, const RaiseTokens& event) {
  if (event.above <= std::max(inherited_, machine_.state().last_token)) return;
  inherited_ = COORD_RULE_OR(grants_above_inherited, event.above, inherited_);
  floor_due_ = std::max(floor_due_, inherited_);
  asked_ = true;
}

std::optional<Instant> Replica::next_resend() const {
  return has_quorum() ? commands_.next_resend() : std::nullopt;
}

}  // namespace coord::replica
