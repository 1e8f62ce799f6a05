// SPDX-License-Identifier: MIT
// PBFT in the normal case: requests, the three phases, execution; and the client.
#include "protocol/consensus/pbft.hpp"

#include <algorithm>

#include "base/format.hpp"
#include "base/rule.hpp"

namespace coord::consensus::pbft {

namespace {

constexpr View views_ahead = 8;  // votes for later views than this are not kept

}  // namespace

Replica::Replica(Config config, const Durable* restored)
    : config_(std::move(config)), time_out_(config_.patience) {
  config_.group.check();
  COORD_CHECK(config_.group.size() % 3 == 1 && config_.notary != nullptr && config_.checkpoint_every > 0);
  if (restored != nullptr) restore(*restored);
}

Replica::Actions Replica::step(Instant now, const Event& event) {
  Actions actions;
  if (!std::exchange(replayed_, true)) execute_ready(now, actions);
  std::visit([&](const auto& what) { on(now, what, actions); }, event);
  store_changes(actions);
  return actions;
}

void Replica::on(Instant now, const Receive& what, Actions& actions) {
  const bool request = std::holds_alternative<Request>(what.message);
  if (!request && (what.from == config_.group.self || !config_.group.knows(what.from))) return;
  std::visit([&](const auto& message) { receive(now, what.from, message, actions); }, what.message);
}

std::optional<Instant> Replica::deadline() const {
  if (!give_up_at_ || !resend_at_) return give_up_at_ ? give_up_at_ : resend_at_;
  return std::min(*give_up_at_, *resend_at_);
}

void Replica::on(Instant now, const Tick&, Actions& actions) {
  if (give_up_at_ && now >= *give_up_at_) return ask_for_view(now, view_ + 1, actions);
  if (!resend_at_ || now < *resend_at_) return;
  resend_at_ = now + config_.patience;
  if (!active_) send_to_others(demands_.at(config_.group.self), actions);
  if (fetching_) {
    fetch_state(now, actions);
  } else if (active_) {
    resend_at_.reset();
  }
}

void Replica::send_to_others(const Message& message, Actions& actions) const {
  config_.group.each_other([&](NodeId node) { actions.push_back(Send{node, message}); });
}

// ---- requests

Digest Replica::digest_of(const Request& request) const {
  return config_.notary->digest(request.words().view());
}

bool Replica::is_authentic(const Request& request) const {
  if (request.nothing()) return request.timestamp == 0 && request.operation.empty();
  if (!COORD_RULE(pbft_requests_are_numbered_from_1, request.timestamp != 0)) return false;
  if (!COORD_RULE(pbft_operations_have_a_bound, request.operation.size() <= config_.longest_operation))
    return false;
  return config_.notary->verify(request.client, request.words().view(), request.signature);
}

bool Replica::was_executed(const Request& request) const {
  const auto last = state_.clients.find(request.client);
  return last != state_.clients.end() && request.timestamp <= last->second.timestamp;
}

void Replica::receive(Instant now, NodeId from, const Request& request, Actions& actions) {
  if (is_full()) return prove_to(from, actions);
  if (request.nothing() || !is_authentic(request)) return;
  if (was_executed(request)) {
    const auto& last = state_.clients.at(request.client);
    if (request.timestamp == last.timestamp) {
      actions.push_back(Send{request.client, Reply{view_, last.timestamp, last.result}});
    }
    return;
  }
  Request& latest = pending_[request.client];
  const bool again = latest.timestamp == request.timestamp;
  if (latest.timestamp < request.timestamp) latest = request;
  watch_pending(now, false);
  if (!active_) return;
  if (again) repeat(now, actions);
  if (primary(view_) == config_.group.self) return order_pending(now, actions);
  if (from == request.client) actions.push_back(Send{primary(view_), request});
}

// Whoever has a request that is not executed in time gives up on the view.
void Replica::watch_pending(Instant now, bool anew) {
  if (!active_) return;
  if (pending_.empty()) return give_up_at_.reset();
  if (anew || !give_up_at_) give_up_at_ = now + time_out_;
}

void Replica::order_pending(Instant now, Actions& actions) {
  if (!active_ || primary(view_) != config_.group.self) return;
  for (const auto& [client, request] : std::map(pending_)) {  // executing takes away from the original
    if (!in_window(next_sequence_)) return;
    if (!ordered_.insert({client, request.timestamp}).second) continue;
    PrePrepare message{view_, next_sequence_++, digest_of(request), request, {}};
    const auto words = pre_prepare_words(message.view, message.sequence, message.digest);
    message.signature = config_.notary->sign(words.view());
    send_to_others(message, actions);
    take_pre_prepare(now, message, actions);
  }
}

// The client asks again: something was lost on the way, here or before it in the order. Says again what was
// said in this view, at most once in half the patience.
void Replica::repeat(Instant now, Actions& actions) {
  if (repeated_at_ && now - *repeated_at_ < config_.patience / 2) return;
  repeated_at_ = now;
  const auto signed_by_me = stable_.signatures.find(config_.group.self);
  if (signed_by_me != stable_.signatures.end()) {
    send_to_others(Checkpoint{stable_.sequence, stable_.digest, signed_by_me->second}, actions);
  }
  for (const auto& [sequence, checkpoint] : checkpoints_[config_.group.self])
    send_to_others(checkpoint, actions);
  for (const auto& [sequence, slot] : slots_) {
    const auto found = slot.rounds.find(view_);
    if (found == slot.rounds.end() || !found->second.pre_prepare) continue;
    const Round& round = found->second;
    const auto own = round.prepares.find(config_.group.self);
    if (primary(view_) == config_.group.self) send_to_others(*round.pre_prepare, actions);
    if (own != round.prepares.end()) send_to_others(own->second, actions);
    if (round.prepared) send_to_others(commit_of(*round.pre_prepare), actions);
  }
}

// ---- the three phases

// Where the votes for this place and view are kept; nullptr: not kept at all.
Replica::Round* Replica::round_of(View view, Sequence sequence) {
  if (view < view_ || view > view_ + views_ahead || !in_window(sequence)) return nullptr;
  return &slots_[sequence].rounds[view];
}

void Replica::receive(Instant now, NodeId from, const PrePrepare& message, Actions& actions) {
  if (from != primary(message.view)) return;
  if (COORD_RULE_OR(pbft_accepts_nothing_when_all_is_decided, is_full(), false))
    return prove_to(from, actions);
  Round* round = round_of(message.view, message.sequence);
  const auto words = pre_prepare_words(message.view, message.sequence, message.digest);
  // One request a place and view, the first.
  if (!round || round->pre_prepare || round->early || message.request.nothing()) return;
  if (message.digest != digest_of(message.request) || !is_authentic(message.request)) return;
  if (!config_.notary->verify(from, words.view(), message.signature)) return;
  if (message.view > view_ || !active_) {  // it has overtaken the beginning of its view
    round->early = message;
    return;
  }
  take_pre_prepare(now, message, actions);
}

void Replica::take_pre_prepare(Instant now, const PrePrepare& message, Actions& actions) {
  Round& round = slots_[message.sequence].rounds[message.view];
  round.pre_prepare = message;
  changed_places_.insert(message.sequence);
  if (primary(message.view) != config_.group.self) {
    const Prepare prepare = prepare_of(message);
    round.prepares[config_.group.self] = prepare;
    send_to_others(prepare, actions);
  }
  look_at(now, message.sequence, actions);
}

void Replica::receive(Instant now, NodeId from, const Prepare& message, Actions& actions) {
  Round* round = round_of(message.view, message.sequence);
  if (!round || from == primary(message.view)) return;
  const auto words = prepare_words(message.view, message.sequence, message.digest);
  if (!config_.notary->verify(from, words.view(), message.signature)) return;
  round->prepares.emplace(from, message);  // the first word counts
  look_at(now, message.sequence, actions);
}

void Replica::receive(Instant now, NodeId from, const Commit& message, Actions& actions) {
  Round* round = round_of(message.view, message.sequence);
  const auto words = commit_words(message.view, message.sequence, message.digest);
  if (!round || !config_.notary->verify(from, words.view(), message.signature)) return;
  round->commits.emplace(from, message);
  look_at(now, message.sequence, actions);
}

Prepare Replica::prepare_of(const PrePrepare& message) const {
  const auto words = prepare_words(message.view, message.sequence, message.digest);
  return {message.view, message.sequence, message.digest, config_.notary->sign(words.view())};
}

Commit Replica::commit_of(const PrePrepare& message) const {
  const auto words = commit_words(message.view, message.sequence, message.digest);
  return {message.view, message.sequence, message.digest, config_.notary->sign(words.view())};
}

std::size_t Replica::prepares_needed() const {
  return COORD_RULE_OR(pbft_prepared_by_2f, 2 * faulty(), 2 * faulty() - 1);
}

// Whether this place is prepared now, or committed.
void Replica::look_at(Instant now, Sequence sequence, Actions& actions) {
  if (!active_) return;
  Slot& slot = slots_[sequence];
  Round& round = slot.rounds[view_];
  if (!round.pre_prepare) return;
  const Digest& digest = round.pre_prepare->digest;
  PreparedProof proof{view_, sequence, digest, round.pre_prepare->request, round.pre_prepare->signature, {}};
  for (const auto& [node, prepare] : round.prepares) {
    if (prepare.digest == digest) proof.prepares[node] = prepare.signature;
  }
  if (!round.prepared && proof.prepares.size() >= prepares_needed()) {
    round.prepared = true;
    slot.proof = std::move(proof);
    changed_places_.insert(sequence);
    const Commit commit = commit_of(*round.pre_prepare);
    round.commits[config_.group.self] = commit;
    send_to_others(commit, actions);
  }
  if (!round.prepared || slot.committed) return;
  Committed committed{view_, sequence, digest, round.pre_prepare->request, {}};
  for (const auto& [node, commit] : round.commits) {
    if (commit.digest == digest) committed.commits[node] = commit.signature;
  }
  if (committed.commits.size() < commits_needed()) return;
  slot.committed = std::move(committed);
  changed_places_.insert(sequence);
  execute_ready(now, actions);
}

std::size_t Replica::commits_needed() const {
  return COORD_RULE_OR(pbft_committed_by_2f_plus_1, quorum(), 2 * faulty());
}

void Replica::execute_ready(Instant now, Actions& actions) {
  while (true) {
    const auto next = slots_.find(state_.sequence + 1);
    if (next == slots_.end() || !next->second.committed) return;
    const Request request = next->second.committed->request;  // a checkpoint may forget the slot
    execute(now, next->first, request, actions);
  }
}

void Replica::execute(Instant now, Sequence sequence, const Request& request, Actions& actions) {
  state_.sequence = sequence;
  if (!request.nothing() && !was_executed(request)) {
    ++state_.executed;
    const Value result = fmt::format("{}:{}", state_.executed, request.operation);
    state_.history = config_.notary->digest(Canonical().put(state_.history).put(digest_of(request)).view());
    state_.clients[request.client] = {request.timestamp, result};
    actions.push_back(Executed{sequence, request, result});
    actions.push_back(Send{request.client, Reply{view_, request.timestamp, result}});
    const auto pending = pending_.find(request.client);
    if (pending != pending_.end() && pending->second.timestamp <= request.timestamp) pending_.erase(pending);
    time_out_ = config_.patience;
    watch_pending(now, true);
  }
  if (is_full()) {
    pending_.clear();
    give_up_at_.reset();
    resend_at_.reset();
  }
  if (sequence % config_.checkpoint_every == 0) make_checkpoint(now, actions);
}

// ---- what is proved

const Committed* Replica::committed(Sequence sequence) const {
  const auto slot = slots_.find(sequence);
  return slot == slots_.end() || !slot->second.committed ? nullptr : &*slot->second.committed;
}

void Replica::prove_to(NodeId node, Actions& actions) const {
  for (const auto& [sequence, slot] : slots_) {
    if (slot.committed && node != config_.group.self) actions.push_back(Send{node, *slot.committed});
  }
}

bool Replica::is_valid(const Committed& proof) const {
  if (proof.digest != digest_of(proof.request) || !is_authentic(proof.request)) return false;
  if (proof.commits.size() < commits_needed()) return false;
  const auto words = commit_words(proof.view, proof.sequence, proof.digest);
  return std::all_of(proof.commits.begin(), proof.commits.end(), [&](const auto& commit) {
    return config_.group.knows(commit.first) &&
           config_.notary->verify(commit.first, words.view(), commit.second);
  });
}

// Whoever brings it.
void Replica::receive(Instant now, NodeId, const Committed& message, Actions& actions) {
  if (!in_window(message.sequence) || slots_[message.sequence].committed) return;
  if (!COORD_RULE(pbft_what_is_committed_is_proved, is_valid(message))) return;
  slots_[message.sequence].committed = message;
  changed_places_.insert(message.sequence);
  execute_ready(now, actions);
}

// ---- the client

Client::Actions Client::step(Instant now, const Event& event) {
  Actions actions;
  std::visit([&](const auto& what) { on(now, what, actions); }, event);
  return actions;
}

void Client::on(Instant now, const Ask& ask, Actions& actions) {
  waiting_.push_back(ask);
  if (!asked_) ask_next(now, actions);
}

void Client::ask_next(Instant now, Actions& actions) {
  resend_at_.reset();
  asked_.reset();
  replies_.clear();
  if (waiting_.empty()) return;
  timestamp_ = std::max(timestamp_ + 1, waiting_.front().timestamp);
  asked_ = Request{config_.group.self, timestamp_, waiting_.front().operation, {}};
  waiting_.erase(waiting_.begin());
  asked_->signature = config_.notary->sign(asked_->words().view());
  resend_at_ = now + config_.resend;
  actions.push_back(Send{config_.group.nodes[view_ % config_.group.size()], *asked_});
}

void Client::on(Instant now, const Receive& what, Actions& actions) {
  const auto* reply = std::get_if<Reply>(&what.message);
  if (!reply || !asked_ || !config_.group.knows(what.from) || reply->timestamp != asked_->timestamp) return;
  replies_[what.from] = reply->result;
  const auto same = static_cast<std::size_t>(std::count_if(
      replies_.begin(), replies_.end(), [&](const auto& other) { return other.second == reply->result; }));
  const std::size_t faulty = (config_.group.size() - 1) / 3;
  if (same < COORD_RULE_OR(pbft_client_believes_f_plus_1, faulty + 1, 1U)) return;
  view_ = reply->view;
  actions.push_back(Answered{asked_->timestamp, reply->result});
  ask_next(now, actions);
}

void Client::on(Instant now, const Tick&, Actions& actions) {
  if (!resend_at_ || now < *resend_at_) return;
  resend_at_ = now + config_.resend;
  for (const NodeId node : config_.group.nodes) actions.push_back(Send{node, *asked_});
}

}  // namespace coord::consensus::pbft
