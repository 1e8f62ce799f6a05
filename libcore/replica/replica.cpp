// SPDX-License-Identifier: MIT
#include "replica/replica.hpp"

#include <algorithm>

#include "base/rule.hpp"
#include "wire/codec.hpp"
#include "wire/state_sections.hpp"

namespace coord::replica {

Result<service::StateMachine> machine_from(const raft::Snapshot& snapshot, Level knows) {
  auto state = wire::decode_state(snapshot.data, snapshot.level, knows);
  if (!state) return state.error();
  return service::StateMachine::restore(std::move(*state));
}

namespace {

raft::Config of_level(const Config& config) {
  raft::Config raft = config.raft;
  raft.level = config.level;
  return raft;
}

Client::Config of_client(const Config& config) {
  return {config.raft.self,       config.level, config.resend,  config.commands_in_flight,
          config.commands_queued, config.name,  config.address, config.zone};
}

}  // namespace

Replica::Replica(Config config, raft::Recovered recovered, service::StateMachine machine,
                 Token tokens_reserved, Random random, Instant now)
    : config_(std::move(config)),
      random_(random),
      raft_(of_level(config_), recovered, Random(random_.next()), now),
      machine_(std::move(machine)),
      applied_(recovered.snapshot ? recovered.snapshot->index : LogIndex{}),
      applied_term_(recovered.snapshot ? recovered.snapshot->term : Term{}),
      commands_(of_client(config_), Client::draw_life(random_)),
      tokens_reserved_(tokens_reserved),
      tokens_asked_(tokens_reserved) {
  may_found_ = recovered.hard_state.founders.empty() && !config_.raft.rejoin;
  if (recovered.snapshot) snapshot_bytes_ = recovered.snapshot->data.size();
  spoken_ = std::max(machine_.level(), config_.speaks);
  for (LogIndex i = raft_.log().base(); i < raft_.log().last();) {
    ++i.value;
    spoken_ = std::max(spoken_, raft_.log().at(i)->level);
  }
  next_read_ = COORD_RULE_OR(read_ids_of_one_life, life(), 1);
}

Actions Replica::step(Instant now, WallTime wall, const Event& event) {
  wall_ = wall;
  if (!halted_) std::visit([&](const auto& concrete) { on(now, concrete); }, event);
  return std::exchange(out_, {});
}

Actions Replica::settle(Instant now, WallTime wall) {
  wall_ = wall;
  asked_ = false;
  if (halted_) return {};
  propose_token_floor(now);
  send_commands(now);
  raise_if_due(now);
  keep_voters(now);
  ask_reads(now);
  answer_reads();
  feed_members();
  return std::exchange(out_, {});
}

std::optional<Instant> Replica::deadline() const {
  std::optional<Instant> next = raft_.deadline();
  for (const auto& other : {timers_.deadline(), next_resend(), next_read_deadline(), raise_due()}) {
    if (other && (!next || *other < *next)) next = other;
  }
  return next;
}

void Replica::on(Instant now, const FromPeer& event) {
  if (event.level > config_.level) return;  // the connection should not have come about
  if (const auto* wrapped = std::get_if<EitherWay>(&event.message)) {
    if (!is_for_us(event, *wrapped)) return;
    speak(event.level);
    tell_raft(now, raft::Receive{event.from, wrapped->message});
    return;
  }
  if (event.datagram) return;  // nothing else goes by datagram
  speak(event.level);
  if (const auto* message = std::get_if<raft::Message>(&event.message)) {
    tell_raft(now, raft::Receive{event.from, *message});
  } else if (const auto* forward = std::get_if<Forward>(&event.message)) {
    if (raft_.role() == raft::Role::leader) {
      propose(now, event.from, forward->commands, event.level);
    } else if (feed_.feeds(event.from) && has_quorum() && event.level == spoken_) {
      send_peer(raft_.leader(), *forward);  // a member's: it asks whom it can reach
    }
  } else if (const auto* rejected = std::get_if<Rejected>(&event.message)) {
    commands_.reject(*rejected, false, machine_, wall_, out_);
  } else if (const auto* request = std::get_if<ReadRequest>(&event.message)) {
    read_for(now, event.from, *request);
  } else if (const auto* answer = std::get_if<ReadAnswer>(&event.message)) {
    const auto found = reads_.find(answer->id);
    if (found == reads_.end() || event.from == NodeId{}) return;
    if (found->second.asker != NodeId{}) {
      send_peer(found->second.asker, ReadAnswer{found->second.asker_id, answer->known, answer->index});
      reads_.erase(found);
    } else if (answer->known) {
      found->second.index = answer->index;
    }
  } else if (const auto* passed = std::get_if<PassedOrder>(&event.message)) {
    hear(now, event.from, *passed);
  } else if (const auto* answered = std::get_if<OrderAnswer>(&event.message)) {
    hear(*answered);
  } else if (const auto* follow = std::get_if<Follow>(&event.message)) {
    const bool takes_part = raft_.role() != raft::Role::bootstrap && !raft_.recovering();
    if (takes_part && !has_log(event.from)) feed_.asked(now, event.from, *follow);
  }
}

void Replica::on(Instant now, const Tick&) {
  tell_raft(now, raft::Tick{});
  if (raft_.role() == raft::Role::leader) {
    std::vector<Bytes> commands;
    for (const service::Command& command : timers_.due(now, wall_, machine_))
      commands.push_back(wire::encode(command, machine_.level()));
    // What waits for tokens lets in nobody; the timers say it again.
    if (!commands.empty() && waiting_for_tokens_.empty())
      propose(now, config_.raft.self, std::move(commands), machine_.level());
  }
  fail_old_reads(now);
  ask_reads(now);
}

void Replica::on(Instant now, const JobDone& event) {
  const auto found = jobs_.find(event.job);
  COORD_CHECK(found != jobs_.end());
  Job job = std::move(found->second);
  jobs_.erase(found);
  if (job.persist) tell_raft(now, raft::Persisted{*job.persist});
  if (job.snapshot) {
    snapshot_in_flight_ = false;
    if (!event.skipped) tell_raft(now, raft::SnapshotStored{std::move(*job.snapshot)});
  }
  if (job.reserved) {
    tokens_reserved_ = std::max(tokens_reserved_, *job.reserved);
    std::vector<Bytes> held = std::exchange(waiting_for_tokens_, {});
    if (!held.empty()) propose(now, config_.raft.self, held, machine_.level());
  }
}

void Replica::on(Instant now, const JobFailed& event) {
  tell_raft(now, raft::PersistFailed{event.why});
}

void Replica::on(Instant now, const Space& event) {
  nearly_full_ = event.nearly_full;
  tell_raft(now, raft::Room{!nearly_full_});
}

void Replica::on(Instant now, const Leave&) {
  tell_raft(now, raft::TransferLeadership{});
}

}  // namespace coord::replica
